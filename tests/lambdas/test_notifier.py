import json
from dataclasses import replace
from datetime import timedelta

import pytest

from core.incidents import orders
from core.incidents.matchers import parse
from core.incidents.orders import Flush
from core.incidents.policy import Channel, ChannelKind, Receiver, Route
from core.incidents.silences import create
from lambdas import notifier, router, sweeper
from lambdas.adapters import clients, flushes, groups, items, outbox, silences, topics
from lambdas.adapters.items import Conflict
from tests.lambdas.builders import REGION, alarm_event, at
from tests.lambdas.conftest import POLICY, batch, deploy_policy

DONE: dict[str, list[object]] = {"batchItemFailures": []}
RANKER = 'root:{kind="endpoint", subject="ranker"}'


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


def order(key=RANKER, due=30.0):
    return batch(orders.body(Flush(key, at(due))), source="Notifications")


def sweep(cloud):
    """A sweep and what it asks of the notifier."""
    sweeper.handle({}, None)
    return notifier.handle(cloud.batch("Notifications"), None)


def reasons(mails):
    return [mail["MessageAttributes"]["reason"]["Value"] for mail in mails]


def stored(prefix):
    found = clients.client("dynamodb").scan(TableName="incidents")["Items"]
    return [item for item in found if item["sk"]["S"].startswith(prefix)]


def test_a_page_goes_to_the_topic_of_its_severity_with_what_filters_need(cloud):
    outage(cloud)

    assert notifier.handle(cloud.batch("Notifications"), None) == DONE

    (mail,) = cloud.mails()
    attributes = {name: entry["Value"] for name, entry in mail["MessageAttributes"].items()}
    assert mail["TopicArn"] == cloud.topics["critical"]
    assert (attributes["severity"], attributes["reason"]) == ("critical", "first")
    assert attributes["incident"] == json.loads(attributes["incident_json"])["incident"]
    assert len(attributes["notification_id"]) == 32


def test_what_was_told_is_kept_with_its_delivery_and_the_incident(cloud):
    outage(cloud)
    notifier.handle(cloud.batch("Notifications"), None)

    (message,), (delivery,), (incident,) = stored("message#"), stored("outbox#"), stored("INC-")
    (mail,) = cloud.mails()
    assert message["notification_id"]["S"] == mail["MessageAttributes"]["notification_id"]["Value"]
    assert (delivery["status"]["S"], "due_at" in delivery) == ("sent", False)
    assert delivery["said"]["S"] == mail["MessageId"]
    assert (incident["group"]["S"], incident["severity"]["S"], incident["open_shard"]["S"]) == (
        RANKER,
        "critical",
        "open",
    )


def test_a_second_delivery_sends_nothing_twice(cloud):
    outage(cloud)

    for _ in range(3):
        assert notifier.handle(order(), None) == DONE
    assert sweep(cloud) == DONE

    assert len(cloud.mails()) == 1


def test_of_two_notifiers_at_once_one_sends(cloud, monkeypatch):
    outage(cloud)
    genuine = flushes.commit
    raced: list[bool] = []

    def commit(name, made, **more):
        if not raced:
            raced.append(True)
            assert notifier.handle(order(), None) == DONE
        return genuine(name, made, **more)

    monkeypatch.setattr(flushes, "commit", commit)

    assert notifier.handle(order(), None) == DONE
    assert len(cloud.mails()) == 1


def test_a_notifier_that_is_overtaken_every_time_leaves_the_order_to_the_queue(cloud, monkeypatch):
    outage(cloud)

    def commit(*_, **__):
        raise Conflict("always")

    monkeypatch.setattr(flushes, "commit", commit)

    assert [one["itemIdentifier"] for one in notifier.handle(order(), None)["batchItemFailures"]] == ["m0"]
    assert cloud.mails() == []


def test_a_lost_timer_costs_a_sweep(cloud):
    outage(cloud)
    cloud.receive("Notifications")

    assert sweep(cloud) == DONE

    assert reasons(cloud.mails()) == ["first"]


def test_what_is_not_due_is_left(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    cloud.wait(10)

    assert sweep(cloud) == DONE
    assert notifier.handle(order(due=5), None) == DONE

    assert cloud.mails() == []


def test_the_queues_delay_counts_and_not_this_clock(cloud):
    outage(cloud)
    cloud.wait(-300)

    notifier.handle(order(), None)

    assert reasons(cloud.mails()) == ["first"]


def test_an_order_that_the_queue_could_not_hold_long_enough_is_queued_again(cloud):
    late = Flush("root:{}", at(1000), early=True)

    notifier.handle(batch(orders.body(late), source="Notifications"), None)

    assert cloud.receive("Notifications") == []
    cloud.wait(900)
    notifier.handle(cloud.batch("Notifications"), None)
    assert cloud.receive("Notifications") == []
    cloud.wait(100)
    (one,) = cloud.receive("Notifications")
    assert orders.parse(one["Body"]) == Flush("root:{}", at(1000))


def test_a_message_that_sns_does_not_take_is_tried_again_until_it_does(cloud, monkeypatch):
    outage(cloud)

    def refuse(*_, **__):
        raise OSError("sns is down")

    with monkeypatch.context() as down:
        down.setattr(topics, "publish", refuse)
        assert notifier.handle(order(), None) == DONE
        cloud.receive("Notifications")
        for _ in range(5):
            cloud.wait(60)
            assert sweep(cloud) == DONE
    assert cloud.mails() == []

    cloud.wait(300)
    sweep(cloud)

    assert reasons(cloud.mails()) == ["first"]


def test_what_nobody_takes_for_hours_is_kept_for_a_replay_and_told_by_the_next_flush(cloud, monkeypatch):
    outage(cloud)

    def refuse(*_, **__):
        raise OSError("sns is down")

    with monkeypatch.context() as down:
        down.setattr(topics, "publish", refuse)
        notifier.handle(order(), None)
        cloud.wait(2 * 3600 + 60)
        notifier.handle(cloud.batch("Notifications"), None)
    (kept,) = cloud.receive("NotificationsDeadLetters") or cloud.receive("EventsDeadLetters")
    assert stored("outbox#")[0]["status"]["S"] == "failed"

    cloud.wait(60)
    sweep(cloud)
    assert reasons(cloud.mails()) == ["first"]

    notifier.handle(batch(kept["Body"], source="Notifications"), None)
    assert cloud.mails() == []


def test_a_crash_between_publish_and_note_sends_once_more_with_the_same_id(cloud, monkeypatch):
    outage(cloud)

    def crash(*_, **__):
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "settle", crash)
        with pytest.raises(SystemExit):
            notifier.handle(order(), None)
    sweep(cloud)
    cloud.wait(61)
    sweep(cloud)
    sweep(cloud)

    ids = [mail["MessageAttributes"]["notification_id"]["Value"] for mail in cloud.mails()]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_crash_between_commit_and_publish_is_made_up_for_by_the_sweep(cloud, monkeypatch):
    outage(cloud)

    def crash(*_, **__):
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(topics, "publish", crash)
        with pytest.raises(SystemExit):
            notifier.handle(order(), None)
    cloud.wait(61)
    sweep(cloud)

    assert reasons(cloud.mails()) == ["first"]


def test_the_end_is_told_at_the_next_tick_to_those_who_were_told_of_the_beginning(cloud):
    outage(cloud)
    notifier.handle(cloud.batch("Notifications"), None)
    cloud.mails()

    cloud.wait(1350)
    ends = [alarm_event(name, "OK", 1380) for name in ("HighErrorRate", "HighP99Latency", "Unhealthy")]
    router.handle(batch(*ends), None)
    cloud.wait(300)
    notifier.handle(cloud.batch("Notifications"), None)

    (mail,) = cloud.mails()
    assert mail["Subject"].startswith("[RESOLVED 23 min] ranker: ")
    assert reasons([mail]) == ["all-resolved"]
    (incident,) = stored("INC-")
    assert "open_shard" not in incident
    assert incident["resolved_at"]["S"] == "2026-11-21T14:25:10.000Z"
    assert "due_at" not in stored("group")[0]


def test_a_flap_inside_group_wait_sends_nothing_and_the_trail_says_why(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM", 0)), None)
    router.handle(batch(alarm_event("Unhealthy", "OK", 10)), None)
    cloud.wait(31)

    notifier.handle(cloud.batch("Notifications"), None)
    sweep(cloud)

    assert cloud.mails() == []
    assert [one["reason"]["S"] for one in stored("decision#")] == ["brief"]


def test_a_silence_holds_the_message_back_and_its_end_lets_it_out(cloud):
    outage(cloud)
    until = at(30) + timedelta(minutes=10)
    matchers = parse('subject="ranker"')
    silences.put(
        "incidents",
        create(matchers, starts_at=at(30), ends_at=until, created_by="ops", comment="known", now=at(30)),
    )

    notifier.handle(order(), None)
    assert cloud.mails() == []
    assert [one["reason"]["S"] for one in stored("decision#")] == ["silenced"]

    for _ in range(16):
        cloud.wait(60)
        sweep(cloud)
    assert reasons(cloud.mails()) == ["first"]


def test_a_channel_that_refuses_for_good_is_replaced_by_the_topic_and_reported(cloud, tmp_path):
    chat = Receiver("chat", (Channel(ChannelKind.SNS, target=f"arn:aws:sns:{REGION}:123456789012:gone"),))
    policy = replace(POLICY, root=replace(POLICY.root, receiver="chat"), receivers=(*POLICY.receivers, chat))
    deploy_policy(policy, tmp_path)
    outage(cloud)

    assert notifier.handle(order(), None) == DONE

    (mail,) = cloud.mails()
    assert mail["TopicArn"] == cloud.topics["critical"]
    buried = cloud.receive("NotificationsDeadLetters") + cloud.receive("EventsDeadLetters")
    assert buried[0]["MessageAttributes"]["reason"]["StringValue"].startswith("sns: ")
    assert sorted(one["status"]["S"] for one in stored("outbox#")) == ["refused", "sent"]


def test_a_storm_is_told_as_single_messages_and_one_digest(cloud):
    events = [
        alarm_event("A", "ALARM", prefix=f"other-{n}-", alarmTags={"mlwarden:subject": f"host/h{n}"}) for n in range(25)
    ]
    router.handle(batch(*events), None)
    cloud.wait(31)
    notifier.handle(cloud.batch("Notifications"), None)
    assert len(cloud.mails()) == 20

    cloud.wait(61)
    notifier.handle(cloud.batch("Notifications"), None)
    (mail,) = cloud.mails()
    assert reasons([mail]) == ["digest"]
    sweep(cloud)
    assert cloud.mails() == []


def test_a_lost_digest_timer_costs_a_sweep(cloud):
    events = [
        alarm_event("A", "ALARM", prefix=f"other-{n}-", alarmTags={"mlwarden:subject": f"host/h{n}"}) for n in range(21)
    ]
    router.handle(batch(*events), None)
    cloud.wait(31)
    notifier.handle(cloud.batch("Notifications"), None)
    cloud.mails()
    cloud.wait(120)
    cloud.receive("Notifications")

    sweep(cloud)

    assert reasons(cloud.mails()) == ["digest"]


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


@pytest.mark.parametrize("setting", ["MLWARDEN_TABLE", "MLWARDEN_CANARY_TOPIC"])
def test_there_is_no_heartbeat_while_table_or_topic_do_not_answer(cloud, capsys, monkeypatch, setting):
    monkeypatch.setenv(setting, "gone")

    answer = notifier.handle(batch({"kind": "heartbeat"}, source="Notifications"), None)

    assert len(answer["batchItemFailures"]) == 1
    assert "_aws" not in capsys.readouterr().out


def test_a_malformed_order_is_buried_and_the_rest_is_processed(cloud):
    outage(cloud)

    answer = notifier.handle(
        batch('{"kind": "party"}', orders.body(Flush(RANKER, at(30))), source="Notifications"), None
    )

    assert answer == DONE
    assert len(cloud.receive("NotificationsDeadLetters") + cloud.receive("EventsDeadLetters")) == 1
    assert len(cloud.mails()) == 1


def test_an_order_for_an_unknown_group_is_done(cloud):
    assert notifier.handle(order("root:{gone}"), None) == DONE


def test_a_group_whose_key_is_longer_than_a_partition_key_is_swept_too(cloud, tmp_path):
    deploy_policy(replace(POLICY, root=Route("root", "topics", group_by=("subject",))), tmp_path)
    name = "§" * 600
    router.handle(batch(alarm_event("A", "ALARM", prefix="x-", alarmTags={"mlwarden:subject": f"host/{name}"})), None)
    cloud.receive("Notifications")
    cloud.wait(31)

    sweep(cloud)

    assert reasons(cloud.mails()) == ["first"]
    assert groups.group("incidents", f'root:{{subject="{name}"}}') is not None


def test_an_answer_of_dynamodb_that_was_lost_on_the_way_does_not_make_a_message_owed_again(cloud, monkeypatch):
    outage(cloud)
    dynamodb = clients.client("dynamodb")
    genuine, calls = dynamodb.transact_write_items, []

    def transact(**call):
        calls.append(call)
        answer = genuine(**call)
        if len(calls) == 1:
            raise OSError("connection lost")
        return answer

    monkeypatch.setattr(dynamodb, "transact_write_items", transact)
    assert len(notifier.handle(order(), None)["batchItemFailures"]) == 1

    notifier.handle(order(), None)
    cloud.wait(61)
    sweep(cloud)

    assert reasons(cloud.mails()) == ["first"]
    assert items.ATTEMPTS > 1
