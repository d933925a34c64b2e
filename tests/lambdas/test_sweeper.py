import json
from datetime import timedelta

import pytest

from core.incidents.signals import State
from lambdas import router, sweeper
from lambdas.adapters import clients, groups
from tests.lambdas.builders import PREFIX, alarm_event
from tests.lambdas.conftest import batch

RANKER = 'root:{kind="endpoint", subject="ranker"}'
DONE: dict[str, list[object]] = {"batchItemFailures": []}


@pytest.fixture
def cloudwatch(cloud):
    return clients.client("cloudwatch")


def alarm(cloudwatch, condition, state="ALARM", prefix=PREFIX):
    """An alarm as CloudWatch has it now."""
    cloudwatch.put_metric_alarm(
        AlarmName=prefix + condition,
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=prefix + condition, StateValue=state, StateReason="told by a test")


def sweep(cloud):
    """A sweep, and the routing of what it found."""
    found = sweeper.handle({"sweep": True}, None)
    assert router.handle(cloud.batch("Events"), None) == DONE
    return found


def state(condition):
    (found,) = [one.alert for one in groups.members("incidents", RANKER) if one.alert.facts.condition == condition]
    return found.state


def test_an_alarm_whose_event_was_lost_is_opened_within_a_minute(cloud, cloudwatch):
    alarm(cloudwatch, "Unhealthy")
    cloud.wait(60)

    assert sweep(cloud)["lost"] == 1

    assert state("Unhealthy") is State.ALARM
    assert sweep(cloud)["lost"] == 0


def test_an_event_that_may_be_on_its_way_is_waited_for(cloud, cloudwatch):
    alarm(cloudwatch, "Unhealthy")
    cloud.wait(10)

    assert sweep(cloud)["lost"] == 0


def test_an_end_whose_event_was_lost_is_found(cloud, cloudwatch):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    cloud.wait(60)
    alarm(cloudwatch, "Unhealthy", "OK")
    cloud.wait(60)

    assert sweep(cloud)["lost"] == 1

    assert state("Unhealthy") is State.OK
    assert sweep(cloud)["lost"] == 0


def test_a_deleted_alarm_ends(cloud, cloudwatch):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    cloud.wait(60)

    sweep(cloud)

    (one,) = groups.members("incidents", RANKER)
    assert (one.alert.state, one.alert.reason) == (State.OK, "alarm deleted")


def test_an_alarm_of_another_deployment_is_not_opened_but_read_again_where_it_was_told_of(cloud, cloudwatch):
    alarm(cloudwatch, "A", prefix="other-")
    router.handle(batch(alarm_event("A", "ALARM", prefix="other-")), None)
    router.handle(batch(alarm_event("B", "ALARM", prefix="other-")), None)
    alarm(cloudwatch, "C", prefix="other-")
    cloud.wait(60)

    assert sweep(cloud)["lost"] == 1

    standing = {one.source for one in groups.firing("incidents")}
    assert standing == {"other-A"}


def test_an_alarm_without_data_that_stays_firing_is_not_told_again(cloud, cloudwatch):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    cloud.wait(60)
    alarm(cloudwatch, "Unhealthy", "INSUFFICIENT_DATA")
    cloud.wait(60)

    assert [sweep(cloud)["lost"] for _ in range(2)] == [1, 0]


def test_what_is_overdue_is_asked_for_although_cloudwatch_does_not_answer(cloud, monkeypatch):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    cloud.wait(31)
    cloud.receive("Notifications")

    def broken(_):
        raise OSError("cloudwatch is down")

    monkeypatch.setattr("lambdas.adapters.alarms.alarming", broken)
    with pytest.raises(ExceptionGroup, match="1 of 2 sweeps failed"):
        sweeper.handle({}, None)

    (order,) = [json.loads(one["Body"]) for one in cloud.receive("Notifications")]
    assert (order["kind"], order["group"]) == ("flush", RANKER)


def test_a_stale_description_does_not_end_what_an_event_began_later(cloud, cloudwatch):
    alarm(cloudwatch, "Unhealthy", "OK")
    cloud.wait(60)
    router.handle(batch(alarm_event("Unhealthy", "ALARM", 60)), None)

    assert sweep(cloud)["lost"] == 0
    cloud.wait(timedelta(minutes=1).total_seconds())
    assert sweep(cloud)["lost"] == 1
