"""What fails around the functions for a while, and what comes late, early or too large: every page arrives once."""

import itertools
import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas import notifier, router, sweeper
from lambdas.adapters import clients, groups, items
from tests.lambdas.builders import alarm_event
from tests.lambdas.chaos import Life, quiet, told
from tests.lambdas.conftest import batch

EVENTS = (alarm_event("HighErrorRate", "ALARM", 0, value=7.4), alarm_event("Unhealthy", "ALARM", 1))
ENDS = (alarm_event("HighErrorRate", "OK", 400), alarm_event("Unhealthy", "OK", 401))
RANKER = 'root:{kind="endpoint", subject="ranker"}'
ONCE = ["first", "all-resolved"]
NEGATIVE = re.compile(r"(?<![\w-])-\d+(\.\d+)? ?(s|min|h|d)\b")
"""A duration that began after it ended."""


@pytest.fixture
def life(cloud, monkeypatch):
    quiet(monkeypatch)
    return Life(cloud)


def outage(life: Life) -> list[str]:
    """From its first event to its end; the reasons of the messages."""
    life.events(*EVENTS)
    life.minutes(6)
    life.events(*ENDS)
    life.minutes(9)
    return [reason for reason, _ in told(life.mails)]


def failing(monkeypatch: pytest.MonkeyPatch, service: str, operation: str, code: str, times: int) -> list[str]:
    """The first calls of an operation fail; grows by one for each."""
    client, calls = clients.client(service), list[str]()
    genuine = getattr(client, operation)

    def call(**params: Any) -> Any:
        if len(calls) < times:
            calls.append(code)
            raise ClientError({"Error": {"Code": code, "Message": "made up"}}, operation)
        return genuine(**params)

    monkeypatch.setattr(client, operation, call)
    return calls


@pytest.mark.parametrize("function", [router, notifier, sweeper])
@pytest.mark.parametrize("skew", [-300, 300])
def test_a_function_whose_clock_is_five_minutes_off_loses_and_doubles_nothing(life, monkeypatch, function, skew):
    genuine = function.handle

    def off(event: dict[str, Any], context: object) -> Any:
        life.cloud.wait(skew)
        try:
            return genuine(event, context)
        finally:
            life.cloud.wait(-skew)

    monkeypatch.setattr(function, "handle", off)

    assert outage(life) == ONCE
    for mail in life.mails:
        assert not NEGATIVE.search(mail["Subject"] + "\n" + mail["Message"])


@pytest.mark.parametrize("skew", [-300, 300])
def test_events_whose_source_is_five_minutes_off_are_told_once_and_never_of_the_future(life, skew):
    life.events(alarm_event("Unhealthy", "ALARM", skew))
    life.minutes(6)
    life.events(alarm_event("Unhealthy", "OK", 400 + skew))
    life.minutes(9)

    assert [reason for reason, _ in told(life.mails)] == ONCE
    for mail in life.mails:
        assert not NEGATIVE.search(mail["Subject"] + "\n" + mail["Message"])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_events_out_of_order_end_where_the_newest_says_and_page_once(life, order):
    events = [alarm_event("Unhealthy", state, at) for state, at in (("ALARM", 0), ("OK", 5), ("ALARM", 10))]

    for number in order:
        life.events(events[number])
    life.minutes(3)

    (kept,) = groups.members("incidents", RANKER)
    assert kept.alert.firing
    assert [reason for reason, _ in told(life.mails)] == ["first"]


def test_a_throttled_topic_delays_a_message_and_loses_none(life, monkeypatch):
    calls = failing(monkeypatch, "sns", "publish", "Throttled", 3)

    assert outage(life) == ONCE
    assert len(calls) == 3


def test_a_queue_that_does_not_answer_costs_a_sweep(life, monkeypatch):
    calls = failing(monkeypatch, "sqs", "send_message_batch", "InternalError", 2)

    assert outage(life) == ONCE
    assert len(calls) == 2


@pytest.mark.parametrize("operation", ["batch_get_item", "transact_write_items", "update_item", "query", "get_item"])
def test_a_table_that_fails_one_kind_of_call_for_a_while_doubles_at_most_one(life, monkeypatch, operation):
    """An update notes that a message was sent: where it fails, the message is sent once more."""
    failing(monkeypatch, "dynamodb", operation, "InternalServerError", 2)

    outage(life)

    grouped = [(reason, identity) for reason, identity in told(life.mails) if reason != "ungrouped"]
    assert list(dict.fromkeys(reason for reason, _ in grouped)) == ONCE
    assert len(set(grouped)) == 2
    assert len(grouped) <= 3


def test_a_table_that_is_down_for_minutes_is_made_up_for(life, monkeypatch):
    with monkeypatch.context() as outage_:
        outage_.setenv("MLWARDEN_TABLE", "gone")
        answer = router.handle(batch(*EVENTS), None)
    assert len(answer["batchItemFailures"]) == 2
    ungrouped = told(life.cloud.mails())
    life.cloud.wait(180)

    assert [reason for reason, _ in ungrouped] == ["ungrouped"]
    assert outage(life) == ONCE


def test_every_timer_lost_costs_a_sweep_each_and_no_message(life, monkeypatch):
    genuine = life.cloud.batch

    def lossy(queue: str) -> dict[str, Any]:
        """Timers are delayed messages; what the sweep asks for is not."""
        found = genuine(queue)
        kept = [one for one in found["Records"] if queue != "Notifications" or one["body"] in swept]
        return {"Records": kept}

    swept: list[str] = []
    send = sweeper.queues.send_all  # type: ignore[attr-defined]  # the module that the sweeper calls

    def noted(url: str, bodies: Any) -> None:
        if sweeping:
            swept.extend(json.dumps(dict(body)) for body, _ in bodies)
        send(url, bodies)

    sweeping: list[bool] = []
    handle = sweeper.handle

    def sweep(event: dict[str, Any], context: object) -> Any:
        sweeping.append(True)
        try:
            return handle(event, context)
        finally:
            sweeping.clear()

    monkeypatch.setattr(life.cloud, "batch", lossy)
    monkeypatch.setattr("lambdas.adapters.queues.send_all", noted)
    monkeypatch.setattr(sweeper, "handle", sweep)

    assert outage(life) == ONCE


def test_a_group_of_alerts_that_have_much_to_say_fits_into_the_table_and_into_a_message(life):
    """60 alarms of one endpoint with all that AWS lets them have; then each ends."""
    metrics = [
        {"id": f"m{n}", "expression": "SUM(METRICS())" + " " * 1000, "label": "x" * 300, "returnData": n == 0}
        for n in range(10)
    ]
    detail: dict[str, Any] = {
        "configuration": {"description": "d" * 1024, "metrics": metrics},
        "alarmTags": {"mlwarden:subject": "host/h"},
    }

    def events(state: str, at: float) -> list[dict[str, object]]:
        return [alarm_event(f"{'n' * 200}{n}", state, at, prefix="other-", **detail) for n in range(60)]

    life.events(*events("ALARM", 0))
    life.minutes(6)
    life.events(*events("OK", 400))
    life.minutes(6)

    assert [reason for reason, _ in told(life.mails)] == ONCE
    assert all(len(json.dumps(mail).encode()) < 262_144 for mail in life.mails)


def test_an_event_of_256_kb_is_told_with_its_end(life):
    detail: dict[str, Any] = {"configuration": {"description": "d" * 250_000, "metrics": []}}
    life.events(alarm_event("Unhealthy", "ALARM", 0, **detail))
    life.minutes(6)
    life.events(alarm_event("Unhealthy", "OK", 400, **detail))
    life.minutes(6)

    assert [reason for reason, _ in told(life.mails)] == ONCE


def test_poison_in_every_batch_holds_nobody_up(life):
    poison = ("{", '{"detail-type": "CloudWatch Alarm State Change"}', "null", '"text"', "[" * 10_000)

    for event in EVENTS:
        life.events(*poison, event)
    life.minutes(3)

    assert [reason for reason, _ in told(life.mails)] == ["first"]
    assert life.waiting == []
    assert len(life.cloud.receive("EventsDeadLetters")) == 2 * len(poison)


def test_two_routers_at_once_on_one_group_write_both_their_events(life, monkeypatch):
    genuine, other = items.transact, [EVENTS[1]]

    def interleaved(actions: Any) -> None:
        if other:
            router.handle(batch(other.pop()), None)
        genuine(actions)

    monkeypatch.setattr(items, "transact", interleaved)
    life.events(EVENTS[0])
    life.minutes(3)

    assert {one.alert.facts.condition for one in groups.members("incidents", RANKER)} == {"HighErrorRate", "Unhealthy"}
    assert [reason for reason, _ in told(life.mails)] == ["first"]
