import json
from pathlib import Path
from typing import Any

import pytest

from core.incidents import deployments, reconcile, record
from core.incidents.batch import Kept
from core.incidents.signals import AlarmSignal
from lambdas import router
from lambdas.adapters import clients, groups, items, queues
from lambdas.adapters.items import Conflict
from tests.lambdas.builders import REGION, alarm_event, at, endpoint_event, signal
from tests.lambdas.conftest import batch

DONE: dict[str, list[object]] = {"batchItemFailures": []}
SAMPLES = Path(__file__).parent / "events"
RANKER = 'root:{kind="endpoint", subject="ranker"}'


def failed(answer):
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def stored(prefix):
    found = clients.client("dynamodb").scan(TableName="incidents")["Items"]
    return [item for item in found if item["sk"]["S"].startswith(prefix)]


def alert(condition) -> Kept:
    (found,) = [one for one in groups.members("incidents", RANKER) if one.alert.facts.condition == condition]
    return found


def again(event):
    """The batch as SQS delivers it a second time."""
    for one in event["Records"]:
        one["attributes"]["ApproximateReceiveCount"] = "2"
    return event


def test_an_alarm_and_a_failed_endpoint_are_two_alerts_of_one_group(cloud):
    answer = router.handle(batch(alarm_event("Unhealthy", "ALARM"), endpoint_event("FAILED", 1, name="Ranker")), None)

    assert answer == DONE
    assert [item["pk"]["S"] for item in stored("group")] == [RANKER]
    assert [json.loads(one["Body"])["kind"] for one in cloud.receive("Investigations")] == ["investigate"]
    assert {one.alert.facts.condition for one in groups.members("incidents", RANKER) if one.alert.stands} == {
        "Unhealthy",
        "",
    }


def test_an_event_writes_its_alert_and_its_marker_and_the_group_only_when_it_changes(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM"), alarm_event("HighErrorRate", "ALARM")), None)
    group = groups.group("incidents", RANKER)
    router.handle(batch(alarm_event("HighP99Latency", "ALARM", 1)), None)

    assert groups.group("incidents", RANKER) == group
    assert len(stored("alert#")) == len(stored("event#")) == 3
    assert len(stored("INC-")) == 1


def test_the_flush_is_asked_for_after_group_wait(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

    assert cloud.receive("Notifications") == []
    cloud.wait(30)
    assert [json.loads(one["Body"])["kind"] for one in cloud.receive("Notifications")] == ["flush"]


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
    assert len(buried) == 2
    assert "body: not JSON" in [one["reason"] for one in attributes]
    assert {one["source"] for one in attributes} == {f"arn:aws:sqs:{REGION}:123456789012:Events"}
    assert len(stored("group")) == 1


def test_a_record_that_crashes_fails_alone(cloud, monkeypatch):
    def implied(told):
        if told.name.endswith("HighGPU"):
            raise ZeroDivisionError
        return deployments.implied(told)

    monkeypatch.setattr("lambdas.router.implied", implied)

    answer = router.handle(batch(alarm_event("HighGPU", "ALARM"), alarm_event("Unhealthy", "ALARM")), None)

    assert failed(answer) == ["m0"]
    assert len(stored("group")) == 1
    assert cloud.receive("EventsDeadLetters") == []


def test_a_second_delivery_changes_nothing(cloud):
    event = alarm_event("Unhealthy", "ALARM")
    router.handle(batch(event), None)
    before = stored("")

    assert router.handle(batch(event, event), None) == DONE
    assert router.handle(again(batch(event)), None) == DONE

    assert stored("") == before


def test_an_alarm_wired_over_three_paths_is_one_alert(cloud):
    event: dict[str, Any] = alarm_event("Unhealthy", "ALARM")
    detail, arn = event["detail"], event["resources"][0]
    action = {
        "source": "aws.cloudwatch",
        "alarmArn": arn,
        "accountId": event["account"],
        "time": event["time"],
        "region": REGION,
        "alarmData": detail,
    }
    notice = {
        "AlarmName": detail["alarmName"],
        "AlarmArn": arn,
        "AWSAccountId": event["account"],
        "Region": "US East (N. Virginia)",
        "NewStateValue": "ALARM",
        "OldStateValue": "OK",
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": event["time"],
        "Trigger": {"MetricName": "X", "Namespace": "Y", "Dimensions": []},
    }
    sns = {"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": json.dumps(notice), "TopicArn": arn}}

    assert router.handle(batch(event), None) == DONE
    assert router.handle(action, None) == {}
    assert router.handle({"Records": [sns]}, None) == {}

    assert len(stored("alert#")) == len(stored("event#")) == 1


def test_a_direct_action_that_cannot_be_routed_raises_so_that_lambda_tries_again(cloud, monkeypatch):
    monkeypatch.setenv("MLWARDEN_TABLE", "gone")

    with pytest.raises(RuntimeError, match="not routed"):
        router.handle(alarm_event("HighErrorRate", "ALARM"), None)


def test_a_retry_of_a_batch_whose_orders_were_lost_sends_them_again(cloud, monkeypatch):
    def broken(*_, **__):
        raise OSError("queue is down")

    event = batch(alarm_event("Unhealthy", "ALARM"))
    with monkeypatch.context() as down:
        down.setattr(queues, "send_all", broken)
        assert failed(router.handle(event, None)) == ["m0"]
    assert cloud.mails() == []

    assert router.handle(again(event), None) == DONE
    cloud.wait(30)
    assert len(cloud.receive("Notifications")) == 1
    assert len(cloud.receive("Investigations")) == 1


def test_a_lost_race_is_decided_again(cloud, monkeypatch):
    genuine, calls = groups.commit, []

    def overtaken(name, write, **more):
        calls.append(write)
        if len(calls) == 1:
            router.handle(batch(alarm_event("HighGPU", "ALARM", -5)), None)
        genuine(name, write, **more)

    monkeypatch.setattr(groups, "commit", overtaken)

    assert router.handle(batch(alarm_event("Unhealthy", "ALARM")), None) == DONE

    assert {one.alert.facts.condition for one in groups.members("incidents", RANKER)} == {"Unhealthy", "HighGPU"}
    assert len({item["incident"]["S"] for item in stored("event#")}) == 1


def test_a_race_lost_every_time_leaves_the_batch_to_the_queue_and_tells_nobody(cloud, monkeypatch):
    def overtaken(*_, **__):
        raise Conflict("always")

    monkeypatch.setattr(groups, "commit", overtaken)

    answer = router.handle(batch("{", alarm_event("Unhealthy", "ALARM")), None)

    assert failed(answer) == ["m1"]
    assert len(cloud.receive("EventsDeadLetters")) == 1
    assert cloud.mails() == []


def test_two_events_of_one_alert_at_once_are_both_taken(cloud, monkeypatch):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    genuine, calls = groups.commit, []

    def overtaken(name, write, **more):
        calls.append(write)
        if len(calls) == 1:
            router.handle(batch(alarm_event("Unhealthy", "OK", 20)), None)
        genuine(name, write, **more)

    monkeypatch.setattr(groups, "commit", overtaken)
    router.handle(batch(alarm_event("Unhealthy", "INSUFFICIENT_DATA", 10)), None)

    assert not alert("Unhealthy").alert.firing
    assert alert("Unhealthy").revision == 3


def test_the_heartbeat_is_passed_on(cloud):
    router.handle(batch({"detail-type": "mlwarden heartbeat", "source": "mlwarden"}), None)

    assert [json.loads(one["Body"]) for one in cloud.receive("Notifications")] == [{"kind": "heartbeat"}]


def test_event_markers_and_ended_alerts_expire_and_standing_ones_do_not(cloud):
    router.handle(batch(alarm_event("Unhealthy", "ALARM"), alarm_event("HighGPU", "OK")), None)

    assert {int(one["expires_at"]["N"]) for one in stored("event#")} == {int(at(90 * 86400).timestamp())}
    kept = {record.decode_alert(one["document"]["S"]).facts.condition: one for one in stored("alert#")}
    assert "expires_at" not in kept["Unhealthy"]
    assert int(kept["HighGPU"]["expires_at"]["N"]) == int(at(7 * 86400).timestamp())
    assert "expires_at" not in stored("group")[0]


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*state-change*.json")))
def test_every_sample_of_aws_documentation_is_taken(cloud, name):
    answer = router.handle(batch((SAMPLES / name).read_text()), None)

    assert answer == DONE
    assert cloud.receive("EventsDeadLetters") == []
    assert len(stored("event#")) >= 1


def test_one_alert_may_have_more_events_than_a_transaction_takes(cloud):
    events = [alarm_event("HighGPU", "ALARM" if n % 2 else "OK", n) for n in range(130)]

    assert router.handle(batch(*events), None) == DONE
    assert len(stored("event#")) == 130
    before = stored("")

    assert router.handle(batch(*events), None) == DONE
    assert stored("") == before


def test_a_batch_larger_than_a_transaction_is_written_in_several(cloud, monkeypatch):
    sizes, genuine = [], items.transact

    def transact(actions):
        sizes.append(len(actions))
        genuine(actions)

    monkeypatch.setattr(items, "transact", transact)
    events = [alarm_event(f"A{n}", "ALARM", n % 7, prefix="other-") for n in range(120)]

    assert router.handle(batch(*events), None) == DONE

    assert len(stored("group")) == 120
    assert max(sizes) <= items.MAX_ACTIONS
    assert len(sizes) <= 6


def test_an_event_as_large_as_sqs_takes_is_routed(cloud):
    event = alarm_event("Unhealthy", "ALARM", configuration={"description": "§" * 100_000, "metrics": []})

    assert router.handle(batch(event), None) == DONE
    assert alert("Unhealthy").alert.firing


def test_a_reconciled_event_goes_to_the_groups_of_the_alert_that_it_is_about(cloud):
    router.handle(batch(alarm_event("A1", "ALARM", prefix="other-", alarmTags={"mlwarden:subject": "host/db"})), None)
    (item,) = stored("alert#")
    held = record.decode_alert(item["document"]["S"])
    ended = signal(alarm_event("A1", "OK", 60, prefix="other-"))
    assert isinstance(ended, AlarmSignal)

    assert router.handle(batch(reconcile.wrap((ended, held))), None) == DONE

    (item,) = stored("alert#")
    assert not record.decode_alert(item["document"]["S"]).firing
    assert held.facts.subject.name == "db"


class TestWhileTheTableIsDown:
    @pytest.fixture(autouse=True)
    def down(self, cloud, monkeypatch):
        monkeypatch.setenv("MLWARDEN_TABLE", "gone")

    def test_what_fires_is_told_by_itself_and_comes_again(self, cloud):
        answer = router.handle(batch(alarm_event("Unhealthy", "ALARM"), alarm_event("HighGPU", "ALARM")), None)

        assert failed(answer) == ["m0", "m1"]
        mails = cloud.mails()
        assert {mail["MessageAttributes"]["reason"]["Value"] for mail in mails} == {"ungrouped"}
        assert {mail["TopicArn"] for mail in mails} == {cloud.topics["critical"], cloud.topics["warning"]}

    def test_an_alarm_is_told_of_once_in_five_minutes(self, cloud):
        for _ in range(4):
            router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
            cloud.wait(60)
        assert len(cloud.mails()) == 1

        cloud.wait(61)
        router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
        assert len(cloud.mails()) == 1

    def test_symptoms_ends_and_what_is_muted_are_not_told(self, cloud):
        muted = {"mutedBy": "arn:rule", "muteWindowStart": "2026-11-21T14:00:00.000+0000"}
        events = (
            alarm_event("HighErrorRate", "ALARM"),
            alarm_event("Throttled", "ALARM"),
            alarm_event("Unhealthy", "OK"),
            alarm_event("HighGPU", "ALARM", muteDetail=muted),
        )

        assert len(failed(router.handle(batch(*events), None))) == 4
        assert [mail["Subject"] for mail in cloud.mails()] == []

    def test_a_notice_that_sns_does_not_take_is_tried_with_the_next_delivery(self, cloud, monkeypatch):
        from lambdas.adapters import topics

        def refuse(*_, **__):
            raise OSError("sns is down")

        with monkeypatch.context() as both:
            both.setattr(topics, "publish", refuse)
            assert failed(router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)) == ["m0"]
        router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

        assert len(cloud.mails()) == 1


def test_a_record_that_the_table_refuses_fails_alone_is_told_by_itself_and_the_others_are_taken(cloud):
    tags = {"mlwarden:subject": f"host/{'h' * 250_000}", "mlwarden:owner": "o" * 250_000}
    poison = alarm_event("Huge", "ALARM", prefix="other-", alarmTags=tags)
    others = [alarm_event(f"A{n}", "ALARM", n, prefix="other-") for n in range(9)]

    answer = router.handle(batch(*others[:4], poison, *others[4:]), None)

    assert failed(answer) == ["m4"]
    assert len(stored("group")) == 9
    assert [mail["MessageAttributes"]["reason"]["Value"] for mail in cloud.mails()] == ["ungrouped"]


def test_a_deleted_alarm_takes_its_contributors_and_what_its_tags_had_placed_with_it(cloud):
    tags = {"mlwarden:subject": "host/db"}
    changes = [alarm_event(name, "ALARM", prefix="other-", alarmTags=tags) for name in ("A1", "A2")]
    series: dict[str, Any] = alarm_event("A1", "ALARM", prefix="other-", alarmTags=tags)
    series["detail-type"] = "CloudWatch Alarm Contributor State Change"
    series["detail"]["alarmContributor"] = {"id": "c1", "attributes": {"host": "h1"}}
    router.handle(batch(*changes, series), None)
    assert len(groups.firing("incidents")) == 3
    deleted = {
        **alarm_event("A1", "ALARM", 60, prefix="other-"),
        "detail-type": "CloudWatch Alarm Configuration Change",
        "detail": {"alarmName": "other-A1", "operation": "delete", "configuration": {"alarmName": "other-A1"}},
    }

    assert router.handle(batch(deleted), None) == DONE

    assert [one.source for one in groups.firing("incidents")] == ["other-A2"]
    assert cloud.receive("EventsDeadLetters") == []
