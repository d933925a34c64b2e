import json
from datetime import timedelta

import pytest

from agent import doctor_sinks
from agent.aws import Service
from agent.config import ConfigError, load
from agent.credentials import Provider
from agent.findings import Mark
from agent.identity import Identity
from agent.packing import MOST_APART, gather
from agent.sample import Datum
from agent.sinks import Unfit, Verdict, registry
from agent.sinks.logs import EmfLogs, stream_name
from agent.store import Store
from core.catalogue import host
from tests.agent.fakes import NOON, FakeClock, datum, loopback, window

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
MINUTE = timedelta(minutes=1)
NO_STREAM = {"__type": "ResourceNotFoundException", "message": "The specified log stream does not exist."}
NO_GROUP = {"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."}


def sink(url="http://127.0.0.1:9"):
    service = Service(
        url,
        name="logs",
        region="eu-west-1",
        protocol="1.1",
        target="Logs_20140328",
        provider=Provider(environment=KEYS),
        now=lambda: NOON,
    )
    return EmfLogs(service, group="/g", stream="s", namespace="CWAgent")


def send(answers, *starts):
    """What a request of a datum at each start comes to, and the requests."""
    answers = list(answers)
    with loopback(lambda _: answers.pop(0)) as server:
        logs = sink(server.url)
        answer = logs.send([logs.item(start, MINUTE, datum(path="/")) for start in starts], timeout_seconds=5)
        logs.close()
    return answer, server.requests


def test_events_are_put_in_the_order_of_time_signed_for_logs():
    answer, [seen] = send([(200, {})], NOON + MINUTE, NOON)

    body = seen.json()
    assert Verdict.TAKEN is answer.verdict
    assert ("/g", "s") == (body["logGroupName"], body["logStreamName"])
    times = [int((NOON + MINUTE * minute).timestamp() * 1000) for minute in (0, 1)]
    assert times == [event["timestamp"] for event in body["logEvents"]]
    assert times == [json.loads(event["message"])["_aws"]["Timestamp"] for event in body["logEvents"]]
    assert "/eu-west-1/logs/aws4_request" in seen.headers["authorization"]
    assert ("Logs_20140328.PutLogEvents", "json/emf") == (
        seen.headers["x-amz-target"],
        seen.headers["x-amzn-logs-format"],
    )


@pytest.mark.parametrize("made", [(200, {}), (400, {"__type": "ResourceAlreadyExistsException"})])
def test_a_stream_that_is_not_there_is_made(made):
    answer, requests = send([(400, NO_STREAM), made, (200, {})], NOON)

    assert Verdict.TAKEN is answer.verdict
    assert ["PutLogEvents", "CreateLogStream", "PutLogEvents"] == [
        request.headers["x-amz-target"].partition(".")[2] for request in requests
    ]
    assert {"logGroupName": "/g", "logStreamName": "s"} == requests[1].json()


@pytest.mark.parametrize(
    "answers, verdict, said",
    [
        ([(400, NO_GROUP), (400, NO_GROUP)], Verdict.LATER, "log group does not exist"),
        ([(400, {"__type": "InvalidParameterException", "message": "m"})], Verdict.REFUSED, "InvalidParameter"),
        ([(400, {"__type": "ThrottlingException"})], Verdict.THROTTLED, "Throttling"),
        ([(500, {"__type": "InternalFailure"})], Verdict.UNKNOWN, "500"),
        ([(200, {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}})], Verdict.TAKEN, "tooOldLogEventEndIndex=1"),
    ],
)
def test_an_answer_is_judged(answers, verdict, said):
    answer, _ = send(answers, NOON)

    assert verdict is answer.verdict
    assert said in answer.reason


def test_what_an_item_counts_is_no_less_than_what_is_sent():
    series = [Datum(host.DISK_USED, (("host", "h"),), n, n + 1, 7e9 * n, 250) for n in range(3)]
    logs = sink()
    items = [logs.item(NOON, MINUTE, one) for one in (*series, datum(path="/x"))]

    counted = sum(len(item.data) + logs.between_bytes for item in items)
    events = logs._events(items)

    assert counted >= sum(len(event["message"].encode()) + 26 for event in events)
    assert sum(item.entries for item in items) >= len(events)
    with pytest.raises(Unfit):
        logs.item(NOON, MINUTE, datum(path="größe"))


def test_the_windows_of_one_request_lie_within_a_day():
    logs = sink()
    store = Store(None, sinks=["emf"], limit_bytes=10**8, clock=FakeClock())
    for minute in (0, 10, MOST_APART // MINUTE + 20):
        store.add(window(minute, 1))
    [spool] = store.spools

    batches = [gather(spool, logs, newest_first=first, latest=NOON + timedelta(days=9)) for first in (True, False)]

    assert [1, 2] == [len(batch.entries) for batch in batches if batch]
    store.close()


def test_a_group_makes_the_sink_durable_and_its_stream_the_hosts():
    config = load('sinks = ["emf"]\nemf_log_group = "/mlwarden/agent"\n')
    made = registry.make(
        config,
        region="eu-west-1",
        identity=(("host", "a:b"),),
        environment={},
        now=lambda: NOON,
        monotonic=lambda: 0.0,
    )

    [durable] = made.durable
    assert isinstance(durable, EmfLogs)
    assert {"logGroupName": "/mlwarden/agent", "logStreamName": "a-b"} == durable._place
    assert "a-b-" == stream_name("a:b*")


@pytest.mark.parametrize(
    "text, said",
    [
        ('emf_log_group = "/g"\nemf_file = "/tmp/emf"', "emf_file is set already"),
        ('emf_log_group = "a group"', "not a log group's name"),
    ],
)
def test_a_group_that_cannot_be_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        load(text)


@pytest.mark.parametrize(
    "answer, mark, fix",
    [
        ((200, {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}), Mark.GOOD, ""),
        ((400, NO_STREAM), Mark.GOOD, ""),
        ((400, NO_GROUP), Mark.WRONG, "create-log-group"),
        ((400, {"__type": "AccessDeniedException"}), Mark.WRONG, "logs:PutLogEvents"),
    ],
)
def test_doctor_asks_for_the_permission_with_a_line_that_nobody_keeps(answer, mark, fix):
    config = load('sinks = ["emf"]\nemf_log_group = "/g"')
    me = Identity(instance_id="", host="h", region="eu-west-1")
    clock = FakeClock()
    with loopback(lambda _: answer) as server:
        environment = KEYS | {"AWS_ENDPOINT_URL": server.url}
        found = list(doctor_sinks.examine(config, me, clock, environment))

    assert ("PutLogEvents", mark) == (found[-1].thing, found[-1].mark)
    assert fix in found[-1].fix
    assert 1420070400000 == server.requests[0].json()["logEvents"][0]["timestamp"]
