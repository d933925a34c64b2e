from datetime import UTC, datetime, timedelta

import pytest

from core.catalogue.alarm import Delivery, Severity
from core.incidents import events
from core.incidents.deployments import DEPLOYMENT, implied
from core.incidents.forms import ec2, health, hyperpod, sagemaker
from core.incidents.signals import EndpointSignal, EndpointStatus, Ignored, State
from tests.incidents.events import Event, fault, sample

TRAINING = "sagemaker-training-job-state-change"
PROCESSING = "sagemaker-processing-job-state-change"
PIPELINE = "sagemaker-model-building-pipeline-execution-status-change"
STEP = "sagemaker-model-building-pipeline-execution-step-status-change"


def told(name: str, **detail: object) -> Event:
    """A sample with other values in its detail."""
    event = sample(name)
    event["detail"] |= detail
    return event


def endpoint(status: str, name: str = "sagemaker-endpoint-state-change", **detail: object) -> EndpointSignal:
    signal = events.parse(told(name, EndpointStatus=status, **detail))
    assert isinstance(signal, EndpointSignal)
    return signal


@pytest.mark.parametrize(
    "name, status, state",
    [
        ("sagemaker-endpoint-state-change", EndpointStatus.IN_SERVICE, State.OK),
        ("sagemaker-endpoint-state-change-failed", EndpointStatus.FAILED, State.ALARM),
        ("sagemaker-endpoint-state-change-creating", EndpointStatus.CREATING, State.INSUFFICIENT_DATA),
        ("sagemaker-endpoint-state-change-updating", EndpointStatus.UPDATING, State.INSUFFICIENT_DATA),
        ("sagemaker-endpoint-deployment-state-change", EndpointStatus.UPDATING, State.INSUFFICIENT_DATA),
    ],
)
def test_endpoint_events_of_aws_documentation_are_read(name, status, state):
    signal = events.parse(sample(name))

    assert isinstance(signal, EndpointSignal)
    assert (signal.status, signal.state) == (status, state)


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UpdateRollbackFailed", "update_rollback_failed"])
def test_a_status_is_read_in_either_spelling(status):
    assert endpoint(status).status is EndpointStatus.UPDATE_ROLLBACK_FAILED


def test_an_endpoints_change_told_several_times_is_one_event():
    first = sample("sagemaker-endpoint-state-change")
    again = first | {"id": "another-delivery", "time": "1583831889999"}

    signals = [events.parse(event) for event in (first, again)]

    assert len({signal.event_key for signal in signals if isinstance(signal, EndpointSignal)}) == 1


def test_a_deployment_event_names_the_configuration_that_comes():
    signal = events.parse(sample("sagemaker-endpoint-deployment-state-change"))

    assert isinstance(signal, EndpointSignal)
    assert (signal.config, signal.pending_config) == ("sample-endpoint-config-1", "sample-endpoint-config-2")


@pytest.mark.parametrize(
    "status, state",
    [
        ("UPDATING", State.ALARM),
        ("SYSTEM_UPDATING", State.ALARM),
        ("ROLLING_BACK", State.ALARM),
        ("IN_SERVICE", State.OK),
        ("FAILED", State.OK),
        ("UPDATE_ROLLBACK_FAILED", State.OK),
    ],
)
def test_an_endpoints_status_also_says_whether_a_deployment_runs(status, state):
    signal = endpoint(status)

    (deployment,) = implied(signal)

    assert (deployment.condition, deployment.state, deployment.at) == (DEPLOYMENT, state, signal.at)
    assert deployment.delivery is Delivery.CONTEXT
    assert deployment.identity != signal.identity
    assert (deployment.resolves_at is not None) is (state is State.ALARM)


def test_an_endpoint_that_is_created_is_not_deployed_to():
    assert implied(endpoint("CREATING")) == ()


def test_only_endpoints_imply_anything():
    assert implied(fault(sample(PROCESSING))) == ()


@pytest.mark.parametrize(
    "name, key, condition",
    [
        (TRAINING, "TrainingJob", "TrainingJobFailed"),
        (PROCESSING, "ProcessingJob", "ProcessingJobFailed"),
        ("sagemaker-hyperparameter-tuning-job-state-change", "HyperParameterTuningJob", "TuningJobFailed"),
    ],
)
def test_a_failed_job_fires_and_its_success_ends_it(name, key, condition):
    detail = {f"{key}Name": "churn-2026-11-20-10-00-00-123", "FailureReason": "AlgorithmError: out of memory"}
    later = {f"{key}Name": "churn-2026-11-21-10-00-00-456"}

    failed = fault(told(name, **detail, **{f"{key}Status": "Failed"}))
    succeeded = fault(told(name, **later, **{f"{key}Status": "Completed"}))

    assert (failed.kind, failed.subject, failed.condition) == ("job", "churn", condition)
    assert (failed.state, failed.reason) == (State.ALARM, "AlgorithmError: out of memory")
    assert failed.resolves_at == failed.at + sagemaker.JOB_HOLD
    assert (succeeded.state, succeeded.identity, succeeded.resolves_at) == (State.OK, failed.identity, None)


def test_a_transform_job_is_read_like_its_siblings():
    event = told(TRAINING)
    event |= {"detail-type": sagemaker.TRANSFORM_CHANGE}
    event["detail"] = {
        "TransformJobName": "nightly",
        "TransformJobStatus": "Failed",
        "FailureReason": "ClientError",
        "CreationTime": "2026-11-21T10:00:00Z",
        "TransformEndTime": "2026-11-21T10:05:00Z",
    }

    signal = fault(event)

    assert (signal.subject, signal.condition, signal.reason) == ("nightly", "TransformJobFailed", "ClientError")
    assert signal.at == datetime(2026, 11, 21, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize("status", ["InProgress", "Stopping", "Stopped", "status"])
def test_a_job_that_neither_failed_nor_succeeded_says_nothing(status):
    found = events.parse(told(TRAINING, TrainingJobStatus=status))

    assert isinstance(found, Ignored)
    assert status in found.reason


def test_a_pipelines_job_is_told_with_its_pipeline_only():
    name = "pipelines-p4jn9xou8a8s-myprocessingstep1-tmgxry49ug"

    signal = fault(told(PROCESSING, ProcessingJobName=name))

    assert (signal.subject, signal.delivery) == ("myprocessingstep1", Delivery.CONTEXT)


def test_each_run_of_a_job_family_is_an_event_of_its_own():
    runs = [fault(told(TRAINING, TrainingJobStatus="Failed", TrainingJobName=name)) for name in _runs("churn", 2)]

    assert runs[0].identity == runs[1].identity
    assert runs[0].event_key != runs[1].event_key


def _runs(family: str, count: int) -> list[str]:
    return [f"{family}-2026-11-2{n}-10-00-00-000" for n in range(count)]


def test_violations_that_monitoring_found_fire_though_the_job_completed():
    schedule = "arn:aws:sagemaker:us-east-1:123456789012:monitoring-schedule/drift"
    detail = {"MonitoringScheduleArn": schedule, "ProcessingJobStatus": "Completed", "FailureReason": None}

    found = fault(told(PROCESSING, **detail, ExitMessage="CompletedWithViolations: Job completed successfully."))
    clean = fault(told(PROCESSING, **detail, ExitMessage="Completed: Job completed successfully with no violations."))

    assert (found.subject, found.condition, found.state) == ("drift", "MonitoringViolations", State.ALARM)
    assert (clean.identity, clean.state) == (found.identity, State.OK)


@pytest.mark.parametrize(
    "status, state",
    [("Failed", State.ALARM), ("CompletedWithFailures", State.ALARM), ("Succeeded", State.OK)],
)
def test_a_pipeline_fires_until_it_succeeds(status, state):
    signal = fault(told(PIPELINE, currentPipelineExecutionStatus=status))

    assert (signal.kind, signal.subject, signal.state) == ("pipeline", "myPipeline-123", state)
    assert signal.at == datetime(2021, 3, 15, 16, 10, 10, tzinfo=UTC)
    assert dict(signal.attributes) == {"execution": "p4jn9xou8a8s"}


@pytest.mark.parametrize("status", ["Executing", "Stopping", "Stopped"])
def test_a_pipeline_that_runs_or_was_stopped_says_nothing(status):
    assert isinstance(events.parse(told(PIPELINE, currentPipelineExecutionStatus=status)), Ignored)


def test_a_failed_step_is_a_symptom_of_its_pipeline():
    step = fault(told(STEP, currentStepStatus="Failed", failureReason="ClientError"))
    pipeline = fault(told(PIPELINE, currentPipelineExecutionStatus="Failed"))

    assert (step.kind, step.subject) == (pipeline.kind, pipeline.subject)
    assert (step.delivery, step.reason) == (Delivery.CONTEXT, "ClientError")
    assert "myprocessingstep1" in step.title
    assert step.identity != pipeline.identity


@pytest.mark.parametrize("status, state", [("Failed", State.ALARM), ("Scheduled", State.OK)])
def test_a_monitoring_schedule_that_says_its_status_is_read(status, state):
    event = told("sagemaker-monitoring-schedule-state-change", MonitoringScheduleStatus=status)

    signal = fault(event)

    assert (signal.subject, signal.condition, signal.state) == ("my-schedule", "MonitoringScheduleFailed", state)


def test_a_cluster_that_serves_with_a_failed_group_fires_until_it_is_whole():
    broken = sample("sagemaker-hyperpod-cluster-state-change")
    whole = told("sagemaker-hyperpod-cluster-state-change", InstanceGroups=[])

    first, second = fault(broken), fault(whole)

    assert (first.kind, first.subject, first.state) == ("cluster", "sample-cluster", State.ALARM)
    assert first.reason == "instance group example instance group name is Failed, 1 of 2 instances"
    assert (second.identity, second.state, second.reason) == (first.identity, State.OK, "")


@pytest.mark.parametrize("status", ["Failed", "RollingBack"])
def test_a_failed_cluster_fires_with_its_message(status):
    signal = fault(
        told(
            "sagemaker-hyperpod-cluster-state-change",
            ClusterStatus=status,
            FailureMessage="no capacity",
            InstanceGroups=[],
        )
    )

    assert (signal.state, signal.severity, signal.reason) == (State.ALARM, Severity.CRITICAL, "no capacity")
    assert signal.title == f"the cluster is {status}"


def test_a_cluster_in_between_says_nothing():
    event = told("sagemaker-hyperpod-cluster-state-change", ClusterStatus="Updating")

    assert isinstance(events.parse(event), Ignored)


def test_a_sick_node_fires_and_is_forgotten_after_a_day():
    sick = sample("sagemaker-hyperpod-node-health-event")
    well = told("sagemaker-hyperpod-node-health-event", HealthSummary={"HealthStatus": "Healthy"})

    first, second = fault(sick), fault(well)

    assert (first.state, first.resolves_at) == (State.ALARM, first.at + hyperpod.NODE_HOLD)
    assert first.reason.endswith("Repair action: None. Please Replace the Faulty Node.")
    assert (second.state, second.identity) == (State.OK, first.identity)


def test_a_clusters_event_is_a_fault_where_something_failed():
    event = sample("sagemaker-hyperpod-cluster-event")
    assert isinstance(events.parse(event), Ignored)
    instance = {"LcsExecutionState": "Failed", "FailureMessage": "exit code 1"}
    event["detail"]["EventDetails"]["EventDetails"]["EventMetadata"]["Instance"] = instance

    signal = fault(event)

    assert signal.title == "an operation on instance i-0391f86fa0fe0d465 has failed"
    assert signal.reason.endswith("; exit code 1")
    assert signal.at == datetime(2025, 4, 28, 16, 40, 47, 412_000, tzinfo=UTC)


@pytest.mark.parametrize("level, ignored", [("Info", True), ("Warn", True), ("Error", False)])
def test_a_clusters_event_that_says_its_level_is_taken_at_its_word(level, ignored):
    event = sample("sagemaker-hyperpod-cluster-event")
    event["detail"]["EventDetails"]["EventLevel"] = level

    assert isinstance(events.parse(event), Ignored) is ignored


def test_a_spot_interruption_is_over_when_the_instance_is_gone():
    signal = fault(sample("ec2-spot-interruption-warning"))

    assert (signal.kind, signal.subject) == ("host", "i-1234567890abcdef0")
    assert signal.title == "EC2 will terminate this spot instance within two minutes"
    assert signal.resolves_at == signal.at + ec2.INTERRUPTION_HOLD


def test_a_rebalance_recommendation_is_for_information():
    event = sample("ec2-spot-interruption-warning") | {"detail-type": ec2.REBALANCE}
    event["detail"] = {"instance-id": "i-1234567890abcdef0"}

    signal = fault(event)

    assert (signal.condition, signal.severity) == ("RebalanceRecommended", Severity.INFO)


@pytest.mark.parametrize(
    "state, found", [("shutting-down", State.ALARM), ("terminated", State.ALARM), ("running", State.OK)]
)
def test_an_instance_that_stops_is_never_told_alone(state, found):
    signal = fault(told("ec2-instance-state-change", state=state))

    assert (signal.state, signal.delivery) == (found, Delivery.CONTEXT)


def test_a_health_event_told_to_its_backup_region_is_one_event():
    event = sample("health-sagemaker-issue-public")
    copy = event | {"region": "us-west-2", "time": "2026-11-20T09:03:00Z", "id": "another"}
    copy["detail"] = event["detail"] | {"backupEvent": "true"}

    first, second = fault(event), fault(copy)

    assert (first.event_key, first.identity, first.region) == (second.event_key, second.identity, "us-east-1")


def test_a_health_event_is_read_and_its_end_ends_it():
    event = sample("health-sagemaker-issue-public")
    closed = told("health-sagemaker-issue-public", statusCode="closed", lastUpdatedTime="Fri, 20 Nov 2026 11:00:00 GMT")

    first, last = fault(event), fault(closed)

    assert (first.kind, first.subject, first.condition) == ("account", "sagemaker", "OperationalIssue")
    assert (first.at, first.reason) == (datetime(2026, 11, 20, 9, 1, 22, tzinfo=UTC), "Increased error rates")
    assert (last.state, last.identity, last.resolves_at) == (State.OK, first.identity, None)


def test_a_health_events_update_is_an_event_of_its_own():
    update = told("health-sagemaker-issue-public", communicationId="another-1")

    assert fault(update).event_key != fault(sample("health-sagemaker-issue-public")).event_key


@pytest.mark.parametrize(
    "category, end, hold, severity",
    [
        ("issue", None, None, Severity.WARNING),
        ("accountNotification", None, health.NOTICE_HOLD, Severity.INFO),
        ("scheduledChange", "Fri, 20 Nov 2026 10:01:22 GMT", timedelta(hours=1), Severity.INFO),
        ("scheduledChange", "Thu, 19 Nov 2026 10:01:22 GMT", timedelta(0), Severity.INFO),
    ],
)
def test_a_health_event_lasts_as_its_category_says(category, end, hold, severity):
    signal = fault(told("health-sagemaker-issue-public", eventTypeCategory=category, endTime=end))

    assert signal.resolves_at == (None if hold is None else signal.at + hold)
    assert signal.severity is severity


def test_a_health_event_names_what_it_affects():
    entities = [{"entityValue": f"i-{n}"} for n in range(7)]

    signal = fault(told("health-sagemaker-issue-public", affectedEntities=entities))

    assert signal.reason == "Increased error rates Affected: i-0, i-1, i-2, i-3, i-4 and more."
