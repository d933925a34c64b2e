import json

import boto3
import pytest
from botocore.exceptions import ClientError

from core.incidents import orders
from core.incidents.orders import Order
from lambdas import notifier, router
from lambdas.adapters import clients, table, topics
from tests.core.incident_builders import REGION, alarm_event
from tests.lambdas.conftest import batch

DONE: dict[str, list[object]] = {"batchItemFailures": []}
ORDER = batch(orders.body(Order("endpoint/ranker", "INC")), source="Notifications")


def outage(cloud):
    """An endpoint that fails, with the first message due now."""
    router.handle(
        batch(
            alarm_event("HighErrorRate", "ALARM", 0, value=7.43),
            alarm_event("HighP99Latency", "ALARM", 1, value=812_345.0),
            alarm_event("Unhealthy", "ALARM", 2),
        ),
        None,
    )
    cloud.wait(30)


def test_a_page_says_what_where_how_bad_and_since_when_first(cloud):
    outage(cloud)

    assert notifier.handle(cloud.batch("Notifications"), None) == DONE

    (mail,) = cloud.mails()
    assert mail["TopicArn"] == cloud.topics["critical"]
    assert mail["Subject"] == "[CRITICAL] ranker: high error rate (7.43 %) since 14:02Z - production us-east-1"
    first = mail["Message"].splitlines()[0]
    assert first == (
        "CRITICAL ranker: too many requests fail with a server error (5xx), 7.43 % against 5 %, since 14:02Z"
    )
    assert "812 ms against 500 ms" in mail["Message"]
    assert "https://runbooks.example.com/HighErrorRate.md" in mail["Message"].splitlines()


def test_attributes_let_subscribers_filter_and_parse(cloud):
    outage(cloud)
    notifier.handle(cloud.batch("Notifications"), None)

    (mail,) = cloud.mails()
    attributes = {name: entry["Value"] for name, entry in mail["MessageAttributes"].items()}

    assert attributes["severity"] == "critical"
    assert attributes["reason"] == "first"
    assert attributes["incident"] == json.loads(attributes["incident_json"])["incident"]
    assert len(attributes["notification_id"]) == 32


def test_a_phone_gets_the_first_line_alone(cloud, monkeypatch):
    published = []

    def publish(**call):
        published.append(call)
        return {"MessageId": "m"}

    monkeypatch.setattr(clients.client("sns"), "publish", publish)
    outage(cloud)

    notifier.handle(cloud.batch("Notifications"), None)

    (call,) = published
    assert call["MessageStructure"] == "json"
    texts = json.loads(call["Message"])
    assert texts["sms"].startswith("CRITICAL ranker: ")
    assert texts["sms"] == texts["default"].splitlines()[0]


def test_a_second_delivery_sends_nothing_twice(cloud):
    outage(cloud)

    for _ in range(3):
        assert notifier.handle(ORDER, None) == DONE

    assert len(cloud.mails()) == 1


def test_a_sweep_beside_the_queue_sends_nothing_twice(cloud):
    outage(cloud)

    notifier.handle(cloud.batch("Notifications"), None)
    notifier.handle({"sweep": True}, None)

    assert len(cloud.mails()) == 1


def test_of_two_notifiers_at_once_one_sends(cloud, monkeypatch):
    outage(cloud)
    genuine = topics.publish

    def publish(topic, **more):
        assert notifier.handle(ORDER, None) == DONE
        assert notifier.handle({"sweep": True}, None) == {"flushed": {"endpoint/ranker": "claimed"}}
        return genuine(topic, **more)

    monkeypatch.setattr(topics, "publish", publish)
    notifier.handle(ORDER, None)

    assert len(cloud.mails()) == 1


def test_a_claim_lost_to_another_notifier_sends_nothing(cloud, monkeypatch):
    outage(cloud)
    genuine = table.put
    raced: list[bool] = []

    def put(name, incident, *, now):
        if not raced:
            raced.append(True)
            notifier.handle(ORDER, None)
        return genuine(name, incident, now=now)

    monkeypatch.setattr(table, "put", put)

    assert notifier.handle(ORDER, None) == DONE
    assert len(cloud.mails()) == 1


def test_a_lost_queue_message_costs_a_sweep(cloud):
    outage(cloud)
    cloud.receive("Notifications")

    assert notifier.handle({"sweep": True}, None) == {"flushed": {"endpoint/ranker": "first"}}
    assert len(cloud.mails()) == 1


def test_the_sweep_leaves_what_is_not_due(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    cloud.wait(10)

    assert notifier.handle({"sweep": True}, None) == {"flushed": {}}


def test_a_message_that_sns_refuses_stays_due_and_is_sent_later(cloud, monkeypatch):
    outage(cloud)

    def refuse(*_, **__):
        raise OSError("sns is down")

    with monkeypatch.context() as down:
        down.setattr(topics, "publish", refuse)
        answer = notifier.handle(ORDER, None)
        with pytest.raises(ExceptionGroup, match="1 of 1 flushes failed"):
            notifier.handle({"sweep": True}, None)

    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == ["m0"]
    assert notifier.handle({"sweep": True}, None) == {"flushed": {"endpoint/ranker": "first"}}
    assert len(cloud.mails()) == 1


def test_a_crash_between_publish_and_log_sends_once_more_with_the_same_id(cloud, monkeypatch):
    outage(cloud)

    def crash(*_, **__):
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(notifier, "_update", crash)
        with pytest.raises(SystemExit):
            notifier.handle(ORDER, None)
    notifier.handle({"sweep": True}, None)
    cloud.wait(61)
    notifier.handle({"sweep": True}, None)
    notifier.handle({"sweep": True}, None)

    ids = [mail["MessageAttributes"]["notification_id"]["Value"] for mail in cloud.mails()]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_transaction_under_way_does_not_make_a_sent_message_owed_again(cloud, monkeypatch):
    outage(cloud)
    dynamodb = clients.client("dynamodb")
    genuine, calls = dynamodb.put_item, []

    def put_item(**call):
        calls.append(call)
        if len(calls) == 2:  # the log entry, after the claim
            raise ClientError({"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}, "PutItem")
        return genuine(**call)

    monkeypatch.setattr(dynamodb, "put_item", put_item)

    assert notifier.handle(cloud.batch("Notifications"), None) == DONE

    cloud.wait(300)
    notifier.handle({"sweep": True}, None)
    assert len(cloud.mails()) == 1


def test_an_alert_that_arrives_while_a_page_is_sent_is_told_next(cloud, monkeypatch):
    router.handle(batch(alarm_event("HighGPU", "ALARM", value=99.0)), None)
    cloud.wait(30)
    genuine = topics.publish

    def publish(topic, **more):
        router.handle(batch(alarm_event("Unhealthy", "ALARM", 30)), None)
        return genuine(topic, **more)

    with monkeypatch.context() as slow:
        slow.setattr(topics, "publish", publish)
        notifier.handle(cloud.batch("Notifications"), None)
    notifier.handle({"sweep": True}, None)

    mails = cloud.mails()
    assert [mail["MessageAttributes"]["reason"]["Value"] for mail in mails] == ["first", "new-alerts"]
    assert [mail["TopicArn"] for mail in mails] == [cloud.topics["warning"], cloud.topics["critical"]]


def test_the_end_is_told_with_duration_and_peak(cloud):
    outage(cloud)
    notifier.handle(cloud.batch("Notifications"), None)
    cloud.mails()

    cloud.wait(1350)
    router.handle(
        batch(
            alarm_event("HighErrorRate", "OK", 1380, value=0.1),
            alarm_event("HighP99Latency", "OK", 1380, value=200_000.0),
            alarm_event("Unhealthy", "OK", 1381),
        ),
        None,
    )
    notifier.handle(cloud.batch("Notifications"), None)

    (mail,) = cloud.mails()
    assert mail["Subject"].startswith("[RESOLVED 23 min] ranker: ")
    assert mail["Message"].splitlines()[0] == (
        "RESOLVED ranker: high error rate, peak 7.43 % against 5 %, lasted 23 min since 14:02Z"
    )
    assert mail["MessageAttributes"]["reason"]["Value"] == "all-resolved"


def test_a_flap_inside_group_wait_sends_nothing(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM", 0)), None)
    router.handle(batch(alarm_event("Unhealthy", "OK", 10)), None)
    cloud.wait(31)

    notifier.handle(cloud.batch("Notifications"), None)
    assert notifier.handle({"sweep": True}, None) == {"flushed": {}}

    assert cloud.mails() == []


def test_the_heartbeat_becomes_a_metric(cloud, capsys):
    notifier.handle(batch({"kind": "heartbeat"}, source="Notifications"), None)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if "_aws" in line]
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "mlwarden",
        "Dimensions": [["Stage"]],
        "Metrics": [{"Name": "Heartbeat", "Unit": "Count"}],
    }
    assert metric["Stage"] == "production"
    assert metric["Heartbeat"] in (1, [1])


def test_there_is_no_heartbeat_while_the_table_does_not_answer(cloud, capsys, monkeypatch):
    monkeypatch.setenv("MLWARDEN_TABLE", "gone")

    answer = notifier.handle(batch({"kind": "heartbeat"}, source="Notifications"), None)

    assert len(answer["batchItemFailures"]) == 1
    assert "_aws" not in capsys.readouterr().out


def test_a_malformed_order_is_buried_and_the_rest_is_processed(cloud):
    outage(cloud)
    boto3.client("sqs", region_name=REGION)

    answer = notifier.handle(
        batch('{"kind": "party"}', orders.body(Order("endpoint/ranker", "INC")), source="Notifications"), None
    )

    assert answer == DONE
    assert len(cloud.receive("NotificationsDeadLetters") + cloud.receive("EventsDeadLetters")) == 1
    assert len(cloud.mails()) == 1


def test_an_order_for_an_unknown_group_is_done(cloud):
    assert notifier.handle(batch(orders.body(Order("endpoint/gone", "INC"))), None) == DONE
