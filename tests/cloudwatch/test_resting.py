from datetime import UTC, datetime, timedelta
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.alarm import MissingData
from local.cloudwatch.resting import Resting
from tests.cloudwatch.fakes import FakeWorld

NAMES = ("One", "Two")
DATUM = st.tuples(
    st.just("put"),
    st.sampled_from(NAMES),
    st.integers(-30, 110),
    st.integers(1, 20),
    st.sampled_from([0.0, 9.0]),
)
STEPS = st.lists(
    DATUM
    | st.tuples(st.just("advance"), st.sampled_from([1, 3, 25, 130, 260]))
    | st.tuples(st.just("set"), st.integers(0, 2), st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"]))
    | st.tuples(st.just("alarm"), st.integers(0, 2), st.sampled_from([1.0, 5.0, 20.0])),
    min_size=3,
    max_size=12,
)
ALARMS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([60, 120, 300]),
        st.integers(1, 3),
        st.integers(1, 3),
        st.sampled_from(MissingData),
        st.sampled_from(["Sum", "Average", "SampleCount", "p90"]),
    ),
    min_size=3,
    max_size=3,
)


def put_alarm(world, number, alarm, threshold):
    metric, period, needed, more, missing, statistic = alarm
    world.alarm(
        f"Alarm{number}",
        MetricName=metric,
        Period=period,
        EvaluationPeriods=needed + more - 1,
        DatapointsToAlarm=needed,
        TreatMissingData=missing.value,
        Threshold=threshold,
        Statistic=None if statistic == "p90" else statistic,
        ExtendedStatistic=statistic if statistic == "p90" else None,
    )


def lived(alarms, steps):
    """Everything that the alarms did, in order."""
    world = FakeWorld()
    for number, alarm in enumerate(alarms):
        put_alarm(world, number, alarm, 5.0)
    for step in steps:
        kind, *details = step
        if kind == "put":
            metric, start, count, value = details
            for minute in range(start, start + count):
                at = world.clock.now() + timedelta(minutes=min(minute, 119))
                world.put(value, metric, Timestamp=at.timestamp())
        elif kind == "advance":
            world.advance(minutes=details[0])
        elif kind == "set":
            number, state = details
            world.call("SetAlarmState", AlarmName=f"Alarm{number}", StateValue=state, StateReason="by hand")
        else:
            number, threshold = details
            put_alarm(world, number, alarms[number], threshold)
    world.advance(minutes=140)
    events = [(event["detail_type"], event["resources"], event["detail"]) for event in world.events.events]
    return events, [world.described(f"Alarm{number}") for number in range(len(alarms))]


@settings(max_examples=60)
@given(ALARMS, STEPS)
def test_what_alarms_do_does_not_depend_on_their_resting(alarms, steps):
    rested = lived(alarms, steps)

    with mock.patch.object(Resting, "rest"):
        assert rested == lived(alarms, steps)


def awake(world):
    now = world.clock.now()
    return [alarm.name for alarm in world.cloudwatch.alarms.registry.due(now)]


def quiet_world():
    """A world two minutes after its alarm High, on a metric with an hour of quiet data ahead."""
    world = FakeWorld(datetime(2026, 11, 20, 10, 0, tzinfo=UTC))
    for minute in range(-5, 60):
        world.put(1.0, Timestamp=(world.clock.now() + timedelta(minutes=minute)).timestamp())
    world.alarm()
    world.advance(minutes=2)
    return world


def test_an_alarm_whose_data_are_in_the_store_rests():
    assert awake(quiet_world()) == []


def test_an_alarm_wakes_when_its_data_end():
    world = quiet_world()

    world.advance(minutes=61)

    assert world.state() == "INSUFFICIENT_DATA"


def test_a_datum_wakes_an_alarm():
    world = quiet_world()

    world.put(9.0)
    world.advance(minutes=1)

    assert world.state() == "ALARM"


def test_a_state_set_by_hand_is_taken_back_at_the_next_evaluation():
    world = quiet_world()

    world.call("SetAlarmState", AlarmName="High", StateValue="ALARM", StateReason="by hand")
    world.advance(minutes=1)

    assert world.state() == "OK"


def test_another_delay_of_ingestion_wakes_alarms():
    world = quiet_world()

    world.cloudwatch.ingestion_delay = timedelta(minutes=30)
    world.advance(minutes=1)

    assert world.state() == "INSUFFICIENT_DATA"
