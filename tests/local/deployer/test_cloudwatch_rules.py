"""Alarm mute rules and anomaly detectors in stacks: created, updated, replaced, deleted, and what refers to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from local.deployer import Deployer, DeployError, Deployment
from local.world import World
from tests.local import templates

Deploys = Callable[..., Deployment]


@pytest.fixture
def deploys(world: World, tmp_path: Path) -> Deploys:
    """Deploys a template as the stack App, again and again."""
    deployer = Deployer(world)
    count = iter(range(100))

    def deploy(resources: dict[str, Any], **sections: Any) -> Deployment:
        template = {"Resources": resources, **sections}
        return deployer.deploy(templates.assembly(tmp_path / str(next(count)), {"App": template}))

    return deploy


def alarm(name: str) -> dict[str, Any]:
    properties = {
        "AlarmName": name,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def mute(duration: str = "PT4H", **changes: Any) -> dict[str, Any]:
    properties = {
        "Name": "nights",
        "Rule": {"Schedule": {"Expression": "cron(0 2 * * SUN)", "Duration": duration, "Timezone": "Europe/Berlin"}},
        "MuteTargets": {"AlarmNames": [{"Ref": "A"}]},
    }
    return {"Type": "AWS::CloudWatch::AlarmMuteRule", "Properties": properties | changes}


def detector(stat: str = "Average", **changes: Any) -> dict[str, Any]:
    metric = {"Namespace": "n", "MetricName": "m", "Stat": stat, "Dimensions": [{"Name": "d", "Value": "v"}]}
    properties = {"SingleMetricAnomalyDetector": metric}
    return {"Type": "AWS::CloudWatch::AnomalyDetector", "Properties": properties | changes}


def output(**values: Any) -> dict[str, Any]:
    return {"Outputs": {name: {"Value": value} for name, value in values.items()}}


def outputs(admin: Clients) -> dict[str, str]:
    (stack,) = admin.get("cloudformation").describe_stacks(StackName="App")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def get(admin: Clients, name: str = "nights") -> dict[str, Any]:
    found: dict[str, Any] = admin.get("cloudwatch").get_alarm_mute_rule(AlarmMuteRuleName=name)
    return found


def detectors(admin: Clients) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get("cloudwatch").describe_anomaly_detectors()["AnomalyDetectors"]
    return found


def test_a_mute_rule_is_created_and_its_attributes_can_be_had(deploys: Deploys, admin: Clients) -> None:
    attributes = {key: {"Fn::GetAtt": ["M", key]} for key in ("Arn", "Status", "MuteType", "LastUpdatedTimestamp")}

    deploys(
        {"A": alarm("a"), "M": mute(Description="d", Tags=[{"Key": "k", "Value": "v"}])},
        **output(Ref={"Ref": "M"}, **attributes),
    )

    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm-mute-rule:nights"
    found, given = get(admin), outputs(admin)
    assert (found["AlarmMuteRuleArn"], found["Description"], found["MuteTargets"]) == (arn, "d", {"AlarmNames": ["a"]})
    assert (given["Ref"], given["Arn"], given["Status"], given["MuteType"]) == (arn, arn, "SCHEDULED", "RECURRING")
    assert given["LastUpdatedTimestamp"] == "2030-01-01T00:00:00+00:00"
    assert admin.get("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]


def test_a_mute_rules_dates_are_local_to_its_time_zone(deploys: Deploys, admin: Clients) -> None:
    deploys({"A": alarm("a"), "M": mute(StartDate="2030-06-01T00:00", ExpireDate="2030-07-01T00:00:00+00:00")})

    found = get(admin)
    assert found["StartDate"].astimezone(UTC) == datetime(2030, 5, 31, 22, tzinfo=UTC)
    assert found["ExpireDate"].astimezone(UTC) == datetime(2030, 7, 1, tzinfo=UTC)


def test_a_changed_mute_rule_is_updated_in_place_with_its_tags(deploys: Deploys, admin: Clients) -> None:
    deploys({"A": alarm("a"), "M": mute(Tags=[{"Key": "old", "Value": "v"}])})
    deploys({"A": alarm("a"), "M": mute("PT2H", Tags=[{"Key": "new", "Value": "v"}])})

    found = get(admin)
    tags = admin.get("cloudwatch").list_tags_for_resource(ResourceARN=found["AlarmMuteRuleArn"])["Tags"]
    assert found["Rule"]["Schedule"]["Duration"] == "PT2H"
    assert tags == [{"Key": "new", "Value": "v"}]


def test_a_renamed_mute_rule_is_replaced_and_a_removed_one_deleted(deploys: Deploys, admin: Clients) -> None:
    deploys({"A": alarm("a"), "M": mute()})
    deploys({"A": alarm("a"), "M": mute(Name="weekends")})
    names = [each["AlarmMuteRuleArn"].rsplit(":", 1)[1] for each in listed(admin)]
    deploys({"A": alarm("a")})

    assert names == ["weekends"]
    assert listed(admin) == []


def listed(admin: Clients) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get("cloudwatch").list_alarm_mute_rules()["AlarmMuteRuleSummaries"]
    return found


def test_a_mute_rule_without_a_name_gets_one_of_the_stack(deploys: Deploys, admin: Clients) -> None:
    rule = mute()
    del rule["Properties"]["Name"]

    deploys({"A": alarm("a"), "M": rule})

    assert [each["AlarmMuteRuleArn"].split(":")[-1].startswith("App-M-") for each in listed(admin)] == [True]


def test_a_mute_rule_of_a_stack_mutes_its_alarm(deploys: Deploys, admin: Clients, world: World) -> None:
    rule = {"Schedule": {"Expression": "at(2030-01-01T01:00)", "Duration": "PT1H"}}
    deploys({"A": alarm("a"), "M": mute(Rule=rule)})

    world.clock.advance(timedelta(minutes=90))

    assert get(admin)["Status"] == "ACTIVE"


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"StartDate": "tomorrow"}, r"App\.M\.Properties\.StartDate: 'tomorrow' is not a date"),
        ({"MuteTargets": {"AlarmNames": ["none"]}}, r"the alarms \[none\] do not exist"),
        ({"Colour": "red"}, r"App\.M\.Properties\.Colour"),
    ],
)
def test_a_wrong_mute_rule_fails_by_name_and_nothing_stays(
    deploys: Deploys, admin: Clients, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeployError, match=message):
        deploys({"A": alarm("a"), "M": mute(**changes)})

    assert listed(admin) == []


def test_a_mute_rule_that_exists_already_is_not_taken_over(deploys: Deploys, admin: Clients) -> None:
    schedule = {"Expression": "cron(0 2 * * SUN)", "Duration": "PT1H"}
    admin.get("cloudwatch").put_alarm_mute_rule(Name="nights", Rule={"Schedule": schedule})

    with pytest.raises(DeployError, match="nights already exists"):
        deploys({"A": alarm("a"), "M": mute()})

    assert get(admin)["Rule"]["Schedule"]["Duration"] == "PT1H"


def test_a_detector_is_created_referred_to_by_its_id_and_deleted(deploys: Deploys, admin: Clients) -> None:
    excluded = {"StartTime": "2029-12-01T00:00:00", "EndTime": "2029-12-02T00:00:00"}
    configuration = {"MetricTimeZone": "Europe/Berlin", "ExcludedTimeRanges": [excluded]}
    resource = detector(Configuration=configuration, MetricCharacteristics={"PeriodicSpikes": "true"})

    deploys({"D": resource}, **output(Ref={"Ref": "D"}, Id={"Fn::GetAtt": ["D", "Id"]}))

    (found,) = detectors(admin)
    given = outputs(admin)
    assert given == {"Ref": found["AnomalyDetectorId"], "Id": found["AnomalyDetectorId"]}
    assert found["Configuration"]["MetricTimezone"] == "Europe/Berlin"
    assert found["MetricCharacteristics"] == {"PeriodicSpikes": True}
    deploys({"A": alarm("a")})
    assert detectors(admin) == []


def test_a_detectors_configuration_changes_in_place_and_its_metric_replaces_it(
    deploys: Deploys, admin: Clients
) -> None:
    first = deploys({"D": detector()})
    second = deploys({"D": detector(Configuration={"MetricTimeZone": "UTC"})})
    (updated,) = detectors(admin)
    third = deploys({"D": detector("Sum")})
    (replaced,) = detectors(admin)

    assert first.stacks["App"].resources == second.stacks["App"].resources
    assert updated["Configuration"]["MetricTimezone"] == "UTC"
    assert third.stacks["App"].resources["D"] == replaced["AnomalyDetectorId"] != updated["AnomalyDetectorId"]
    assert replaced["SingleMetricAnomalyDetector"]["Stat"] == "Sum"


def test_a_detector_written_the_other_way_is_the_same_and_stays(deploys: Deploys, admin: Clients) -> None:
    deploys({"D": detector()})
    flat = detector()["Properties"]["SingleMetricAnomalyDetector"]

    deploys({"D": {"Type": "AWS::CloudWatch::AnomalyDetector", "Properties": flat}})

    assert len(detectors(admin)) == 1


def test_a_detector_of_metric_math_can_be_deployed(deploys: Deploys, admin: Clients) -> None:
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": "60", "Stat": "Sum"}
    queries = [
        {"Id": "m1", "MetricStat": stat, "ReturnData": "false"},
        {"Id": "e1", "Expression": "m1 * 2", "ReturnData": True},
    ]
    properties = {"MetricMathAnomalyDetector": {"MetricDataQueries": queries}}

    deploys({"D": {"Type": "AWS::CloudWatch::AnomalyDetector", "Properties": properties}})

    found = admin.get("cloudwatch").describe_anomaly_detectors(AnomalyDetectorTypes=["METRIC_MATH"])
    assert len(found["AnomalyDetectors"]) == 1


def test_what_goes_wrong_after_a_detector_takes_it_back(deploys: Deploys, admin: Clients) -> None:
    bad = alarm("a")
    bad["Properties"]["Period"] = 7
    bad["DependsOn"] = "D"

    with pytest.raises(DeployError):
        deploys({"D": detector(), "A": bad})

    assert detectors(admin) == []
