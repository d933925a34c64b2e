"""What the agent sends, given to the embedded AWS, which refuses what AWS refuses."""

import json
from datetime import timedelta

import pynvml
import pytest

from agent.aws import Service
from agent.credentials import Provider
from agent.selection import Selection
from agent.sinks import Verdict
from agent.sinks.cloudwatch import CloudWatch
from agent.sinks.logs import EmfLogs
from core.catalogue import dashboards, host
from core.catalogue.tiers import Tier
from local import server
from local.clock import Clock
from tests.agent.fake_nvml import FakeNvml, let_go
from tests.agent.fakes import NOON
from tests.agent.whole_host import WholeHost, data, whole_gpu
from tests.core.configurations import configured

MINUTE = timedelta(minutes=1)
GROUP = "/mlwarden/agent"


@pytest.fixture
def running():
    with server.start(clock=Clock(NOON + 2 * MINUTE)) as started:
        yield started


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 10)
    monkeypatch.setattr(pynvml, "nvmlLib", FakeNvml(whole_gpu(), whole_gpu()))
    pynvml._nvmlGetFunctionPointer_cache.clear()
    yield WholeHost(tmp_path)
    pynvml._nvmlGetFunctionPointer_cache.clear()


def sent(here, tier):
    """The windows of two rounds at the tier."""
    selection = Selection(tier, most=1000, monotonic=here.clock.monotonic)
    loop, windows = here.loop({**here.host, **here.others, "selection": selection}, admits=selection.admits)
    here.rounds(loop, 2)
    loop.close()
    let_go(here.source)
    return windows


def service(running, name, protocol, target):
    provider = Provider(environment={"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "secret"})
    return Service(
        running.url,
        name=name,
        region="us-east-1",
        protocol=protocol,
        target=target,
        provider=provider,
        now=running.world.clock.now,
    )


def deliver(sink, windows):
    """One request with all that the windows hold; its answer."""
    items = [sink.item(window.start, window.length, datum) for window in windows for datum in window.datums]
    assert sum(len(item.data) + sink.between_bytes for item in items) <= sink.max_bytes
    answer = sink.send(items, timeout_seconds=20)
    sink.close()
    return answer


def listed(running):
    """Every series that CloudWatch has: its name and dimensions."""
    with running.world.lock:
        found = running.world.cloudwatch.handle("ListMetrics", {"Namespace": "CWAgent"})
    assert "NextToken" not in found
    return {
        (metric["MetricName"], frozenset((one["Name"], one["Value"]) for one in metric["Dimensions"]))
        for metric in found["Metrics"]
    }


def statistics(running, metric):
    with running.world.lock:
        answer = running.world.cloudwatch.handle(
            "GetMetricStatistics",
            {
                "Namespace": "CWAgent",
                "MetricName": metric.name,
                "Dimensions": [{"Name": "host", "Value": "h"}],
                "StartTime": NOON.timestamp(),
                "EndTime": (NOON + 2 * MINUTE).timestamp(),
                "Period": 60,
                "Statistics": ["Sum", "Minimum", "Maximum", "SampleCount"],
            },
        )
    [point] = answer["Datapoints"]
    return point["Sum"], point["Minimum"], point["Maximum"], point["SampleCount"]


def sinks(running):
    yield CloudWatch(service(running, "monitoring", "1.0", "GraniteServiceVersion20100801"), namespace="CWAgent")
    yield EmfLogs(service(running, "logs", "1.1", "Logs_20140328"), group=GROUP, stream="h", namespace="CWAgent")


@pytest.mark.parametrize("way", ["PutMetricData", "PutLogEvents"])
def test_every_series_of_a_host_that_has_everything_is_accepted_and_read_back(running, here, way):
    windows = sent(here, Tier.FULL)
    load = next(datum for datum in data(windows) if datum.metric is host.SYSTEM_LOAD1)
    metric_data, logs = sinks(running)
    if way == "PutLogEvents":
        create_group(running)

    answer = deliver(metric_data if way == "PutMetricData" else logs, windows)

    assert Verdict.TAKEN is answer.verdict, answer.reason
    assert "" == answer.reason
    assert {(datum.metric.name, frozenset(datum.dimensions)) for datum in data(windows)} == listed(running)
    assert (load.total, load.minimum, load.maximum, load.count) == pytest.approx(statistics(running, host.SYSTEM_LOAD1))


def create_group(running):
    logs = service(running, "logs", "1.1", "Logs_20140328")
    answer = logs.call("CreateLogGroup", json.dumps({"logGroupName": GROUP}).encode(), timeout_seconds=20)
    logs.close()
    assert 200 == answer.status


def test_lines_for_a_log_group_that_is_not_there_wait(running, here):
    windows = sent(here, Tier.LEAN)
    metric_data, logs = sinks(running)
    metric_data.close()

    answer = deliver(logs, windows)

    assert Verdict.LATER is answer.verdict
    assert "ResourceNotFoundException" in answer.reason


def test_the_hosts_dashboard_shows_series_that_the_agent_sends_by_default(running, here):
    metric_data, logs = sinks(running)
    logs.close()
    deliver(metric_data, sent(here, Tier.STANDARD))
    config = configured('[[hosts]]\nname = "train"\nhost = "h"\ngpus = 2\n')

    shown = {
        (row[1], frozenset(zip(*[iter(word for word in row[2:] if isinstance(word, str))] * 2, strict=True)))
        for dashboard in dashboards.compute(config, region="us-east-1", alarm_arn_prefix="arn:aws:cloudwatch:::alarm:")
        for widget in dashboard.body["widgets"]
        for row in widget["properties"].get("metrics", [])
        if row[0] == "CWAgent"
    }

    assert shown
    assert set() == shown - listed(running)
