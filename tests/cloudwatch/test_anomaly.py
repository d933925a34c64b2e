import json
import math
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.anomaly import Band, BandComparison
from core.cloudwatch.seasonal import Filtering, Settings, Speed, train
from local.errors import ServiceError
from tests.cloudwatch.fakes import START, TOPIC, FakeWorld

DAY = 86_400
HOUR = 3_600
END = int(START.timestamp()) // DAY * DAY


def series(value, *, days=14.0, period=300, noise=1.0):
    """Two weeks of `value(seconds since the start of a Monday's week)` with the same noise in every run."""
    chance = random.Random(7)
    start = END - int(days * DAY)
    return [(at, value(at) + chance.gauss(0, noise)) for at in range(start, END, period)]


def of_day(at: int) -> float:
    return 100 + 50 * math.sin(2 * math.pi * (at % DAY) / DAY)


def working_week(at: int) -> float:
    return 100.0 if datetime.fromtimestamp(at, UTC).weekday() < 5 else 20.0


def expected(model, at):
    assert model is not None
    return model.expect(at)


def test_a_flat_metric_has_a_narrow_band_around_it():
    middle, spread = expected(train([(60 * minute, 10.0) for minute in range(30)], Settings()), 1800)

    assert (middle, spread) == (10.0, pytest.approx(0.1))


def test_a_daily_season_is_found_and_followed():
    model = train(series(of_day), Settings())

    assert model is not None
    assert model.season == DAY
    for hour in (0, 6, 12, 18):
        middle, spread = model.expect(END + hour * HOUR)
        assert middle == pytest.approx(of_day(hour * HOUR), abs=3)
        assert 0.5 < spread < 5


def test_a_weekly_season_is_found_once_there_are_two_weeks():
    model, young = train(series(working_week), Settings()), train(series(working_week, days=10), Settings())

    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert expected(model, int(saturday.timestamp()))[0] == pytest.approx(20, abs=3)
    assert expected(model, int((saturday + timedelta(days=2)).timestamp()))[0] == pytest.approx(100, abs=3)
    assert young is not None
    assert young.season == 0


def test_noise_makes_no_season():
    model = train(series(lambda _: 50.0), Settings())

    assert model is not None
    assert model.season == 0


def test_an_outage_moves_neither_level_nor_spread():
    points = series(of_day)
    broken = [(at, 1e6 if 50 < number < 90 else value) for number, (at, value) in enumerate(points)]

    sound, hurt = (expected(train(given, Settings()), END + 6 * HOUR) for given in (points, broken))

    assert hurt == pytest.approx(sound, rel=0.05)


def test_excluded_times_are_not_trained_on():
    halves = [(60 * minute, 10.0 if minute < 60 else 90.0) for minute in range(100)]

    model = train(halves, Settings(excluded=((0, 3600),)))

    assert expected(model, 6000)[0] == 90.0


def test_gaps_do_not_shift_the_season():
    points = [point for point in series(of_day) if (point[0] // DAY) % 3 and not 8 <= point[0] % DAY // HOUR < 10]

    assert expected(train(points, Settings()), END + 9 * HOUR)[0] == pytest.approx(of_day(9 * HOUR), abs=5)


def test_two_datapoints_are_too_few():
    assert train([(0, 1.0), (60, 1.0)], Settings()) is None


def test_local_midnights_follow_the_metrics_time_zone_through_a_clock_change():
    zone = ZoneInfo("Europe/Berlin")
    change = int(datetime(2026, 10, 25, tzinfo=zone).timestamp())

    def night(at: int) -> float:
        return 10.0 if datetime.fromtimestamp(at, zone).hour < 6 else 100.0

    points = [(at, night(at) + at % 7 / 10) for at in range(change - 14 * DAY, change, 300)]
    after = int(datetime(2026, 10, 26, 5, 15, tzinfo=zone).timestamp())

    assert expected(train(points, Settings(zone=zone)), after)[0] == pytest.approx(10, abs=2)
    assert expected(train(points, Settings()), after)[0] > 50


@pytest.mark.parametrize("speed,level", [(Speed.FAST, 110.0), (Speed.NORMAL, 100.0), (Speed.SLOW, 100.0)])
def test_how_soon_a_new_level_is_normal_depends_on_the_speed(speed, level):
    points = series(lambda at: 110.0 if at >= END - 8 * HOUR else 100.0, noise=3.0)

    assert expected(train(points, Settings(speed=speed)), END)[0] == pytest.approx(level, abs=2)


def test_periodic_spikes_widen_the_band_where_they_happen():
    points = series(lambda at: 500.0 if at % DAY // 300 == 150 else 10.0)
    noon = END + 150 * 300

    plain, spiky = (expected(train(points, Settings(spikes=spikes)), noon) for spikes in (False, True))

    assert spiky[1] > 100 > 10 > plain[1]
    assert expected(train(points, Settings(spikes=True)), END + 20 * HOUR)[1] < 10


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=200),
    st.sampled_from(list(Speed)),
    st.sampled_from(list(Filtering)),
)
def test_a_model_is_finite_positive_and_the_same_for_the_same_data(values, speed, filtering):
    points = [(END + 900 * number, value) for number, value in enumerate(values)]
    settings = Settings(speed=speed, filtering=filtering)

    model = train(points, settings)

    assert model == train(points, settings)
    middle, spread = expected(model, END + 12_345)
    assert math.isfinite(middle)
    assert math.isfinite(spread)
    assert spread > 0


@pytest.mark.parametrize(
    "comparison,breaching",
    [(BandComparison.OUTSIDE, [0, 3]), (BandComparison.BELOW, [0]), (BandComparison.ABOVE, [3])],
)
def test_the_three_operators_breach_beyond_the_band_only(comparison, breaching):
    band = Band(comparison, "ad1", "m1", 2.0)

    assert [value for value in (0, 1, 2, 3) if band.excess(value, 1, 2) > 0] == breaching


def banded(
    world, operator="LessThanLowerOrGreaterThanUpperThreshold", *, expression="ANOMALY_DETECTION_BAND(m1, 2)", **more
):
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Average"}
    given = {
        "AlarmName": "Odd",
        "Metrics": [{"Id": "m1", "MetricStat": stat}, {"Id": "ad1", "Expression": expression}],
        "ThresholdMetricId": "ad1",
        "ComparisonOperator": operator,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
    }
    world.call("PutMetricAlarm", **(given | more))


@pytest.mark.parametrize(
    "operator,value,state",
    [
        ("LessThanLowerOrGreaterThanUpperThreshold", 10, "OK"),
        ("LessThanLowerOrGreaterThanUpperThreshold", 100, "ALARM"),
        ("LessThanLowerOrGreaterThanUpperThreshold", 0, "ALARM"),
        ("GreaterThanUpperThreshold", 100, "ALARM"),
        ("GreaterThanUpperThreshold", 0, "OK"),
        ("LessThanLowerThreshold", 0, "ALARM"),
        ("LessThanLowerThreshold", 100, "OK"),
    ],
)
def test_an_alarm_with_a_band_tells_spikes_from_dips(operator, value, state):
    world = FakeWorld()
    world.put_every_minute([9, 11] * 5)
    banded(world, operator)

    world.put_every_minute([value])

    assert world.state("Odd") == state


def test_an_alarm_with_a_band_says_what_the_thresholds_were():
    world = FakeWorld()
    world.put_every_minute([10] * 10)
    banded(world, AlarmActions=[TOPIC])

    world.put_every_minute([100])

    described = world.described("Odd")
    data = json.loads(described["StateReasonData"])
    assert described["StateReason"] == (
        "Thresholds Crossed: 1 out of the last 1 datapoints [100.0 (20/11/26 10:10:00)] was less than the lower "
        "thresholds [9.8] or greater than the upper thresholds [10.2] (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert data["recentDatapoints"] == [100.0]
    assert (data["recentLowerThresholds"], data["recentUpperThresholds"]) == ([9.8], [10.2])
    assert not {"threshold", "statistic"} & data.keys()
    assert (described["ThresholdMetricId"], "Threshold" in described) == ("ad1", False)
    trigger = json.loads(world.topics.published[0]["message"])["Trigger"]
    assert trigger["ThresholdMetricId"] == "ad1"
    assert "Threshold" not in trigger


def test_a_metric_that_nothing_is_known_of_is_insufficient_data():
    world = FakeWorld()
    banded(world)

    world.put_every_minute([10])

    assert world.state("Odd") == "INSUFFICIENT_DATA"


def test_two_weeks_of_a_daily_pattern_make_a_band_that_follows_the_day():
    world = FakeWorld()
    start = int(START.timestamp())
    datums = [
        {"MetricName": "Errors", "Value": of_day(at) + at % 7 - 3, "Timestamp": at}
        for at in range(start - 14 * DAY + 60, start, 300)
    ]
    for chunk in range(0, len(datums), 1000):
        world.call("PutMetricData", Namespace="App", MetricData=datums[chunk : chunk + 1000])
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 300, "Stat": "Average"}
    queries = [{"Id": "m1", "MetricStat": stat}, {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"}]
    banded(world, Metrics=queries)

    world.put(of_day(start))
    world.advance(minutes=5)
    usual = world.state("Odd")
    world.put(of_day(start) - 60)
    world.advance(minutes=5)
    answer = world.call("GetMetricData", MetricDataQueries=queries, StartTime=start - HOUR, EndTime=start)

    assert (usual, world.state("Odd")) == ("OK", "ALARM")
    bands = [one["Values"] for one in answer["MetricDataResults"] if one["Id"] == "ad1"]
    metric = next(one["Values"] for one in answer["MetricDataResults"] if one["Id"] == "m1")
    assert len(bands) == 2
    assert all(min(pair) < value < max(pair) for value, *pair in zip(metric, *bands, strict=True))


def test_a_band_of_an_expression_is_one_of_metric_math():
    world = FakeWorld()
    world.put_every_minute([10] * 10)
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Average"}
    banded(
        world,
        Metrics=[
            {"Id": "m1", "MetricStat": stat, "ReturnData": False},
            {"Id": "e1", "Expression": "m1 * 2"},
            {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(e1, 2)"},
        ],
    )

    world.put_every_minute([100])

    detectors = world.call("DescribeAnomalyDetectors", AnomalyDetectorTypes=["METRIC_MATH"])["AnomalyDetectors"]
    assert world.state("Odd") == "ALARM"
    assert [one["Id"] for one in detectors[0]["MetricMathAnomalyDetector"]["MetricDataQueries"]] == ["m1", "e1"]


def test_an_evaluated_alarm_makes_the_detector_it_lacks():
    world = FakeWorld()
    banded(world)
    before = world.call("DescribeAnomalyDetectors")["AnomalyDetectors"]

    world.put_every_minute([10] * 5)

    (made,) = world.call("DescribeAnomalyDetectors")["AnomalyDetectors"]
    assert before == []
    assert (made["Namespace"], made["MetricName"], made["Stat"], made["StateValue"]) == (
        "App",
        "Errors",
        "Average",
        "TRAINED",
    )


METRIC = {"Namespace": "App", "MetricName": "Errors", "Stat": "Sum"}


def test_detectors_are_put_found_and_deleted():
    world = FakeWorld()
    span = {"StartTime": 1780000000.0, "EndTime": 1780003600.0}
    configuration = {"ExcludedTimeRanges": [span], "MetricTimezone": "Europe/Berlin", "AdaptationSpeed": "FAST"}
    one = world.call("PutAnomalyDetector", SingleMetricAnomalyDetector=METRIC, Configuration=configuration)
    again = world.call("PutAnomalyDetector", **METRIC, Configuration=configuration)
    other = world.call(
        "PutAnomalyDetector", **METRIC | {"MetricName": "Latency"}, MetricCharacteristics={"PeriodicSpikes": True}
    )

    found = world.call("DescribeAnomalyDetectors", MetricName="Errors")["AnomalyDetectors"]
    both = world.call("DescribeAnomalyDetectors", MaxResults=1)
    world.call("DeleteAnomalyDetector", AnomalyDetectorId=other["AnomalyDetectorId"])
    world.call("DeleteAnomalyDetector", **METRIC)

    assert one == again != other
    assert [(one["StateValue"], one["Configuration"]) for one in found] == [("PENDING_TRAINING", configuration)]
    assert found[0]["SingleMetricAnomalyDetector"] == METRIC | {"Dimensions": []}
    assert "NextToken" in both
    assert world.call("DescribeAnomalyDetectors")["AnomalyDetectors"] == []
    with pytest.raises(ServiceError) as gone:
        world.call("DeleteAnomalyDetector", **METRIC)
    assert (gone.value.code, gone.value.status) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    "params,code,message",
    [
        (
            METRIC | {"SingleMetricAnomalyDetector": METRIC},
            "InvalidParameterCombination",
            "cannot be specified together",
        ),
        ({"Namespace": "App", "MetricName": "Errors"}, "MissingParameter", "The parameter Stat is required."),
        (
            METRIC | {"Configuration": {"ExcludedTimeRanges": [{"StartTime": 2, "EndTime": 1}]}},
            "InvalidParameterValue",
            "the StartTime must be before the EndTime",
        ),
        (METRIC | {"Configuration": {"MetricTimezone": "Nowhere"}}, "InvalidParameterValue", "MetricTimezone Nowhere"),
        (
            {"MetricMathAnomalyDetector": {"MetricDataQueries": []}},
            "MissingParameter",
            "MetricMathAnomalyDetector.MetricDataQueries is required",
        ),
    ],
)
def test_what_no_detector_may_say_is_refused(params, code, message):
    with pytest.raises(ServiceError) as refused:
        FakeWorld().call("PutAnomalyDetector", **params)

    assert refused.value.code == code
    assert message in refused.value.message


@pytest.mark.parametrize(
    "more,message",
    [
        ({"Threshold": 5.0}, "Threshold and ThresholdMetricId cannot be specified together"),
        ({"ThresholdMetricId": "ad2"}, "ThresholdMetricId ad2 is not the Id of an element of Metrics"),
        ({"ThresholdMetricId": "m1"}, "ThresholdMetricId must name ANOMALY_DETECTION_BAND(id, deviations)"),
        ({"operator": "GreaterThanThreshold"}, "with ThresholdMetricId, not GreaterThanThreshold"),
    ],
)
def test_what_no_alarm_with_a_band_may_say_is_refused(more, message):
    with pytest.raises(ServiceError) as refused:
        banded(FakeWorld(), **more)

    assert message in refused.value.message
