"""Graphs for chats: which, drawn by whom, fetched where, and that no message waits or is lost for one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.catalogue.metric import Display
from core.cloudwatch import widgets
from core.incidents.notification import Notification, Reason
from core.incidents.policy import Channel, ChannelKind
from core.messages import graph
from lambdas import channels, pictures
from lambdas.adapters import graphs, secrets
from tests.channels.conftest import Service
from tests.channels.table import NOW, REGION
from tests.channels.test_channels import FIRST, LOOPBACK, Cloud
from tests.messages import samples

BUCKET = "images"
PNG = b"\x89PNG"
MATH: dict[str, Any] = {
    "AlarmName": "ranker-HighErrorRate",
    "Metrics": [
        {
            "Id": "errors",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": "Invocation5XXErrors",
                    "Dimensions": [{"Name": "EndpointName", "Value": "ranker"}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
            "ReturnData": False,
        },
        {"Id": "rate", "Expression": "errors / 2", "ReturnData": True},
    ],
}
PLAIN: dict[str, Any] = {
    "AlarmName": "cpu",
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
    "Period": 300,
    "ExtendedStatistic": "p99",
}


def told(**changes: Any) -> Notification:
    """A first message whose leading alert is an alarm on one metric."""
    alert = FIRST.firing[0]
    arn = f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:{alert.source}"
    facts = replace(alert.facts, threshold=0.05, display=Display("%", 100.0), children=())
    values: dict[str, Any] = {"arn": arn, "region": REGION, "facts": facts} | changes
    return replace(FIRST, firing=(replace(alert, **values),), symptoms=())


class CloudWatch:
    """DescribeAlarms and GetMetricWidgetImage; `asked` are the widgets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, alarm: dict[str, Any] | None = MATH) -> None:
        self.asked: list[dict[str, Any]] = []
        monkeypatch.setattr(graphs, "alarm", lambda _: alarm)
        monkeypatch.setattr(graphs, "draw", self._draw)

    def _draw(self, widget: dict[str, Any]) -> bytes:
        self.asked.append(widget)
        return PNG


@pytest.fixture
def s3(table: Any) -> Iterator[Any]:
    pictures.forget()
    secrets.forget()
    graphs.client.cache_clear()
    client = graphs.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    graphs.client.cache_clear()


@pytest.mark.parametrize("alarm,label", [(MATH, "errors / 2"), (PLAIN, None)])
def test_the_graph_shows_what_the_alarm_watches_in_the_unit_of_the_message(
    alarm: dict[str, Any], label: str | None
) -> None:
    message = told()

    widget = graph.widget(message, message.firing[0], alarm)

    assert widget is not None
    read = widgets.read(json.dumps(widget), NOW)
    seen = [row.query for row in read.rows if row.query["ReturnData"]]
    assert [query["Expression"] for query in seen] == [f"{'rate' if label else 'm1'} * 100.0"]
    assert [mark.at for mark in read.thresholds] == [5.0]
    assert [mark.at for mark in read.instants] == [message.opened_at.timestamp()]
    assert (read.end - read.start, read.end) == (message.at - message.opened_at + graph.BEFORE, message.at)


def test_a_graph_without_a_scale_shows_the_series_itself() -> None:
    message = told()
    alert = replace(message.firing[0], facts=replace(message.firing[0].facts, display=Display("", 1.0)))

    widget = graph.widget(message, alert, PLAIN)

    assert widget is not None
    (row,) = widget["metrics"]
    assert row[:4] == ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]
    assert (row[4]["stat"], row[4]["period"], "visible" in row[4]) == ("p99", 300, False)


def test_a_long_incident_is_shown_from_before_its_beginning_and_a_week_at_most() -> None:
    for lasted, shown in ((timedelta(days=2), timedelta(days=2.5)), (timedelta(days=40), graph.LONGEST)):
        message = replace(told(), opened_at=FIRST.at - lasted)
        widget = graph.widget(message, message.firing[0], PLAIN)
        assert widget is not None
        read = widgets.read(json.dumps(widget), NOW)
        assert read.end - read.start == shown


def test_what_is_no_alarm_on_metrics_has_no_graph(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    cloudwatch = CloudWatch(monkeypatch, alarm=None)

    assert pictures.address(told(), BUCKET) == ""
    assert pictures.address(replace(told(arn=""), id="other"), BUCKET) == ""
    assert pictures.address(samples.reasons()["digest"], BUCKET) == ""
    assert graph.widget(told(), told().firing[0], {"AlarmName": "promql"}) is None
    assert cloudwatch.asked == []


def test_an_image_is_kept_under_its_messages_id_and_fetched_for_less_than_an_hour(
    monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    CloudWatch(monkeypatch)

    url = urlsplit(pictures.address(told(), BUCKET))

    kept = s3.get_object(Bucket=BUCKET, Key=f"graphs/{FIRST.id}.png")
    query = parse_qs(url.query)
    assert (kept["Body"].read(), kept["ContentType"]) == (PNG, "image/png")
    assert url.path.endswith(f"/graphs/{FIRST.id}.png")
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert 0 < int(query["X-Amz-Expires"][0]) < 3600


@pytest.mark.parametrize(
    "region,host",
    [
        ("us-east-1", "images.s3.us-east-1.amazonaws.com"),
        ("eu-central-1", "images.s3.eu-central-1.amazonaws.com"),
        ("cn-north-1", "images.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_an_address_names_the_buckets_region(s3: Any, monkeypatch: pytest.MonkeyPatch, region: str, host: str) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    graphs.client.cache_clear()

    url = graphs.client("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "x"})

    assert urlsplit(url).hostname == host


def test_a_receivers_channels_share_one_image(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    cloudwatch = CloudWatch(monkeypatch)

    first, second = pictures.address(told(), BUCKET), pictures.address(told(), BUCKET)

    assert first == second
    assert len(cloudwatch.asked) == 1


def test_a_failure_costs_one_attempt_and_the_next_messages_go_without_for_a_minute(
    monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    calls: list[str] = []

    def fail(name: str) -> None:
        calls.append(name)
        raise TimeoutError(name)

    monkeypatch.setattr(graphs, "alarm", fail)

    got = [pictures.address(replace(told(), id=str(number)), BUCKET) for number in range(3)]

    assert got == ["", "", ""]
    assert len(calls) == 1


def test_nothing_is_tried_twice_while_a_message_waits() -> None:
    assert graphs.BRIEF.retries["total_max_attempts"] == 1
    assert graphs.BRIEF.connect_timeout + graphs.BRIEF.read_timeout <= 4


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.TEAMS])
def test_a_chat_that_fetches_at_once_is_given_the_image(
    kind: ChannelKind, monkeypatch: pytest.MonkeyPatch, s3: Any, service: Service
) -> None:
    CloudWatch(monkeypatch)
    service.answer(200, b"ok")
    cloud = Cloud()
    cloud.desk = replace(cloud.desk, images=BUCKET)

    outcome = channels.send(Channel(kind, "", cloud.secret(service.url), LOOPBACK), told(), cloud.desk)

    assert outcome.sent
    assert f"/graphs/{FIRST.id}.png" in service.requests[0].body.decode()


def test_who_does_not_fetch_at_once_gets_none(monkeypatch: pytest.MonkeyPatch, s3: Any, service: Service) -> None:
    cloudwatch = CloudWatch(monkeypatch)
    service.answer(202, b"{}")
    cloud = Cloud()
    cloud.desk = replace(cloud.desk, images=BUCKET)

    for kind in (ChannelKind.SNS, ChannelKind.PAGERDUTY):
        channels.send(
            Channel(kind, service.url if kind is ChannelKind.PAGERDUTY else "", cloud.secret("key"), LOOPBACK),
            told(),
            cloud.desk,
        )

    assert cloudwatch.asked == []


def test_an_end_shows_the_alarm_that_led(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    cloudwatch = CloudWatch(monkeypatch)
    message = told()
    over = replace(message, reason=Reason.ALL_RESOLVED, firing=(), resolved=message.firing, resolved_at=message.at)

    assert pictures.address(over, BUCKET) != ""
    assert cloudwatch.asked[0]["title"].endswith(message.firing[0].facts.title)
