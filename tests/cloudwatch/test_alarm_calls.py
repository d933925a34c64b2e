import pytest

from local.errors import ServiceError
from tests.cloudwatch.fakes import TOPIC, FakeWorld


@pytest.fixture
def world():
    return FakeWorld()


@pytest.mark.parametrize(
    "more,message",
    [
        (
            {"EvaluationCriteria": {"PromQLCriteria": {"Query": "up"}}},
            "ComparisonOperator, EvaluationPeriods cannot be specified together with EvaluationCriteria",
        ),
        ({"ThresholdMetricId": "ad1"}, "ThresholdMetricId can only be specified together with Metrics"),
        (
            {"ComparisonOperator": "LessThanLowerThreshold"},
            "ThresholdMetricId is required with the ComparisonOperator LessThanLowerThreshold",
        ),
        ({"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 0}}, "between 1 and 2880, not 0"),
        (
            {"EvaluationWindow": {"WallClockWindow": {}}, "Period": 120},
            "Period 120 is not supported with a WallClockWindow; supported periods: 60, 300, 3600, 86400, 604800",
        ),
        (
            {"EvaluationWindow": {"WallClockWindow": {"Timezone": "+01:03"}}},
            "Timezone +01:03 of the WallClockWindow is neither an IANA time zone nor an offset such as +05:30",
        ),
        (
            {"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": True, "IncludedTagKeys": []}}},
            "IncludedTagKeys must have 1 to 50 entries, not 0",
        ),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "supported: SNS topics, Lambda functions"),
        ({"AlarmActions": ["topic"]}, "'topic' is no ARN"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "tm101"}, "The value tm101 for parameter Stat is invalid"),
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60, not 45"),
        ({"Period": None}, "The value None for parameter Period is invalid"),
        ({"EvaluationPeriods": 1441}, "Metrics cannot be checked across more than a day"),
        ({"EvaluationPeriods": 200, "Period": 3600}, "across more than a week"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be between 1 and EvaluationPeriods (1), not 2"),
        (
            {"TreatMissingData": "zero"},
            "TreatMissingData must be one of missing, ignore, breaching, notBreaching, not zero",
        ),
        ({"Threshold": None}, "Threshold is required"),
        ({"Unit": "Parsec"}, "The value Parsec for parameter Unit is invalid"),
        ({"MetricName": None}, "One of MetricName, Metrics and EvaluationCriteria"),
        ({"AlarmDescription": "d" * 1025}, "at 'alarmDescription'"),
        ({"AlarmName": "n" * 256}, "at 'alarmName'"),
        ({"OKActions": [TOPIC + str(number) for number in range(6)]}, "OKActions must not have more than 5 entries"),
        ({"Dimensions": [{"Name": "d", "Value": "1"}, {"Name": "d", "Value": "2"}]}, "two dimensions of the same name"),
    ],
)
def test_what_no_alarm_may_say_is_refused_by_name(world, more, message):
    plain = {
        "AlarmName": "High",
        "MetricName": "Errors",
        "Namespace": "App",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }

    with pytest.raises(ServiceError) as refused:
        world.cloudwatch.handle(
            "PutMetricAlarm", {key: value for key, value in (plain | more).items() if value is not None}
        )

    assert refused.value.code == "ValidationError"
    assert message in refused.value.message


@pytest.mark.parametrize(
    "metrics,message",
    [
        (["1 + 1"], "must rest on at least one metric"),
        (["AVG(m0)"], "Error in expression 'e0': its result is a scalar; it must be a time series"),
        (["FILL(1, m0)"], "Unsupported operand type(s) for FILL: '[S, TS]' at position 0"),
        (["m0 + 1", "m0 + 2"], "Exactly one element of the Metrics list should return data, not e0, e1"),
        (["SEARCH('{AWS/EC2}', 'Sum', 60)"], "SEARCH is not supported on Metric Alarms."),
        (["ANOMALY_DETECTION_BAND(m0, 2)"], "Metrics expression that return multi time series are only allowed"),
        (["SELECT AVG(x) FROM y"], "Period is a required field when using a Metrics Insights query"),
        (["+".join(f"m{number}" for number in range(11))], "at most 10 metrics, not 11"),
    ],
)
def test_metric_math_that_no_alarm_may_use_is_refused(world, metrics, message):
    stats = [
        {
            "Id": f"m{number}",
            "MetricStat": {"Metric": {"Namespace": "App", "MetricName": "E"}, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }
        for number in range(11 if "11" in message else 1)
    ]
    expressions = [{"Id": f"e{number}", "Expression": text} for number, text in enumerate(metrics)]

    with pytest.raises(ServiceError) as refused:
        world.call(
            "PutMetricAlarm",
            AlarmName="Math",
            Metrics=stats + expressions,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )

    assert message in refused.value.message


def test_describe_alarms_gives_metric_alarms_only_by_default_and_filters(world):
    for name in ("b", "a", "other"):
        world.alarm(name, AlarmActions=[TOPIC] if name == "a" else [])
    world.call("PutCompositeAlarm", AlarmName="all", AlarmRule="ALARM(a) OR ALARM(b)")
    world.put_every_minute([9])

    def names(**filters):
        answer = world.call("DescribeAlarms", **filters)
        return [one["AlarmName"] for one in answer["MetricAlarms"] + answer["CompositeAlarms"]]

    assert names() == ["a", "b", "other"]
    assert names(AlarmTypes=["CompositeAlarm"]) == ["all"]
    assert names(AlarmTypes=["CompositeAlarm", "MetricAlarm"], AlarmNames=["all", "a"]) == ["a", "all"]
    assert names(AlarmNamePrefix="o") == ["other"]
    assert names(StateValue="OK") == []
    assert names(ActionPrefix="arn:aws:sns") == ["a"]


def test_describe_alarms_pages(world):
    for number in range(5):
        world.alarm(f"a{number}")

    first = world.call("DescribeAlarms", MaxRecords=3)
    second = world.call("DescribeAlarms", MaxRecords=3, NextToken=first["NextToken"])

    assert [len(page["MetricAlarms"]) for page in (first, second)] == [3, 2]
    assert "NextToken" not in second


def test_alarms_are_found_by_their_metric(world):
    world.alarm("a", Dimensions=[{"Name": "Host", "Value": "h"}])
    world.alarm("b")

    answer = world.call("DescribeAlarmsForMetric", Namespace="App", MetricName="Errors")

    assert [one["AlarmName"] for one in answer["MetricAlarms"]] == ["b"]


def test_deleting_needs_one_known_name_and_no_composite_on_top(world):
    world.alarm("a")
    world.alarm("b")
    world.call("PutCompositeAlarm", AlarmName="top", AlarmRule="ALARM(a)")

    with pytest.raises(ServiceError, match="Cannot delete a as there are composite alarm"):
        world.call("DeleteAlarms", AlarmNames=["a"])
    with pytest.raises(ServiceError) as unknown:
        world.call("DeleteAlarms", AlarmNames=["nothing"])
    world.call("DeleteAlarms", AlarmNames=["b", "nothing"])
    world.call("DeleteAlarms", AlarmNames=["a", "top"])

    assert (unknown.value.code, unknown.value.status) == ("ResourceNotFound", 404)
    assert world.call("DescribeAlarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] == []
