import gzip
import http.client
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aws import Service
from agent.connection import Connection, ConnectionFailed
from agent.credentials import Provider
from agent.sample import Datum, Window
from agent.signing import Credentials
from agent.sinks.cloudwatch import (
    COMPRESS_OVER_BYTES,
    MAX_BODY_BYTES,
    MAX_DATUMS,
    MAX_VALUES,
    CloudWatch,
    Entry,
    Verdict,
    build,
    encode,
    illegal,
    judge,
    partition,
    split,
)
from core.catalogue import host
from tests.agent.fakes import NOON, Answer, Request, loopback

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


def datum(number=1.0, path="/"):
    return Datum(host.DISK_USED_PERCENT, (("host", "h"), ("path", path)), number, number, number, 1)


def window(*datums):
    return Window(NOON, timedelta(minutes=1), datums)


def sink(url, provider=None):
    service = Service(
        url,
        name="monitoring",
        region="eu-west-1",
        protocol="1.0",
        target="GraniteServiceVersion20100801",
        provider=provider or Provider(environment=ENVIRONMENT),
        now=lambda: NOON,
    )
    return CloudWatch(service, namespace="CWAgent")


def send(cloudwatch, *datums):
    try:
        return cloudwatch.send(window(*datums), timeout_seconds=5)
    finally:
        cloudwatch.close()


def test_a_datum_is_built_as_the_api_has_it():
    built = build(Datum(host.CPU_USAGE_ACTIVE, (("InstanceId", "i-1"),), 1.0, 3.0, 4.0, 2), NOON)

    assert built.json == (
        b'{"MetricName":"cpu_usage_active","Dimensions":[{"Name":"InstanceId","Value":"i-1"}],'
        b'"Timestamp":1772366400,"Unit":"Percent",'
        b'"StatisticValues":{"SampleCount":2,"Sum":4.0,"Minimum":1.0,"Maximum":3.0}}'
    )


@given(st.lists(st.integers(1, 3000), max_size=2500))
def test_partitions_keep_order_and_respect_the_limits(sizes):
    entries = [Entry(datum(float(number)), b"x" * size) for number, size in enumerate(sizes)]

    requests = partition(entries, namespace="CWAgent")

    assert [entry for request in requests for entry in request] == entries
    assert all(0 < len(request) <= MAX_DATUMS for request in requests)
    assert all(len(encode(request, namespace="CWAgent")) <= MAX_BODY_BYTES for request in requests)


def test_a_partition_is_full_before_the_next_begins():
    entries = [Entry(datum(float(number)), b"x") for number in range(2 * MAX_DATUMS + 1)]

    assert [MAX_DATUMS, MAX_DATUMS, 1] == [len(request) for request in partition(entries, namespace="CWAgent")]


@given(st.dictionaries(st.floats(-1e6, 1e6), st.integers(1, 50), min_size=1, max_size=500))
def test_many_distinct_values_are_split_without_losing_any(counts):
    whole = Datum(
        host.SYSTEM_LOAD1, (("host", "h"),), min(counts), max(counts), 0.0, 0, tuple(counts), tuple(counts.values())
    )

    parts = list(split(whole))

    assert all(len(part.values) <= MAX_VALUES for part in parts)
    assert counts == {value: count for part in parts for value, count in zip(part.values, part.counts, strict=True)}
    assert len(parts) == -(-len(counts) // MAX_VALUES)


def test_what_cloudwatch_would_refuse_is_known_beforehand():
    many = tuple((f"d{number}", "v") for number in range(31))

    assert illegal(datum()) == ""
    assert "31 dimensions" in illegal(Datum(host.DISK_USED, many, 0, 0, 0, 1))
    assert illegal(datum(path="")) == illegal(datum(path="/größe")) == "value of dimension path"


@pytest.mark.parametrize(
    "status, code, verdict",
    [
        (200, "", Verdict.TAKEN),
        (400, "Throttling", Verdict.LATER),
        (400, "ThrottlingException", Verdict.LATER),
        (429, "", Verdict.LATER),
        (500, "InternalFailure", Verdict.LATER),
        (503, "", Verdict.LATER),
        (403, "AccessDenied", Verdict.LATER),
        (400, "ExpiredTokenException", Verdict.LATER),
        (400, "UnrecognizedClientException", Verdict.LATER),
        (400, "InvalidParameterValue", Verdict.REFUSED),
        (400, "InvalidParameterCombination", Verdict.REFUSED),
        (400, "ValidationError", Verdict.REFUSED),
        (413, "", Verdict.REFUSED),
        (404, "", Verdict.LATER),
    ],
)
def test_an_answer_is_judged_by_what_it_says_about_the_datums(status, code, verdict):
    assert verdict == judge(status, code)


def test_a_window_is_sent_signed_and_small_ones_plain():
    with loopback(lambda _: (200, {})) as server:
        outcome = send(sink(server.url), datum())

    (request,) = server.requests
    assert not outcome.rest
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-amz-target"] == "GraniteServiceVersion20100801.PutMetricData"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-date"] == "20260301T120000Z"
    assert "AKIDEXAMPLE/20260301/eu-west-1/monitoring/aws4_request" in request.headers["authorization"]
    assert "content-encoding" not in request.headers
    assert request.json()["Namespace"] == "CWAgent"


def test_a_large_window_is_compressed_and_uses_one_connection_for_all_its_requests():
    datums = [datum(path=f"/{number}") for number in range(2500)]
    with loopback(lambda _: (200, {})) as server:
        outcome = send(sink(server.url), *datums)

    assert not outcome.rest
    assert [1000, 1000, 500] == [len(body["MetricData"]) for body in server.puts()]
    assert server.connections == 1
    assert {"gzip"} == {request.headers["content-encoding"] for request in server.requests}
    assert len(gzip.decompress(server.requests[0].body)) > COMPRESS_OVER_BYTES


def test_throttling_keeps_what_was_not_taken_and_only_that():
    datums = [datum(path=f"/{number}") for number in range(2500)]
    answers = iter([(200, {}), (400, {"__type": "com.amazonaws.cloudwatch#ThrottlingException", "message": "Rate"})])
    with loopback(lambda _: next(answers)) as server:
        outcome = send(sink(server.url), *datums)

    assert tuple(datums[1000:]) == outcome.rest
    assert outcome.reason == "400 ThrottlingException Rate"
    assert outcome.rejected == 0


def test_a_poison_datum_is_found_and_the_others_arrive_once():
    arrived = []

    def answer(request: Request) -> Answer:
        paths = [item["Dimensions"][1]["Value"] for item in request.json()["MetricData"]]
        if "/poison" in paths:
            return 400, {"__type": "InvalidParameterValue", "message": "bad"}
        arrived.extend(paths)
        return 200, {}

    datums = [datum(path=f"/{number}") for number in range(100)]
    with loopback(answer) as server:
        outcome = send(sink(server.url), *datums[:37], datum(path="/poison"), *datums[37:])

    assert (1, ()) == (outcome.rejected, outcome.rest)
    assert outcome.reason == "disk_used_percent: 400 InvalidParameterValue bad"
    assert [f"/{number}" for number in range(100)] == arrived


def test_throttling_while_halving_keeps_the_rest():
    answers = iter([(400, {"__type": "InvalidParameterValue"}), (200, {}), (503, {})])
    with loopback(lambda _: next(answers)) as server:
        outcome = send(sink(server.url), datum(path="/a"), datum(path="/b"), datum(path="/c"))

    assert ["/b", "/c"] == [dict(rest.dimensions)["path"] for rest in outcome.rest]


def test_what_is_illegal_is_never_sent():
    with loopback(lambda _: (200, {})) as server:
        outcome = send(sink(server.url), datum(path=""), datum())

    assert outcome.rejected == 1
    assert len(server.puts()[0]["MetricData"]) == 1


def test_expired_credentials_are_replaced_once_and_the_window_sent():
    keys = iter(["old", "new"])
    clock = [NOON]

    def answer(request: Request) -> Answer:
        if "Credential=old/" in request.headers["authorization"]:
            return 400, {"__type": "ExpiredTokenException"}
        return 200, {}

    provider = Provider(environment={}, chain=lambda: Credentials(next(keys), "secret"))
    provider.get(NOON)
    clock[0] += timedelta(hours=1)
    with loopback(answer) as server:
        cloudwatch = sink(server.url, provider)
        cloudwatch._service._now = lambda: clock[0]
        outcome = send(cloudwatch, datum())

    assert not outcome.rest
    assert len(server.requests) == 2


def test_missing_permission_keeps_the_window_and_says_so():
    message = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: cloudwatch:PutMetricData"
    with loopback(lambda _: (403, {"__type": "AccessDeniedException", "message": message})) as server:
        outcome = send(sink(server.url), datum())

    assert len(outcome.rest) == 1
    assert "cloudwatch:PutMetricData" in outcome.reason


def test_a_server_that_is_away_keeps_the_window():
    with loopback(lambda _: (200, {})) as server:
        pass

    outcome = send(sink(server.url), datum())

    assert len(outcome.rest) == 1
    assert server.url.removeprefix("http://") in outcome.reason


def test_a_connection_that_the_server_closed_is_opened_again_without_losing_the_request():
    with loopback(lambda _: (200, {})) as server:
        connection = Connection(server.url)
        connection.request("POST", "/", headers={}, body=b"", timeout_seconds=5)
        assert connection._open is not None
        assert connection._open.sock is not None
        connection._open.sock.shutdown(2)  # as when the peer hangs up on an idle connection

        response = connection.request("POST", "/", headers={}, body=b"", timeout_seconds=5)
        connection.close()

    assert response.status == http.client.OK
    assert len(server.requests) == 2


def test_a_request_that_was_not_answered_is_told_from_one_that_was_not_sent():
    connection = Connection("http://127.0.0.1:9")

    with pytest.raises(ConnectionFailed) as caught:
        connection.request("POST", "/", headers={}, body=b"", timeout_seconds=1)

    assert not caught.value.sent
