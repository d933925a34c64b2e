import json
from pathlib import Path

import boto3
import pytest

from core.incidents import labels
from lambdas import notifier, router
from lambdas.adapters import queues, table
from lambdas.adapters.table import Conflict
from tests.core.incident_builders import REGION, alarm_event, at, endpoint_event
from tests.lambdas.conftest import batch

DONE: dict[str, list[object]] = {"batchItemFailures": []}
SAMPLES = Path(__file__).parent / "events"


def failed(answer):
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def items(prefix):
    found = boto3.client("dynamodb", region_name=REGION).scan(TableName="incidents")["Items"]
    return [item for item in found if item["sk"]["S"].startswith(prefix)]


def test_one_incident_comes_of_an_alarm_and_a_failed_endpoint(cloud):
    answer = router.handle(batch(alarm_event("Unhealthy", "ALARM"), endpoint_event("FAILED", 1, name="Ranker")), None)

    assert answer == DONE
    assert [item["pk"]["S"] for item in items("group")] == ["endpoint/ranker"]
    assert len(items("event#")) == 2
    assert len(cloud.receive("Investigations")) == 1


def test_the_first_message_is_delayed_by_group_wait(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

    assert cloud.receive("Notifications") == []
    cloud.wait(30)
    assert len(cloud.receive("Notifications")) == 1


def test_symptoms_alone_ask_for_nothing(cloud):
    router.handle(batch(alarm_event("HighErrorRate", "ALARM")), None)
    cloud.wait(60)

    assert cloud.receive("Notifications") == []
    assert cloud.receive("Investigations") == []


def test_a_malformed_record_is_buried_with_its_reason_and_the_rest_is_processed(cloud):
    broken = {"detail-type": "CloudWatch Alarm State Change", "account": "1", "region": REGION, "detail": {"state": 5}}

    answer = router.handle(batch("{not json", broken, alarm_event("Unhealthy", "ALARM")), None)

    assert answer == DONE
    buried = cloud.receive("EventsDeadLetters")
    attributes = [{name: value["StringValue"] for name, value in one["MessageAttributes"].items()} for one in buried]
    assert sorted(one["reason"] for one in attributes) == [
        "body: not JSON",
        "detail.state: an object is needed, found 5",
    ]
    assert {one["source"] for one in attributes} == {f"arn:aws:sqs:{REGION}:123456789012:Events"}
    assert len(items("group")) == 1


def test_a_record_that_crashes_fails_alone(cloud, monkeypatch):
    genuine = labels.classify

    def classify(signal, facts):
        if signal.alarm_name.endswith("HighGPU"):
            raise ZeroDivisionError
        return genuine(signal, facts)

    monkeypatch.setattr(labels, "classify", classify)

    answer = router.handle(batch(alarm_event("HighGPU", "ALARM"), alarm_event("Unhealthy", "ALARM")), None)

    assert failed(answer) == ["m0"]
    assert len(items("group")) == 1
    assert cloud.receive("EventsDeadLetters") == []


def test_a_second_delivery_changes_nothing(cloud):
    event = alarm_event("Unhealthy", "ALARM")
    router.handle(batch(event), None)
    before = items("")

    answer = router.handle(batch(event, event), None)

    assert answer == DONE
    assert items("") == before


def test_a_retry_of_a_batch_whose_messages_were_lost_sends_them_again(cloud, monkeypatch):
    def broken(*_, **__):
        raise OSError("queue is down")

    with monkeypatch.context() as down:
        down.setattr(queues, "send", broken)
        assert failed(router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)) == ["m0"]

    assert router.handle(batch(alarm_event("Unhealthy", "ALARM")), None) == DONE
    cloud.wait(30)
    assert len(cloud.receive("Notifications")) == 1
    assert len(cloud.receive("Investigations")) == 1


def test_a_lost_race_is_decided_again(cloud, monkeypatch):
    genuine, calls = table.commit, []

    def overtaken(name, changes, *, now):
        calls.append(changes)
        if len(calls) == 1:
            rival = alarm_event("HighErrorRate", "ALARM", -5)
            router.handle(batch(rival), None)
        genuine(name, changes, now=now)

    monkeypatch.setattr(table, "commit", overtaken)

    answer = router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

    assert answer == DONE
    stored = table.get("incidents", "endpoint/ranker")
    assert stored is not None
    assert {alert.labels.condition for alert in stored.alerts} == {"Unhealthy", "HighErrorRate"}
    assert stored.version == 2


def test_a_race_lost_every_time_leaves_the_batch_to_the_queue(cloud, monkeypatch):
    def overtaken(*_, **__):
        raise Conflict("always")

    monkeypatch.setattr(table, "commit", overtaken)

    answer = router.handle(batch("{", alarm_event("Unhealthy", "ALARM")), None)

    assert failed(answer) == ["m1"]
    assert len(cloud.receive("EventsDeadLetters")) == 1


def test_the_heartbeat_is_passed_on(cloud):
    router.handle(batch({"detail-type": "mlwarden heartbeat", "source": "mlwarden"}), None)

    assert [json.loads(one["Body"]) for one in cloud.receive("Notifications")] == [{"kind": "heartbeat"}]


def test_events_that_cross_in_one_batch_are_taken_in_their_own_order(cloud):
    router.handle(batch(alarm_event("Unhealthy", "OK", 10), alarm_event("Unhealthy", "ALARM", 0)), None)
    cloud.wait(40)
    notifier.handle(cloud.batch("Notifications"), None)

    assert cloud.mails() == []


def test_event_markers_and_quiet_groups_expire_and_open_ones_do_not(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

    assert int(items("event#")[0]["expires_at"]["N"]) == int(at(7 * 86400).timestamp())
    assert "expires_at" not in items("group")[0]


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*state-change*.json")))
def test_every_sample_of_aws_documentation_is_taken(cloud, name):
    answer = router.handle(batch((SAMPLES / name).read_text()), None)

    assert answer == DONE
    assert cloud.receive("EventsDeadLetters") == []
    assert len(items("group")) == 1


def test_one_group_may_have_more_events_than_a_transaction_takes(cloud):
    events = [alarm_event("HighGPU", "ALARM" if n % 2 else "OK", n) for n in range(130)]

    assert router.handle(batch(*events), None) == DONE

    assert len(items("event#")) == 130
    assert router.handle(batch(*events), None) == DONE


def test_a_batch_larger_than_a_transaction_is_written_in_several(cloud):
    events = [alarm_event(f"A{n}", "ALARM", n % 7, prefix="other-") for n in range(120)]

    assert router.handle(batch(*events), None) == DONE

    assert len(items("group")) == 120
