import gzip
import http.client
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aws import COMPRESS_OVER_BYTES, Service
from agent.connection import Connection, ConnectionFailed
from agent.credentials import Provider
from agent.delivery import Delivery
from agent.sample import Datum
from agent.signing import Credentials
from agent.sinks import Answer as Reply
from agent.sinks import Unfit, Verdict
from agent.sinks.cloudwatch import MAX_VALUES, CloudWatch, illegal, judge, split
from agent.store import Store
from core.catalogue import host
from core.cloudwatch import datums
from core.cloudwatch.refusal import Refusal
from tests.agent.fakes import NOON, Answer, FakeClock, Request, datum, loopback, window

MINUTE = timedelta(minutes=1)
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


def sink(url="http://127.0.0.1:9", provider=None, now=lambda: NOON):
    service = Service(
        url,
        name="monitoring",
        region="eu-west-1",
        protocol="1.0",
        target="GraniteServiceVersion20100801",
        provider=provider or Provider(environment=ENVIRONMENT),
        now=now,
    )
    return CloudWatch(service, namespace="CWAgent")


def send(cloudwatch, *content):
    try:
        items = [cloudwatch.item(NOON, MINUTE, one) for one in content]
        return cloudwatch.send(items, timeout_seconds=5)
    finally:
        cloudwatch.close()


def built(one):
    item = sink().item(NOON, MINUTE, one)
    return json.loads(b"[" + item.data + b"]"), item.entries


def test_values_and_counts_are_built_as_the_api_has_them():
    one = Datum(host.CPU_USAGE_ACTIVE, (("InstanceId", "i-1"),), 1.0, 3.5, 8.0, 3, (1.0, 3.5), (1, 2))

    assert built(one) == (
        [
            {
                "MetricName": "cpu_usage_active",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "Unit": "Percent",
                "Timestamp": 1772366400,
                "Values": [1.0, 3.5],
                "Counts": [1, 2],
            }
        ],
        1,
    )


def test_a_statistic_set_and_a_second_of_its_own_are_built_as_the_api_has_them():
    ([one], _) = built(Datum(host.SYSTEM_LOAD1, (("host", "h"),), -1.0, 3.0, 2.0, 2, second=18))

    assert {"SampleCount": 2, "Sum": 2.0, "Minimum": -1.0, "Maximum": 3.0} == one["StatisticValues"]
    assert (1772366400 + 17, 1) == (one["Timestamp"], one["StorageResolution"])


@given(st.dictionaries(st.floats(-1e300, 1e300).filter(lambda v: abs(v) < 2.0**360), st.integers(1, 50), min_size=1))
def test_whatever_is_built_passes_the_apis_own_checks(counts):
    values = tuple(sorted(counts))
    one = Datum(
        host.SYSTEM_LOAD1, (("host", "h"),), values[0], values[-1], 0.0, 1, values, tuple(counts[v] for v in values)
    )

    content, _ = built(one)

    datums.check(content, NOON.timestamp())


@given(st.dictionaries(st.floats(-1e6, 1e6), st.integers(1, 50), min_size=1, max_size=500))
def test_many_distinct_values_are_split_without_losing_any(counts):
    whole = Datum(
        host.SYSTEM_LOAD1, (("host", "h"),), min(counts), max(counts), 0.0, 0, tuple(counts), tuple(counts.values())
    )

    parts = list(split(whole))
    content, entries = built(whole)

    assert all(len(values) <= MAX_VALUES for values, _ in parts)
    assert counts == {v: n for values, times in parts for v, n in zip(values, times, strict=True)}
    assert len(parts) == len(content) == entries == -(-len(counts) // MAX_VALUES)


def test_what_cloudwatch_would_refuse_is_known_beforehand():
    many = tuple((f"d{number}", "v") for number in range(31))

    assert illegal(datum()) == ""
    assert "31 dimensions" in illegal(Datum(host.DISK_USED, many, 0, 0, 0, 1))
    assert illegal(Datum(host.DISK_USED, (("host", "h"), ("path", "/"), ("host", "i")), 0, 0, 0, 1)) == (
        "dimension host twice"
    )
    assert illegal(datum(path="")) == illegal(datum(path="/größe")) == "value of dimension path"


@pytest.mark.parametrize(
    "status, code, verdict",
    [
        (200, "", Verdict.TAKEN),
        (400, "Throttling", Verdict.THROTTLED),
        (400, "ThrottlingException", Verdict.THROTTLED),
        (429, "", Verdict.THROTTLED),
        (500, "InternalFailure", Verdict.UNKNOWN),
        (503, "", Verdict.UNKNOWN),
        (503, "ServiceUnavailable", Verdict.LATER),
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
        reply = send(sink(server.url), datum())

    (request,) = server.requests
    assert Reply(Verdict.TAKEN) == reply
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-amz-target"] == "GraniteServiceVersion20100801.PutMetricData"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-date"] == "20260301T120000Z"
    assert "AKIDEXAMPLE/20260301/eu-west-1/monitoring/aws4_request" in request.headers["authorization"]
    assert "content-encoding" not in request.headers
    assert request.json()["Namespace"] == "CWAgent"


def test_a_large_request_is_compressed_and_all_go_over_one_connection():
    content = [datum(path=f"/{number}") for number in range(1000)]
    with loopback(lambda _: (200, {})) as server:
        cloudwatch = sink(server.url)
        items = [cloudwatch.item(NOON, MINUTE, one) for one in content]
        replies = [cloudwatch.send(items, timeout_seconds=5) for _ in range(3)]
        cloudwatch.close()

    assert [Reply(Verdict.TAKEN)] * 3 == replies
    assert [1000] * 3 == [len(body["MetricData"]) for body in server.puts()]
    assert server.connections == 1
    assert {"gzip"} == {request.headers["content-encoding"] for request in server.requests}
    assert len(gzip.decompress(server.requests[0].body)) > COMPRESS_OVER_BYTES


@pytest.mark.parametrize(
    "status, code, verdict",
    [(400, "ThrottlingException", Verdict.THROTTLED), (500, "InternalFailure", Verdict.UNKNOWN)],
)
def test_an_answer_other_than_yes_says_why(status, code, verdict):
    with loopback(lambda _: (status, {"__type": f"com.amazonaws.cloudwatch#{code}", "message": "Rate"})) as server:
        reply = send(sink(server.url), datum())

    assert Reply(verdict, f"{status} {code} Rate") == reply


def test_what_is_illegal_is_never_sent():
    with pytest.raises(Unfit, match="value of dimension path"):
        sink().item(NOON, MINUTE, datum(path=""))


def test_a_clock_that_aws_refuses_is_learned_from_its_answer():
    theirs = NOON + timedelta(hours=3)

    def answer(request: Request) -> Answer:
        if request.headers["x-amz-date"] != "20260301T150000Z":
            return 400, {"__type": "InvalidSignatureException", "message": "Signature expired"}
        return 200, {}

    with loopback(answer) as server:
        server.date = format_datetime(theirs, usegmt=True)
        cloudwatch = sink(server.url)
        first = cloudwatch.send([cloudwatch.item(NOON, MINUTE, datum())], timeout_seconds=5)
        second = send(cloudwatch, datum())

    assert [Reply(Verdict.TAKEN)] * 2 == [first, second]
    assert 3 == len(server.requests), "the second is signed by their clock at once"


class Judge:
    """PutMetricData by AWS's clock: signatures within five minutes of it, and what the API's own checks let through."""

    def __init__(self, server):
        self.server = server
        self.now = NOON
        self.stored: list[datetime] = []
        server.answer = self.answer

    def set(self, now):
        self.now = now
        self.server.date = format_datetime(now, usegmt=True)

    def answer(self, request: Request) -> Answer:
        signed = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(signed - self.now) > timedelta(minutes=5):
            return 400, {"__type": "InvalidSignatureException", "message": "Signature expired"}
        content = request.json()["MetricData"]
        try:
            datums.check(content, self.now.timestamp())
        except Refusal as error:
            return 400, {"__type": "InvalidParameterValue", "message": str(error)}
        self.stored += [datetime.fromtimestamp(one["Timestamp"], UTC) for one in content]
        return 200, {}


def test_windows_of_a_clock_three_hours_ahead_wait_until_their_time_and_those_before_are_sent():
    ahead = timedelta(hours=3)
    clock = FakeClock(NOON + ahead)
    with loopback(lambda _: (200, {})) as server:
        judge = Judge(server)
        judge.set(NOON)
        store = Store(None, sinks=["cloudwatch"], limit_bytes=10**8, clock=clock, free=lambda _: (1, 1))
        cloudwatch = sink(server.url, now=clock.now)
        delivery = Delivery(store, [cloudwatch], clock=clock, chance=lambda: 1.0)

        def minutes_pass(count):
            for _ in range(count):
                judge.set(judge.now + MINUTE)
                clock.advance(60)
                delivery.turn()

        delivery.offer(window(-1, 3))  # from before the clock was set wrong
        delivery.offer(window(3 * 60 - 1, 3))
        delivery.turn()
        minutes_pass(3)
        before = list(judge.stored)
        clock.set(clock.now() - ahead)
        delivery.offer(window(2, 3))
        minutes_pass(2)
        since = judge.stored[len(before) :]
        asked = len(server.requests)
        minutes_pass(50)
        assert asked == len(server.requests), "what waits for its time is not tried"
        minutes_pass(90)
        cloudwatch.close()

    assert [NOON - MINUTE] * 3 == before
    assert [NOON + 2 * MINUTE] * 3 == since
    assert [NOON + ahead - MINUTE] * 3 == judge.stored[len(before + since) :]
    assert {} == store.counts()


def test_a_refusal_by_a_clock_that_agrees_is_no_reason_to_try_again():
    with loopback(lambda _: (400, {"__type": "InvalidSignatureException"})) as server:
        server.date = format_datetime(NOON, usegmt=True)
        reply = send(sink(server.url), datum())

    assert Verdict.LATER is reply.verdict
    assert 1 == len(server.requests)


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
        reply = send(cloudwatch, datum())

    assert Verdict.TAKEN is reply.verdict
    assert len(server.requests) == 2


def test_missing_permission_keeps_the_window_and_says_so():
    message = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: cloudwatch:PutMetricData"
    with loopback(lambda _: (403, {"__type": "AccessDeniedException", "message": message})) as server:
        reply = send(sink(server.url), datum())

    assert Verdict.LATER is reply.verdict
    assert "cloudwatch:PutMetricData" in reply.reason


def test_a_server_that_is_away_keeps_the_window():
    with loopback(lambda _: (200, {})) as server:
        pass

    reply = send(sink(server.url), datum())

    assert Verdict.LATER is reply.verdict
    assert server.url.removeprefix("http://") in reply.reason


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


def test_an_answer_that_breaks_off_leaves_open_whether_it_was_taken():
    def hang_up(request: Request) -> Answer:
        raise ConnectionResetError

    with loopback(hang_up) as server:
        reply = send(sink(server.url), datum())

    assert Verdict.UNKNOWN is reply.verdict
