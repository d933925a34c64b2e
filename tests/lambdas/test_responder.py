from datetime import timedelta

import pytest
from botocore.stub import ANY, Stubber

from core.incidents.evidence import Confidence
from lambdas import notifier, responder, router
from lambdas.adapters import clients, flushes, groups
from tests.lambdas.builders import REGION, START, alarm_event, at, endpoint_event
from tests.lambdas.conftest import batch

RANKER = 'root:{kind="endpoint", subject="ranker"}'
DONE: dict[str, list[object]] = {"batchItemFailures": []}


@pytest.fixture
def cloudwatch(cloud):
    with Stubber(clients.client("cloudwatch")) as stub:
        yield stub


def deploy(cloud):
    """An endpoint that got its second configuration four minutes before the outage."""
    sagemaker = clients.client("sagemaker")
    cloud.clock.move_to(START - timedelta(days=3))
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=f"arn:aws:iam::123456789012:role/{'r' * 10}")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "m",
        "InstanceType": "ml.g4dn.xlarge",
        "InitialInstanceCount": 2,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="ranker-1", ProductionVariants=[variant])
    cloud.clock.move_to(START - timedelta(minutes=4))
    sagemaker.create_endpoint_config(EndpointConfigName="ranker-2", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="ranker", EndpointConfigName="ranker-2")
    cloud.clock.move_to(START)


def traffic(minutes):
    """GetMetricData's answer: an hour of health, then five minutes of failures."""
    series = {
        "requests": lambda bad: 1000.0,
        "failed": lambda bad: 80.0 if bad else 0.0,
        "refused": lambda bad: 1.0,
        "p99_ms": lambda bad: 840_000.0 if bad else 231_000.0,
    }
    stamps = [START.replace(second=0) - timedelta(minutes=back) for back in range(minutes, 0, -1)]
    return {
        "MetricDataResults": [
            {
                "Id": name,
                "Label": name,
                "StatusCode": "Complete",
                "Timestamps": stamps,
                "Values": [value(stamp >= START.replace(second=0) - timedelta(minutes=5)) for stamp in stamps],
            }
            for name, value in series.items()
        ]
    }


def investigate(cloud):
    assert responder.handle(cloud.batch("Investigations"), None) == DONE
    group = groups.group("incidents", RANKER)
    assert group is not None
    found = flushes.investigation("incidents", RANKER, group.incident)
    assert found is not None
    return found


def test_a_deployment_right_before_the_first_symptom_is_the_likely_cause(cloud, cloudwatch):
    deploy(cloud)
    cloudwatch.add_response("get_metric_data", traffic(60))
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

    found = investigate(cloud)

    assert found.cause is not None
    assert found.cause.confidence is Confidence.HIGH
    assert found.cause.text == (
        "new endpoint config ranker-2 (was ranker-1), deployed 13:58Z, 4 min before the first symptom"
    )
    texts = [entry.text for entry in found.evidence]
    assert "p99 model latency at worst 840 ms (normal 231 ms)" in texts
    assert "5xx 8 % (normal 0 %)" in texts
    assert found.impact is not None
    assert (found.impact.failed, found.impact.requests) == (400, 5000)


def test_the_evidence_is_in_the_first_message(cloud, cloudwatch):
    deploy(cloud)
    cloudwatch.add_response("get_metric_data", traffic(60))
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    investigate(cloud)
    cloud.wait(30)

    notifier.handle(cloud.batch("Notifications"), None)

    (mail,) = cloud.mails()
    assert "LIKELY CAUSE (confidence: high)" in mail["Message"]
    assert "400 of 5,000 requests failed (8 %)" in mail["Message"]


def test_the_event_that_told_of_a_deployment_names_what_it_replaced(cloud, cloudwatch):
    deploy(cloud)
    cloudwatch.add_response("get_metric_data", traffic(60))
    router.handle(
        batch(
            endpoint_event("UPDATING", -300, config="ranker-green", pending="ranker-2"),
            alarm_event("Unhealthy", "ALARM"),
        ),
        None,
    )

    found = investigate(cloud)

    assert found.cause is not None
    assert "(was ranker-green)" in found.cause.text


def test_what_aws_refuses_is_said_and_nothing_is_guessed(cloud, cloudwatch):
    cloudwatch.add_client_error("get_metric_data", service_error_code="ThrottlingException")
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)

    found = investigate(cloud)

    assert found.cause is None
    assert [entry.text for entry in found.evidence][-2:] == [
        "endpoint: not read (not found)",
        "metrics: not read (throttled by AWS)",
    ]


def test_a_failed_endpoint_names_its_own_cause(cloud):
    with Stubber(clients.client("sagemaker")) as sagemaker, Stubber(clients.client("cloudwatch")) as cloudwatch:
        sagemaker.add_response(
            "describe_endpoint",
            {
                "EndpointName": "ranker",
                "EndpointArn": f"arn:aws:sagemaker:{REGION}:123456789012:endpoint/ranker",
                "EndpointConfigName": "ranker-2",
                "EndpointStatus": "Failed",
                "FailureReason": "The container did not pass the ping health check.",
                "CreationTime": at(-900),
                "LastModifiedTime": at(0),
                "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": 0}],
            },
        )
        sagemaker.add_client_error("describe_endpoint_config", service_error_code="AccessDeniedException")
        sagemaker.add_response("list_endpoint_configs", {"EndpointConfigs": []})
        cloudwatch.add_response("get_metric_data", {"MetricDataResults": []}, ANY_QUERY)
        router.handle(batch(endpoint_event("FAILED", 0)), None)

        found = investigate(cloud)

    assert found.cause is not None
    assert found.cause.text == "the endpoint is Failed: The container did not pass the ping health check."
    assert "endpoint config: not read (access denied: the function's role lacks the permission)" in [
        entry.text for entry in found.evidence
    ]


ANY_QUERY = {"MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": "TimestampAscending"}


def test_a_second_delivery_looks_nothing_up(cloud, cloudwatch):
    deploy(cloud)
    cloudwatch.add_response("get_metric_data", traffic(60))
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    order = cloud.batch("Investigations")

    responder.handle(order, None)
    assert responder.handle(order, None) == DONE

    cloudwatch.assert_no_pending_responses()


def test_an_order_of_an_incident_that_is_over_looks_nothing_up(cloud, cloudwatch):
    router.handle(batch(alarm_event("Unhealthy", "ALARM")), None)
    order = cloud.batch("Investigations")
    router.handle(batch(alarm_event("Unhealthy", "OK", 5)), None)
    cloud.wait(31)
    notifier.handle(cloud.batch("Notifications"), None)

    assert responder.handle(order, None) == DONE


def test_a_malformed_order_is_buried(cloud):
    assert responder.handle(batch("[]", source="Investigations"), None) == DONE

    (buried,) = cloud.receive("NotificationsDeadLetters") + cloud.receive("EventsDeadLetters")
    assert (
        buried["MessageAttributes"]["reason"]["StringValue"]
        == "kind: heartbeat, flush, digest, investigate or deliver is needed"
    )


def test_the_peak_of_a_resolved_incident_is_asked_of_cloudwatch(cloud, cloudwatch):
    metrics = [
        {
            "id": "30b6c6b2-a864-43a2-4877-c09a1afc3b87",
            "metricStat": {
                "metric": {"namespace": "AWS/SageMaker", "name": "GPU", "dimensions": {"EndpointName": "ranker"}},
                "period": 60,
                "stat": "Average",
            },
            "returnData": True,
        }
    ]
    query = {
        "Id": "m1",
        "ReturnData": True,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "GPU",
                "Dimensions": [{"Name": "EndpointName", "Value": "ranker"}],
            },
            "Period": 60,
            "Stat": "Average",
        },
    }
    series = {"Id": "m1", "Timestamps": [at(60), at(120)], "Values": [99.5, 97.0], "StatusCode": "Complete"}
    cloudwatch.add_response(
        "get_metric_data", {"MetricDataResults": [series]}, ANY_QUERY | {"MetricDataQueries": [query]}
    )
    configuration = {"metrics": metrics}
    router.handle(batch(alarm_event("HighGPU", "ALARM", 0, value=96.0, configuration=configuration)), None)
    cloud.wait(30)
    notifier.handle(cloud.batch("Notifications"), None)
    cloud.wait(270)
    router.handle(batch(alarm_event("HighGPU", "OK", 300, value=12.0, configuration=configuration)), None)
    cloud.wait(60)
    notifier.handle(cloud.batch("Notifications"), None)

    assert "peak 99.5 % against 95 %" in cloud.mails()[-1]["Message"]
