import io
import json
import struct
import urllib.request
from datetime import timedelta

import pytest

from agent.aws import Service
from agent.config import load
from agent.credentials import Provider
from agent.inputs import units
from agent.sample import Datum, Sample
from agent.sinks import Answer as Reply
from agent.sinks import Item, Verdict, registry
from agent.sinks.emf import EmfStdout
from agent.sinks.mlflow import Mlflow
from agent.sinks.otlp import Otlp, build, request
from agent.sinks.prometheus import STALE_SECONDS, Page, Prometheus
from agent.sinks.stdout import Printer, Stdout
from core.catalogue import gpu as gpus
from core.catalogue import host, inputs
from tests.agent.fakes import NOON, FakeClock, datum, loopback, window

MINUTE = timedelta(minutes=1)
AT = int(NOON.timestamp())


def gauge(*values, metric=host.CPU_USAGE_ACTIVE, dimensions=(("host", "h"),), second=0):
    counted = {value: values.count(value) for value in sorted(values)}
    return Datum(
        metric,
        dimensions,
        min(values),
        max(values),
        sum(values),
        len(values),
        tuple(counted),
        tuple(counted.values()),
        second,
    )


# ---------------------------------------------------------------- OTLP


def fields(message):
    """A protobuf message, decoded without a schema: (field, value) pairs."""
    at = 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    found = []
    while at < len(message):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
        elif key & 7 == 1:
            found.append((key >> 3, message[at : at + 8]))
            at += 8
        else:
            assert key & 7 == 2
            size = varint()
            found.append((key >> 3, message[at : at + size]))
            at += size
    return found


def one(message, *path):
    for number in path:
        (message,) = [value for field, value in fields(message) if field == number]
    return message


def attributes(message, field):
    pairs = [value for number, value in fields(message) if number == field]
    return {one(pair, 1).decode(): one(pair, 2, 1).decode() for pair in pairs}


def otlp(url="http://127.0.0.1:9"):
    provider = Provider(environment={"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"})
    service = Service(
        url, name="monitoring", region="eu-west-1", protocol="1.0", target="", provider=provider, now=lambda: NOON
    )
    return Otlp(service)


def test_a_gauge_is_its_average_and_its_maximum():
    average, maximum = [one(metric, 2) for metric in build(NOON, MINUTE, gauge(1.0, 2.0, 6.0))]

    assert (b"cpu_usage_active", b"cpu_usage_active_max") == (one(average, 1), one(maximum, 1))
    assert b"%" == one(average, 3)
    point = one(average, 5, 1)
    assert (AT * 10**9, (AT + 60) * 10**9) == (
        struct.unpack("<Q", one(point, 2))[0],
        struct.unpack("<Q", one(point, 3))[0],
    )
    assert 3.0 == struct.unpack("<d", one(point, 4))[0]
    assert 6.0 == struct.unpack("<d", one(maximum, 5, 1, 4))[0]
    assert {"host": "h"} == attributes(point, 7)


@pytest.mark.parametrize("unit", ["us", "ms", "s", "By", "kBy", "MBy", "GBy", "bit", "%", "By/s", "bit/s"])
def test_a_unit_that_came_in_goes_out_as_it_was(unit):
    metric = inputs.gauge("x", units.from_ucum(unit))

    [built] = build(NOON, MINUTE, gauge(1.0, metric=metric))

    assert unit == one(built, 2, 3).decode()


@pytest.mark.parametrize("metric", [each for each in (*host.METRICS, *gpus.METRICS) if each.unit != "None"])
def test_every_metric_has_its_unit(metric):
    [built, *_] = build(NOON, MINUTE, gauge(1.0, metric=metric))

    assert one(built, 2, 3)


def test_what_is_counted_is_a_delta_sum():
    (metric,) = [one(metric, 2) for metric in build(NOON, MINUTE, gauge(1.0, 41.0, metric=host.NET_BYTES_SENT))]

    assert 42.0 == struct.unpack("<d", one(metric, 7, 1, 4))[0]
    assert (1, 1) == (one(metric, 7, 2), one(metric, 7, 3)), "delta, monotonic"


def test_a_request_is_one_resource_and_one_scope():
    sink = otlp()
    items = [sink.item(NOON, MINUTE, gauge(float(number))) for number in range(3)]

    resource = one(request(items), 1)

    assert {"service.name": "mlwarden-agent"} == attributes(one(resource, 1), 1)
    assert 3 == len([field for field, _ in fields(one(resource, 2)) if field == 2])


def test_otlp_is_posted_signed_to_its_path():
    with loopback(lambda _: (200, "")) as server:
        sink = otlp(server.url)
        reply = sink.send([sink.item(NOON, MINUTE, gauge(1.0))], timeout_seconds=5)
        sink.close()

    (seen,) = server.requests
    assert Reply(Verdict.TAKEN) == reply
    assert ("/v1/metrics", "application/x-protobuf") == (seen.path, seen.headers["content-type"])
    assert "/eu-west-1/monitoring/aws4_request" in seen.headers["authorization"]
    assert "x-amz-target" not in seen.headers


@pytest.mark.parametrize(
    "status, body, verdict",
    [
        (200, "\x0a\x02\x08\x05", Verdict.TAKEN),
        (400, "bad point", Verdict.REFUSED),
        (403, {"message": "not authorized"}, Verdict.LATER),
        (429, "", Verdict.THROTTLED),
        (502, "", Verdict.UNKNOWN),
    ],
)
def test_an_otlp_answer_is_judged(status, body, verdict):
    with loopback(lambda _: (status, body)) as server:
        sink = otlp(server.url)
        reply = sink.send([sink.item(NOON, MINUTE, gauge(1.0))], timeout_seconds=5)
        sink.close()

    assert verdict is reply.verdict
    assert reply.reason


# ---------------------------------------------------------------- EMF


def test_windows_are_printed_one_line_a_datum_or_one_a_group():
    plain, grouped = io.StringIO(), io.StringIO()
    Stdout(Printer(plain)).show(window(0, 3))
    EmfStdout(namespace="CWAgent", printer=Printer(grouped)).show(window(0, 0, gauge(1.0), datum(path="")))

    assert 3 == len(plain.getvalue().splitlines())
    assert ["cpu_usage_active"] == [key for key in json.loads(grouped.getvalue()) if key.startswith("cpu")]


# ---------------------------------------------------------------- MLflow


def test_mlflow_gets_its_own_names_and_units():
    gpu = (("host", "h"), ("index", "3"))
    content = [
        gauge(10.0, 30.0),
        gauge(2e9, metric=host.MEM_USED),
        gauge(5.0, metric=host.DISK_USED_PERCENT, dimensions=(("host", "h"), ("path", "/"))),
        gauge(1000.0, metric=gpus.NVIDIA_SMI_MEMORY_USED, dimensions=gpu),
    ]
    others = [
        gauge(1.0, metric=host.NET_BYTES_SENT),
        gauge(5.0, metric=host.DISK_USED_PERCENT, dimensions=(("host", "h"), ("path", "/data"))),
        gauge(5.0, metric=gpus.NVIDIA_SMI_UTILIZATION_GPU),
    ]
    with loopback(lambda _: (200, {})) as server:
        sink = Mlflow(f"{server.url}/tracking", run="abc", environment={"MLFLOW_TRACKING_TOKEN": "t"})
        assert [None] * 3 == [sink.item(NOON, MINUTE, each) for each in others]
        items = [item for each in content if (item := sink.item(NOON, MINUTE, each))]
        reply = sink.send(items, timeout_seconds=5)
        sink.close()

    (seen,) = server.requests
    assert Reply(Verdict.TAKEN) == reply
    assert "/tracking/api/2.0/mlflow/runs/log-batch" == seen.path
    assert "Bearer t" == seen.headers["authorization"]
    assert "abc" == seen.json()["run_id"]
    assert {
        "system/cpu_utilization_percentage": 20.0,
        "system/system_memory_usage_megabytes": 2000.0,
        "system/disk_usage_percentage": 5.0,
        "system/gpu_3_memory_usage_megabytes": 1048.576,
    } == {metric["key"]: metric["value"] for metric in seen.json()["metrics"]}
    assert {(AT * 1000, AT // 60)} == {(metric["timestamp"], metric["step"]) for metric in seen.json()["metrics"]}


@pytest.mark.parametrize(
    "status, verdict",
    [(400, Verdict.REFUSED), (404, Verdict.LATER), (429, Verdict.THROTTLED), (503, Verdict.UNKNOWN)],
)
def test_an_mlflow_answer_is_judged(status, verdict):
    with loopback(lambda _: (status, {"error_code": "X"})) as server:
        sink = Mlflow(server.url, run="abc", environment={})
        reply = sink.send([Item(NOON, datum(), b"{}")], timeout_seconds=5)
        sink.close()

    assert verdict is reply.verdict


# ---------------------------------------------------------------- Prometheus


def test_the_page_shows_last_values_and_totals():
    clock = FakeClock()
    page = Page((("host", "h"),), monotonic=clock.monotonic)
    for value in (1.0, 2.5):
        page.observe(Sample(host.DISK_USED_PERCENT, value, (("path", '/a"b\\c'),)))
        page.observe(Sample(host.NET_BYTES_SENT, value))

    assert (
        "# TYPE disk_used_percent gauge\n"
        'disk_used_percent{host="h",path="/a\\"b\\\\c"} 2.5\n'
        "# TYPE net_bytes_sent_total counter\n"
        'net_bytes_sent_total{host="h"} 3.5\n'
    ) == page.text()
    clock.advance(STALE_SECONDS + 1)
    assert '# TYPE net_bytes_sent_total counter\nnet_bytes_sent_total{host="h"} 3.5\n' == page.text()


def test_the_page_is_served_on_the_loopback():
    sink = Prometheus(Page((("host", "h"),), monotonic=lambda: 0.0), port=0)
    sink.observe(Sample(host.SYSTEM_LOAD1, 1.5))

    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/metrics", timeout=5) as answer:
        text, kind = answer.read().decode(), answer.headers["Content-Type"]
    sink.close()

    assert 'system_load1{host="h"} 1.5\n' in text
    assert kind.startswith("text/plain; version=0.0.4")


# ---------------------------------------------------------------- registry


def test_every_sink_of_the_configuration_is_made(tmp_path):
    config = load(
        'sinks = ["cloudwatch", "otlp", "emf", "mlflow", "stdout"]\nmlflow_url = "http://127.0.0.1:5000"\n'
        f'mlflow_run_id = "r"\nemf_file = "{tmp_path}/emf.log"'
    )

    made = registry.make(
        config, region="eu-west-1", identity=(), environment={}, now=lambda: NOON, monotonic=lambda: 0.0
    )

    assert ["cloudwatch", "otlp", "emf", "mlflow"] == [sink.name for sink in made.durable]
    assert ["stdout"] == [sink.name for sink in made.live]
