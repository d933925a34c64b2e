import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.services.sagemaker import guardrails

ONE_AT_FIRST: dict[str, Any] = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "TerminationWaitInSeconds": 120,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}


@pytest.fixture
def sagemaker(client, running):
    """A client of a world in which `ranker` serves `blue` on four instances; `green` can follow it."""
    found = client("sagemaker")
    found.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/SageMaker")
    for name, kind in (("blue", "ml.g5.xlarge"), ("green", "ml.g5.2xlarge")):
        variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": kind}
        variant |= {"InitialInstanceCount": 4, "InitialVariantWeight": 1.0}
        found.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    found.create_endpoint(EndpointName="ranker", EndpointConfigName="blue")
    running.world.sagemaker.complete("ranker")
    client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    return found


def status(sagemaker) -> tuple[str, str]:
    found = sagemaker.describe_endpoint(EndpointName="ranker")
    return found["EndpointStatus"], found["EndpointConfigName"]


def test_a_canary_takes_its_share_and_then_all(running, sagemaker, advance):
    aws = running.world.sagemaker
    shares = [aws.traffic("ranker")]
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green", DeploymentConfig=ONE_AT_FIRST)
    for minutes in (1, 2, 5, 2):
        advance(minutes=minutes)
        shares.append(aws.traffic("ranker"))

    assert shares == [
        (("blue", 1.0),),
        (("blue", 1.0),),
        (("blue", 0.75), ("green", 0.25)),
        (("green", 1.0),),
        (("green", 1.0),),
    ]
    assert status(sagemaker) == ("InService", "green")


def test_an_alarm_rolls_the_deployment_back_to_the_configuration_that_served(client, sagemaker, advance):
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green", DeploymentConfig=ONE_AT_FIRST)
    advance(minutes=3)
    client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="too many")
    advance(minutes=1)
    rolling_back = status(sagemaker)
    advance(minutes=1)

    assert rolling_back == ("RollingBack", "blue")
    assert status(sagemaker) == ("InService", "blue")
    found = sagemaker.describe_endpoint(EndpointName="ranker")
    assert found["FailureReason"] == "The deployment was rolled back because of alarms: errors."
    assert "PendingDeploymentSummary" not in found


def test_a_deployment_that_takes_longer_than_it_may_is_rolled_back(sagemaker, advance):
    policy: dict[str, Any] = {**ONE_AT_FIRST["BlueGreenUpdatePolicy"], "MaximumExecutionTimeoutInSeconds": 600}
    policy["TrafficRoutingConfiguration"] = {**policy["TrafficRoutingConfiguration"], "WaitIntervalInSeconds": 3600}
    sagemaker.update_endpoint(
        EndpointName="ranker", EndpointConfigName="green", DeploymentConfig={"BlueGreenUpdatePolicy": policy}
    )
    advance(minutes=11)

    assert status(sagemaker) == ("InService", "blue")


def test_an_endpoint_without_capacity_fails_and_an_update_without_it_goes_back(running, sagemaker, advance):
    running.world.sagemaker.unavailable.add("ml.g5.2xlarge")
    sagemaker.create_endpoint(EndpointName="second", EndpointConfigName="green")
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green")
    advance(minutes=5)

    failed = sagemaker.describe_endpoint(EndpointName="second")
    assert failed["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in failed["FailureReason"]
    assert status(sagemaker) == ("InService", "blue")
    assert "InsufficientInstanceCapacity" in sagemaker.describe_endpoint(EndpointName="ranker")["FailureReason"]


HALVES: dict[str, Any] = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 300,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}


def test_a_rolling_deployment_that_cannot_go_back_stays_with_both_configurations(
    running, client, sagemaker, make_queue, bodies, advance
):
    url, arn = make_queue("events", "events.amazonaws.com")
    client("events").put_rule(Name="r", EventPattern='{"detail": {"EndpointStatus": ["UPDATE_ROLLBACK_FAILED"]}}')
    client("events").put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green", DeploymentConfig=HALVES)
    advance(minutes=3)
    running.world.sagemaker.unavailable.add("ml.g5.xlarge")
    client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="too many")
    advance(minutes=2)

    found = sagemaker.describe_endpoint(EndpointName="ranker")
    assert status(sagemaker) == ("UpdateRollbackFailed", "blue")
    assert "errors" in found["FailureReason"]
    assert "InsufficientInstanceCapacity" in found["FailureReason"]
    assert running.world.sagemaker.traffic("ranker") == (("blue", 0.5), ("green", 0.5))
    kinds = [json.loads(body)["detail-type"] for body in bodies(url)]
    assert kinds == ["SageMaker Endpoint State Change", "SageMaker Endpoint Deployment State Change"]


def test_another_update_mends_a_failed_rollback(running, client, sagemaker, advance):
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green", DeploymentConfig=HALVES)
    advance(minutes=3)
    running.world.sagemaker.unavailable.add("ml.g5.xlarge")
    client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="too many")
    advance(minutes=2)

    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green")
    advance(minutes=5)

    assert status(sagemaker) == ("InService", "green")
    assert running.world.sagemaker.traffic("ranker") == (("green", 1.0),)


def test_a_rollback_that_needs_no_instances_does_not_miss_any(running, client, sagemaker, advance):
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green", DeploymentConfig=ONE_AT_FIRST)
    advance(minutes=3)
    running.world.sagemaker.unavailable.add("ml.g5.xlarge")
    client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="too many")
    advance(minutes=2)

    assert status(sagemaker) == ("InService", "blue")


@pytest.mark.parametrize(
    "policy,message",
    [
        (
            {"TerminationWaitInSeconds": 3601},
            "Value '3601' at 'deploymentConfig.blueGreenUpdatePolicy.terminationWaitInSeconds' failed to satisfy",
        ),
        (
            {"MaximumExecutionTimeoutInSeconds": 28801},
            "Member must have value less than or equal to 28800",
        ),
        (
            {"TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 3601}},
            "trafficRoutingConfiguration.waitIntervalInSeconds",
        ),
        (
            {"TrafficRoutingConfiguration": {"Type": "SOME", "WaitIntervalInSeconds": 1}},
            "Member must satisfy enum value set: [ALL_AT_ONCE, CANARY, LINEAR]",
        ),
    ],
)
def test_waits_and_timeouts_beyond_their_range_are_refused(sagemaker, policy, message):
    whole = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}} | policy

    with pytest.raises(ClientError) as caught:
        sagemaker.update_endpoint(
            EndpointName="ranker", EndpointConfigName="green", DeploymentConfig={"BlueGreenUpdatePolicy": whole}
        )

    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]
    assert status(sagemaker) == ("InService", "blue")


@pytest.mark.parametrize(
    "operation,params,message",
    [
        ("create_model", {"ModelName": "a_b", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r"}, "[a-zA-Z0-9]"),
        ("create_model", {"ModelName": "m" * 64, "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r"}, "63"),
        ("create_model", {"ModelName": "m", "ExecutionRoleArn": "not an arn at all, really"}, "arn:aws"),
        ("create_endpoint", {"EndpointName": "-x", "EndpointConfigName": "blue"}, "regular expression pattern"),
        ("list_models", {"SortBy": "Colour"}, "enum value set: [Name, CreationTime]"),
    ],
)
def test_a_call_that_does_not_fit_sagemakers_model_is_refused(sagemaker, operation, params, message):
    with pytest.raises(ClientError) as caught:
        getattr(sagemaker, operation)(**params)

    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]


def test_what_sagemaker_refuses_of_endpoints_is_refused(sagemaker):
    unknown = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "none"}]}}

    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        sagemaker.create_endpoint(EndpointName="ranker", EndpointConfigName="blue")
    with pytest.raises(ClientError, match="the alarm 'none', which does not exist"):
        sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green", DeploymentConfig=unknown)
    sagemaker.update_endpoint(EndpointName="ranker", EndpointConfigName="green")
    with pytest.raises(ClientError, match="in-progress"):
        sagemaker.delete_endpoint(EndpointName="ranker")


def shares(deployment: dict[str, Any], *instances: int) -> list[float]:
    return [phase.share for phase in guardrails.read(deployment, instances).phases]


def routed(**routing: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"WaitIntervalInSeconds": 60, **routing}}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def test_each_kind_of_deployment_has_its_phases():
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 60}}

    assert shares({}, 4) == [0.0]
    assert shares(routed(Type="ALL_AT_ONCE"), 4) == [0.0]
    assert shares(routed(Type="CANARY", CanarySize=percent(10)), 10) == [0.0, 0.1]
    assert shares(routed(Type="LINEAR", LinearStepSize=percent(25)), 4) == [0.0, 0.25, 0.5, 0.75]
    assert shares(rolling, 4) == [0.0, 0.5, 0.5, 1.0]


@pytest.mark.parametrize(
    "deployment,reason",
    [
        ({"BlueGreenUpdatePolicy": {"a": 1}, "RollingUpdatePolicy": {"a": 1}}, "give one of them"),
        (routed(Type="SOME"), "known are ALL_AT_ONCE, CANARY and LINEAR"),
        (routed(Type="CANARY"), "CanarySize is required"),
        (routed(Type="CANARY", CanarySize=percent(60)), "must be 0-50 percent"),
        (routed(Type="LINEAR", LinearStepSize=percent(5)), "must be 10-50 percent"),
        (routed(Type="LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 3}), "must be 10-50 percent"),
        (routed(Type="CANARY", CanarySize={"Type": "ALL", "Value": 3}), "known are INSTANCE_COUNT"),
    ],
)
def test_a_deployment_configuration_that_sagemaker_refuses_says_why(deployment, reason):
    with pytest.raises(guardrails.Refused, match=reason):
        guardrails.read(deployment, [4])
