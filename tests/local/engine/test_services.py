import json
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from local.services.computeoptimizer import ComputeOptimizer
from local.services.costhub import CostHub
from tests.local.engine.conftest import START, allow


def problems(service: str, operation: str, answer: dict[str, Any]) -> str:
    """What botocore's model of the operation's output finds wrong with an answer; "" when it fits."""
    model = botocore.session.get_session().get_service_model(service)
    report = ParamValidator().validate(answer, model.operation_model(operation).output_shape)
    return str(report.generate_report())


@pytest.fixture
def heard(client, make_queue, bodies, advance):
    """The details of SageMaker's events so far, by detail type."""
    url, arn = make_queue("heard", "events.amazonaws.com")
    client("events").put_rule(Name="all", EventPattern='{"source": ["aws.sagemaker"]}')
    client("events").put_targets(Rule="all", Targets=[{"Id": "1", "Arn": arn}])

    def read() -> list[tuple[str, dict[str, Any]]]:
        advance(seconds=0)
        events = [json.loads(body) for body in bodies(url)]
        return [(event["detail-type"].removeprefix("SageMaker "), event["detail"]) for event in events]

    return read


@pytest.fixture
def endpoint(running, client):
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/SageMaker")
    for name, count in (("blue", 1), ("green", 3)):
        variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.g5.xlarge"}
        variant |= {"InitialInstanceCount": count, "InitialVariantWeight": 1.0}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="ranker", EndpointConfigName="blue", Tags=[{"Key": "team", "Value": "ml"}])
    running.world.sagemaker.complete("ranker")
    return "ranker"


def statuses(events) -> list[tuple[str, str, str]]:
    return [(kind, detail["EndpointStatus"], detail["EndpointConfigName"]) for kind, detail in events]


def test_creating_and_deleting_an_endpoint_take_their_time_and_are_told(client, endpoint, heard, advance):
    sagemaker = client("sagemaker")
    sagemaker.create_endpoint(EndpointName="second", EndpointConfigName="blue")
    creating = sagemaker.describe_endpoint(EndpointName="second")["EndpointStatus"]
    advance(minutes=3)
    created = heard()
    in_service = sagemaker.describe_endpoint(EndpointName="second")["EndpointStatus"]
    sagemaker.delete_endpoint(EndpointName="second")
    deleting = sagemaker.describe_endpoint(EndpointName="second")["EndpointStatus"]
    advance(minutes=1)

    assert ("Creating", "InService", "Deleting") == (creating, in_service, deleting)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName="second")
    assert [
        ("Endpoint State Change", "CREATING", "blue"),
        ("Endpoint State Change", "IN_SERVICE", "blue"),
    ] == [
        entry
        for entry, (_, detail) in zip(statuses(created), created, strict=True)
        if detail["EndpointName"] == "second"
    ]
    assert [("Endpoint State Change", "DELETING", "blue")] == statuses(heard())


def test_an_update_takes_its_time_and_is_told_at_each_step(client, endpoint, heard, advance):
    sagemaker = client("sagemaker")
    heard()
    deployment = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 600,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            },
            "TerminationWaitInSeconds": 60,
        }
    }

    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="green", DeploymentConfig=deployment)
    during = sagemaker.describe_endpoint(EndpointName=endpoint)
    begun = heard()
    advance(minutes=5)
    baking = heard()
    advance(minutes=10)
    after = sagemaker.describe_endpoint(EndpointName=endpoint)
    ended = heard()

    assert ("Updating", "blue", "green") == (
        during["EndpointStatus"],
        during["EndpointConfigName"],
        during["PendingDeploymentSummary"]["EndpointConfigName"],
    )
    assert during["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    assert [
        ("Endpoint State Change", "UPDATING", "blue"),
        ("Endpoint Deployment State Change", "UPDATING", "blue"),
    ] == statuses(begun)
    ((kind, detail),) = baking
    assert kind == "Endpoint Deployment State Change"
    pending = detail["PendingDeploymentSummary"]
    assert ("green", "Baking") == (
        pending["EndpointConfigName"],
        pending["ProductionVariants"][0]["VariantStatus"][0]["Status"],
    )
    assert ("InService", "green", 3) == (
        after["EndpointStatus"],
        after["EndpointConfigName"],
        after["ProductionVariants"][0]["CurrentInstanceCount"],
    )
    assert deployment == after["LastDeploymentConfig"]
    assert "PendingDeploymentSummary" not in after
    assert START + timedelta(minutes=13) == after["LastModifiedTime"]
    assert [
        ("Endpoint Deployment State Change", "UPDATING", "blue"),
        ("Endpoint State Change", "IN_SERVICE", "green"),
        ("Endpoint Deployment State Change", "IN_SERVICE", "green"),
    ] == statuses(ended)


def test_state_changes_have_the_fields_of_the_documented_sample(client, endpoint, heard, advance):
    client("sagemaker").create_endpoint(EndpointName="second", EndpointConfigName="blue")
    advance(minutes=3)

    *_, (_, detail) = heard()

    assert {
        "EndpointName": "second",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/second",
        "EndpointConfigName": "blue",
        "ProductionVariants": [{"DesiredWeight": 1.0, "DesiredInstanceCount": 1.0}],
        "EndpointStatus": "IN_SERVICE",
        "CreationTime": START.timestamp() * 1000,
        "LastModifiedTime": (START.timestamp() + 180) * 1000,
        "Tags": {},
    } == detail


def test_an_update_keeps_variant_properties_when_asked(client, endpoint, advance):
    sagemaker = client("sagemaker")
    wish = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 7, "DesiredWeight": 1.0}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=wish)
    scaling = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"]
    advance(minutes=2)

    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="green", RetainAllVariantProperties=True)
    advance(minutes=5)

    variant = sagemaker.describe_endpoint(EndpointName=endpoint)["ProductionVariants"][0]
    assert ("Updating", 7) == (scaling, variant["CurrentInstanceCount"])


def test_updates_that_sagemaker_refuses_are_refused(client, endpoint):
    sagemaker = client("sagemaker")

    with pytest.raises(ClientError, match="Could not find endpoint "):
        sagemaker.update_endpoint(EndpointName="gone", EndpointConfigName="green")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="gone")
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="green")
    with pytest.raises(ClientError, match="in-progress"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="blue")


def test_an_endpoint_can_be_made_to_fail(running, client, endpoint, heard):
    heard()

    running.world.sagemaker.fail(endpoint, "The container did not pass the ping health check.")

    assert client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Failed"
    ((_, detail),) = heard()
    assert ("FAILED", "The container did not pass the ping health check.") == (
        detail["EndpointStatus"],
        detail["FailureReason"],
    )


def test_recommendation_jobs_are_listed_and_described(client):
    sagemaker = client("sagemaker")

    done = sagemaker.list_inference_recommendations_jobs(StatusEquals="COMPLETED")["InferenceRecommendationsJobs"]
    job = sagemaker.describe_inference_recommendations_job(JobName="job-1")

    assert ["job-1"] == [summary["JobName"] for summary in done]
    assert ["ml.g4dn.xlarge", "ml.g5.xlarge"] == [
        each["EndpointConfiguration"]["InstanceType"] for each in job["InferenceRecommendations"]
    ]
    assert START.replace(hour=0) == job["CompletionTime"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_inference_recommendations_job(JobName="gone")


def test_recommendation_jobs_are_paged(client):
    pages = client("sagemaker").get_paginator("list_inference_recommendations_jobs").paginate(MaxResults=1)

    assert [1, 1] == [len(page["InferenceRecommendationsJobs"]) for page in pages]


def test_recommendation_jobs_fit_the_services_model(running):
    sagemaker = running.world.sagemaker
    listed = sagemaker.handle("ListInferenceRecommendationsJobs", {})

    assert problems("sagemaker", "ListInferenceRecommendationsJobs", listed) == ""
    for job in ("job-1", "job-2"):
        described = sagemaker.handle("DescribeInferenceRecommendationsJob", {"JobName": job})
        assert problems("sagemaker", "DescribeInferenceRecommendationsJob", described) == ""
        steps = sagemaker.handle("ListInferenceRecommendationsJobSteps", {"JobName": job})
        assert problems("sagemaker", "ListInferenceRecommendationsJobSteps", steps) == ""


def test_compute_optimizer_answers_only_an_enrolled_account(client):
    optimizer = client("compute-optimizer")

    with pytest.raises(optimizer.exceptions.OptInRequiredException):
        optimizer.get_ec2_instance_recommendations()
    assert optimizer.get_enrollment_status()["status"] == "Inactive"
    optimizer.update_enrollment_status(status="Active")

    instances = optimizer.get_ec2_instance_recommendations()["instanceRecommendations"]
    idle = optimizer.get_idle_recommendations()["idleRecommendations"]
    assert [("g5.12xlarge", "Overprovisioned")] == [(i["currentInstanceType"], i["finding"]) for i in instances]
    assert ["SageMakerEndpoint"] == [each["resourceType"] for each in idle]
    filtered = optimizer.get_ec2_instance_recommendations(filters=[{"name": "Finding", "values": ["Optimized"]}])
    assert [] == filtered["instanceRecommendations"]


def test_cost_optimization_hub_answers_only_an_enrolled_account(client):
    hub = client("cost-optimization-hub")

    with pytest.raises(hub.exceptions.AccessDeniedException):
        hub.list_recommendations()
    assert [("123456789012", "Inactive")] == [
        (i["accountId"], i["status"]) for i in hub.list_enrollment_statuses()["items"]
    ]
    hub.update_enrollment_status(status="Active")

    assert [3408.0, 1018.0] == [item["estimatedMonthlySavings"] for item in hub.list_recommendations()["items"]]
    deletions = hub.list_recommendations(filter={"actionTypes": ["Delete"]})["items"]
    assert ["old-endpoint"] == [item["resourceId"] for item in deletions]


def test_the_doubles_answers_fit_the_services_models(running):
    optimizer, hub = ComputeOptimizer(running.world), CostHub(running.world)

    for service, double, operation, params in (
        ("compute-optimizer", optimizer, "GetEnrollmentStatus", {}),
        ("compute-optimizer", optimizer, "UpdateEnrollmentStatus", {"status": "Active"}),
        ("compute-optimizer", optimizer, "GetEC2InstanceRecommendations", {}),
        ("compute-optimizer", optimizer, "GetIdleRecommendations", {}),
        ("cost-optimization-hub", hub, "ListEnrollmentStatuses", {}),
        ("cost-optimization-hub", hub, "UpdateEnrollmentStatus", {"status": "Active"}),
        ("cost-optimization-hub", hub, "ListRecommendations", {}),
    ):
        assert problems(service, operation, double.handle(operation, params)) == ""


def test_what_a_double_does_not_serve_is_named(client):
    with pytest.raises(ClientError, match="does not serve GetRecommendationSummaries"):
        client("compute-optimizer").get_recommendation_summaries()


def test_functions_are_invoked_through_the_api(client, functions, advance):
    lambdas = client("lambda")
    functions.add("double", lambda event: {"twice": event["n"] * 2})

    def fail(event):
        raise RuntimeError("boom")

    functions.add("broken", fail)
    answer = lambdas.invoke(FunctionName="double", Payload=b'{"n": 21}', LogType="Tail")
    broken = lambdas.invoke(FunctionName="broken")
    later = lambdas.invoke(FunctionName="double", InvocationType="Event", Payload=b'{"n": 1}')
    dry = lambdas.invoke(FunctionName="double", InvocationType="DryRun")
    before = len(functions.invoked)
    advance(seconds=0)

    assert (200, {"twice": 42}) == (answer["StatusCode"], json.load(answer["Payload"]))
    assert answer["LogResult"]
    assert ("Unhandled", "boom") == (broken["FunctionError"], json.load(broken["Payload"])["errorMessage"])
    assert (202, 204) == (later["StatusCode"], dry["StatusCode"])
    assert (2, 3) == (before, len(functions.invoked))
    with pytest.raises(lambdas.exceptions.ResourceNotFoundException):
        lambdas.invoke(FunctionName="gone")
    with pytest.raises(ClientError, match="Could not parse request body"):
        lambdas.invoke(FunctionName="double", Payload=b"{")


def test_functions_and_their_policies_are_listed(client, functions):
    lambdas = client("lambda")
    arn = functions.add("handler", lambda event: None, principal="sns.amazonaws.com")
    functions.add("private", lambda event: None)

    assert ["handler", "private"] == [each["FunctionName"] for each in lambdas.list_functions()["Functions"]]
    assert arn == lambdas.get_function(FunctionName=arn)["Configuration"]["FunctionArn"]
    assert lambdas.get_function_configuration(FunctionName="handler")["Handler"] == "handler.handle"
    expected = json.loads(allow("sns.amazonaws.com", "lambda:InvokeFunction", arn))
    assert expected == json.loads(lambdas.get_policy(FunctionName="handler")["Policy"])
    with pytest.raises(lambdas.exceptions.ResourceNotFoundException):
        lambdas.get_policy(FunctionName="private")
    with pytest.raises(ClientError, match="not CreateAlias"):
        lambdas.create_alias(FunctionName="handler", Name="a", FunctionVersion="1")
