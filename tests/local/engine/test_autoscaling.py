from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

WHAT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/ranker/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture
def scaling(client, running):
    """A client of a world in which `ranker` has two instances, at most five, and aims at 100 requests for each."""
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/SageMaker")
    variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.g5.xlarge"}
    variant |= {"InitialInstanceCount": 2, "InitialVariantWeight": 1.0}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="ranker", EndpointConfigName="c")
    running.world.sagemaker.complete("ranker")
    found = client("application-autoscaling")
    found.register_scalable_target(**WHAT, MinCapacity=1, MaxCapacity=5)
    found.put_scaling_policy(**WHAT, PolicyName="p", **tracking())
    return found


def tracking(**changes: Any) -> dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    configuration = {"TargetValue": 100.0, "PredefinedMetricSpecification": metric} | changes
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}


@pytest.fixture
def minutes(running):
    """Lets minutes pass in which each instance gets so many requests."""

    def go(count: int, requests: float) -> None:
        world = running.world
        dimensions = [{"Name": "EndpointName", "Value": "ranker"}, {"Name": "VariantName", "Value": "AllTraffic"}]
        for _ in range(count):
            datum = {"MetricName": "InvocationsPerInstance", "Dimensions": dimensions, "Value": requests}
            world.cloudwatch.put("AWS/SageMaker", [datum | {"Timestamp": world.clock.now().timestamp()}])
            world.clock.advance(timedelta(minutes=1))

    return go


def count(client) -> int:
    variant = client("sagemaker").describe_endpoint(EndpointName="ranker")["ProductionVariants"][0]
    return int(variant["DesiredInstanceCount"])


def test_three_minutes_over_the_target_bring_as_many_instances_as_it_takes(client, scaling, minutes):
    minutes(2, 180.0)
    before = count(client)
    minutes(1, 180.0)

    (activity,) = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    assert (before, count(client)) == (2, 4)
    assert client("sagemaker").describe_endpoint(EndpointName="ranker")["EndpointStatus"] == "Updating"
    assert activity["Description"] == "Setting desired instance count to 4."
    assert activity["StatusCode"] == "Successful"
    assert activity["Cause"].endswith("-AlarmHigh in state ALARM triggered policy p")


def test_the_bounds_and_the_cooldown_hold(client, scaling, minutes):
    minutes(3, 900.0)
    first = count(client)
    client("application-autoscaling").register_scalable_target(**WHAT, MinCapacity=1, MaxCapacity=9)
    minutes(4, 900.0)
    held = count(client)
    minutes(1, 900.0)

    assert (first, held, count(client)) == (5, 5, 9)


def test_fifteen_quiet_minutes_take_instances_away_and_silence_takes_none(client, scaling, minutes, advance):
    advance(minutes=20)
    silent = count(client)
    minutes(14, 20.0)
    before = count(client)
    minutes(1, 20.0)

    assert (silent, before, count(client)) == (2, 2, 1)


def test_what_would_never_act_is_refused_by_name(scaling):
    with pytest.raises(ClientError, match="does not serve StepScaling policies"):
        scaling.put_scaling_policy(**WHAT, PolicyName="s", PolicyType="StepScaling", StepScalingPolicyConfiguration={})
    with pytest.raises(ClientError, match="does not serve scheduled actions"):
        scaling.put_scheduled_action(**WHAT, ScheduledActionName="a", Schedule="rate(1 hour)")
    with pytest.raises(ClientError, match="does not serve the dimension"):
        scaling.register_scalable_target(**WHAT | {"ScalableDimension": "ecs:service:DesiredCount"}, MaxCapacity=1)
    with pytest.raises(ClientError, match="variant not found"):
        scaling.register_scalable_target(**WHAT | {"ResourceId": "endpoint/x/variant/y"}, MinCapacity=1, MaxCapacity=1)
