import gzip
import http.client
import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate import Aggregate
from agent.inputs import otlp_json, otlp_protobuf
from agent.inputs.intake import Intake
from agent.inputs.otlp import JSON, LARGEST_BYTES, PROTOBUF, Otlp, Receiver
from agent.inputs.otlp_model import CUMULATIVE, DELTA, Form, Malformed, Point, Told
from agent.record import decode, encode
from agent.series import SeriesNumbers
from agent.sinks.protobuf import double, fixed, message, text, whole
from core.catalogue import inputs
from tests.agent.fakes import NOON, FakeClock

STARTED = 1_000


def attribute(key, value, field=1):
    held = text(field, value) if field == 1 else whole(field, value)
    return message(7, text(1, key), message(2, held))


def exported(*metrics):
    resource = message(1, message(1, text(1, "service.name"), message(2, text(1, "api"))))
    return message(1, resource, message(2, *(message(2, metric) for metric in metrics)))


GAUGE = text(1, "queue") + text(3, "{request}") + message(5, message(1, double(4, 2.5), attribute("model", "m")))
SUM = text(1, "tokens") + message(7, message(1, fixed(2, 5), fixed(6, 41)), whole(2, DELTA), whole(3, 1))
BUCKETS = message(6, b"".join(n.to_bytes(8, "little") for n in (1, 2, 0)))
BOUNDS = b"".join(double(7, bound) for bound in (1.0, 2.0))
HISTOGRAM = text(1, "latency") + text(3, "s")
HISTOGRAM += message(9, message(1, fixed(4, 3), double(5, 3.5), BUCKETS, BOUNDS), whole(2, DELTA))

SERVICE = (("service.name", "api"),)
TOLD = (
    Told("queue", "{request}", Form.GAUGE, SERVICE, (Point((("model", "m"),), value=2.5),)),
    Told("tokens", "", Form.SUM, SERVICE, (Point((), 5, value=41.0),), DELTA, True),
    Told("latency", "s", Form.HISTOGRAM, SERVICE, (Point((), 0, 0, None, (1.0, 2.0), (1, 2, 0), 3.5),), DELTA),
)

DOCUMENT = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]},
            "scopeMetrics": [
                {
                    "scope": {"name": "s"},
                    "metrics": [
                        {
                            "name": "queue",
                            "unit": "{request}",
                            "gauge": {
                                "dataPoints": [
                                    {"asDouble": 2.5, "attributes": [{"key": "model", "value": {"stringValue": "m"}}]}
                                ]
                            },
                        },
                        {
                            "name": "tokens",
                            "sum": {
                                "dataPoints": [{"asInt": "41", "startTimeUnixNano": "5"}],
                                "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                                "isMonotonic": True,
                            },
                        },
                        {
                            "name": "latency",
                            "unit": "s",
                            "histogram": {
                                "dataPoints": [
                                    {
                                        "count": "3",
                                        "sum": 3.5,
                                        "bucketCounts": ["1", "2", "0"],
                                        "explicitBounds": [1.0, 2.0],
                                    }
                                ],
                                "aggregationTemporality": 1,
                            },
                        },
                    ],
                }
            ],
        }
    ]
}


def make(*attributes):
    intake = Intake("otlp", most_series=50, monotonic=FakeClock().monotonic)
    receiver = Receiver(attributes=attributes, intake=intake, monotonic=FakeClock().monotonic, started_ns=STARTED)
    return receiver, intake


def taken(intake):
    return sorted(
        (sample.metric.name, sample.metric.unit, sample.dimensions, sample.value, sample.times)
        for sample in intake.take()
        if sample.metric is not inputs.AGENT_INPUT_REJECTED
    )


def test_protobuf_and_json_say_the_same():
    assert TOLD == tuple(otlp_protobuf.parse(exported(GAUGE, SUM, HISTOGRAM)))
    assert TOLD == tuple(otlp_json.parse(json.dumps(DOCUMENT).encode()))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_request_or_malformed(content):
    for parse in (otlp_protobuf.parse, otlp_json.parse):
        try:
            list(parse(content))
        except Malformed:
            continue


@given(st.integers(0, 200))
def test_a_request_that_is_cut_short_is_malformed_or_ends_at_a_field(at):
    content = exported(GAUGE, SUM, HISTOGRAM)
    if 0 < at < len(content):
        with pytest.raises(Malformed):
            list(otlp_protobuf.parse(content[:at]))


def test_gauges_sums_and_histograms_become_samples():
    receiver, intake = make("service.name", "model")

    assert (0, "") == receiver.take(iter(TOLD))

    assert [
        ("latency", "Seconds", SERVICE, 0.5, 1),
        ("latency", "Seconds", SERVICE, 1.5, 2),
        ("queue", "Count", (("model", "m"), *SERVICE), 2.5, 1),
        ("tokens", "Count", SERVICE, 41.0, 1),
    ] == taken(intake)


def cumulative(value, start, **changes):
    values = {"temporality": CUMULATIVE, "monotonic": True} | changes
    return Told("n", "", Form.SUM, (), (Point((), start, value=value),), **values)


def test_a_cumulative_sum_that_began_before_the_agent_counts_from_its_second_point():
    receiver, intake = make()
    receiver.take(iter([cumulative(100.0, STARTED - 1), cumulative(130.0, STARTED - 1)]))

    assert [("n", "Count", (), 30.0, 1)] == taken(intake)


def test_a_cumulative_sum_that_began_after_the_agent_counts_from_zero_and_so_does_one_that_began_anew():
    receiver, intake = make()
    receiver.take(iter([cumulative(10.0, STARTED), cumulative(4.0, STARTED + 1)]))

    assert [("n", "Count", (), 14.0, 1)] == taken(intake)


def test_a_sum_that_may_fall_is_a_gauge():
    receiver, intake = make()
    receiver.take(iter([cumulative(-3.0, STARTED, monotonic=False)]))

    assert [("n", "None", (), -3.0, 1)] == taken(intake)


@pytest.mark.parametrize(
    "told, said",
    [
        (Told("x", "", Form.SUMMARY, (), (Point(()),)), "x: summary is not taken"),
        (Told("x", "", Form.EXPONENTIAL_HISTOGRAM, (), (Point(()),)), "x: exponentialHistogram is not taken"),
        (Told("x", "", Form.GAUGE, (), (Point(()),)), "without a value"),
        (cumulative(1.0, 0, temporality=0), "no aggregation temporality"),
        (cumulative(1.0, 0, temporality=DELTA, monotonic=False), "taken cumulative"),
        (Told("x", "", Form.HISTOGRAM, (), (Point((), bounds=(1.0,), counts=(1,)),), DELTA), "1 buckets for 1 bounds"),
        (Told("x", "", Form.HISTOGRAM, (), (Point((), bounds=(2.0, 1.0), counts=(1, 1, 1)),), DELTA), "do not rise"),
        (Told("cpu_usage_active", "", Form.GAUGE, (), (Point((), value=1.0),)), "the agent's own"),
    ],
)
def test_what_is_not_taken_is_said_by_name(told, said):
    receiver, intake = make()

    rejected, reason = receiver.take(iter([told]))

    assert 1 == rejected
    assert said in reason
    assert [1] == [sample.value for sample in intake.take()]


LARGEST = 2**53


def buckets(*counts, temporality=DELTA, bounds=None, total=3.5):
    bounds = tuple(float(n) for n in range(1, len(counts))) if bounds is None else bounds
    return Told("h", "s", Form.HISTOGRAM, (), (Point((), STARTED, 0, None, bounds, counts, total),), temporality)


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
@pytest.mark.parametrize("counts", [(-5, 2), (1, LARGEST + 1), (10**308, 1), (-5,)])
def test_counts_that_no_histogram_has_never_reach_the_window(counts, temporality):
    receiver, intake = make()

    rejected, reason = receiver.take(iter([buckets(*counts, temporality=temporality)]))

    assert (1, True) == (rejected, "whole number from 0 to 2^53" in reason)
    assert [] == taken(intake)


@pytest.mark.parametrize("odd", [{"bounds": (float("inf"),)}, {"total": float("inf")}, {"total": float("nan")}])
def test_a_histogram_with_a_bound_or_a_sum_that_is_no_number_is_refused_whole(odd):
    receiver, intake = make()

    rejected, reason = receiver.take(iter([buckets(1, 1, **odd)]))

    assert (1, "h: a bound or a sum that is no number") == (rejected, reason)
    assert [] == taken(intake)


def test_a_count_that_is_not_whole_makes_the_request_malformed():
    with pytest.raises(Malformed, match=r"1\.5 is not a count"):
        list(otlp_json.parse(exported_json(histogram={"dataPoints": [{"bucketCounts": [1.5]}]})))


def test_json_without_a_bottom_is_malformed():
    with pytest.raises(Malformed):
        list(otlp_json.parse(b"[" * 100_000))


def exported_json(**data):
    metric = {"name": "h", "unit": "s", **data}
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()


WHOLE = st.one_of(
    st.integers(-3, 9), st.integers(-(10**400), 10**400), st.sampled_from([LARGEST, LARGEST + 1, 10**308])
)
REAL = st.one_of(st.floats(), WHOLE)
POINTS = st.fixed_dictionaries(
    {},
    optional={
        "asDouble": REAL,
        "asInt": st.one_of(WHOLE, WHOLE.map(str), st.floats()),
        "count": st.one_of(WHOLE, WHOLE.map(str), st.floats()),
        "sum": REAL,
        "startTimeUnixNano": st.sampled_from([0, STARTED, "2000", -1]),
        "bucketCounts": st.lists(st.one_of(WHOLE, WHOLE.map(str), st.floats()), max_size=3),
        "explicitBounds": st.lists(REAL, max_size=2),
    },
)


@given(st.lists(POINTS, max_size=4), st.sampled_from(["gauge", "sum", "histogram"]), st.integers(1, 2), st.booleans())
def test_whatever_a_point_says_the_window_can_be_stored(points, form, temporality, monotonic):
    receiver, intake = make()
    data = {"dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": monotonic}
    aggregate = Aggregate(())
    for _ in range(3):
        with suppress(Malformed):
            receiver.take(otlp_json.parse(exported_json(**{form: data})))
        for sample in intake.take():
            aggregate.add(sample)

    datums = aggregate.close(NOON, timedelta(minutes=1)).datums
    series = SeriesNumbers()
    rows = [series.row(datum) for datum in datums]

    stored = decode(encode(rows))

    assert rows == [(number, second, tuple(values), tuple(counts)) for number, second, values, counts in stored]
    assert [datum.count for datum in datums] == [series.datum(row).count for row in stored]
    assert all(datum.count > 0 for datum in datums)


@pytest.fixture(scope="module")
def server():
    intake = Intake("otlp", most_series=50, monotonic=FakeClock().monotonic)
    made = Otlp(port=0, attributes=(), intake=intake, monotonic=FakeClock().monotonic)
    yield made
    made.close()


def post(server, body, kind, path="/v1/metrics", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", path, body=body, headers={"Content-Type": kind} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_receiver_takes_protobuf_and_compressed_json_over_http(server):
    assert (200, b"") == post(server, exported(SUM), PROTOBUF)
    compressed = gzip.compress(json.dumps(DOCUMENT).encode())
    assert (200, b"{}") == post(server, compressed, f"{JSON}; charset=utf-8", **{"Content-Encoding": "gzip"})

    samples = {sample.metric.name: sample.value for sample in server.collect()}
    assert 82.0 == samples["tokens"]


def test_what_was_rejected_is_told_to_the_sender(server):
    summary = text(1, "rpc") + message(11, message(1))
    status, body = post(server, exported(summary, SUM), PROTOBUF)

    assert 200 == status
    assert message(1, whole(1, 1), text(2, "rpc: summary is not taken; gauge, sum and histogram are")) == body


@pytest.mark.parametrize(
    "body, kind, path, headers, status",
    [
        (b"", "text/plain", "/v1/metrics", {}, 415),
        (b"", PROTOBUF, "/v1/traces", {}, 404),
        (b"{", JSON, "/v1/metrics", {}, 400),
        (b"\x0a\xff", PROTOBUF, "/v1/metrics", {}, 400),
        (b"x", PROTOBUF, "/v1/metrics", {"Content-Encoding": "br"}, 400),
        (b"x", PROTOBUF, "/v1/metrics", {"Content-Encoding": "gzip"}, 400),
        (b"", PROTOBUF, "/v1/metrics", {"Content-Length": "many"}, 411),
    ],
)
def test_what_is_no_export_is_refused(server, body, kind, path, headers, status):
    assert status == post(server, body, kind, path, **headers)[0]


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(server):
    status, said = post(server, gzip.compress(b"0" * (LARGEST_BYTES + 1)), JSON, **{"Content-Encoding": "gzip"})

    assert (400, True) == (status, b"more than" in said)
