"""Which events of an account are routed: EventBridge patterns, so that a stack only has to interpret them.

A pattern takes what `events.parse` makes a signal of and leaves out what it ignores, as far as patterns can tell.
Instances' state changes are understood but taken by no rule: an account's instances come and go all day.
"""

from typing import Any

from core.catalogue.alarm import name_prefix
from core.incidents.forms import alarms, ec2, faults, health, hyperpod, sagemaker

Pattern = dict[str, Any]

HEALTH_SERVICES = (
    "BATCH",
    "CLOUDWATCH",
    "DYNAMODB",
    "EC2",
    "ECR",
    "EFS",
    "EKS",
    "EVENTS",
    "FSX",
    "LAMBDA",
    "S3",
    "SAGEMAKER",
    "SNS",
    "SQS",
)
"""Health events are taken of the services that ML workloads and mlwarden itself stand on, as Health spells them."""

_JOB_ENDS = ("Completed", "Failed")
_RUN_ENDS = ("Succeeded", "Failed", "CompletedWithFailures")


def patterns(stage: str) -> tuple[tuple[str, str, Pattern], ...]:
    """(name, description, pattern) of each rule of the deployment `stage`."""
    own = [{"prefix": name_prefix(stage)}]
    return (
        (
            "AlarmChanges",
            "This deployment's alarms, and contributors to them, that changed state",
            _pattern(
                "aws.cloudwatch",
                alarms.STATE_CHANGE,
                alarms.CONTRIBUTOR_CHANGE,
                detail={"alarmName": own},
            ),
        ),
        (
            "AlarmConfigurations",
            "This deployment's alarms that were changed or deleted",
            _pattern(
                "aws.cloudwatch",
                alarms.CONFIGURATION_CHANGE,
                detail={"alarmName": own, "operation": ["update", "delete"]},
            ),
        ),
        (
            "EndpointChanges",
            "SageMaker endpoints that changed state or are being deployed to",
            _pattern("aws.sagemaker", sagemaker.ENDPOINT_CHANGE, sagemaker.DEPLOYMENT_CHANGE),
        ),
        *(
            (
                f"{form.key}Ends",
                f"A {form.words} that failed or completed",
                _pattern("aws.sagemaker", detail_type, detail={f"{form.key}Status": list(_JOB_ENDS)}),
            )
            for detail_type, form in sagemaker.JOBS.items()
        ),
        (
            "PipelineEnds",
            "Pipelines that failed or succeeded",
            _pattern(
                "aws.sagemaker",
                sagemaker.PIPELINE_CHANGE,
                detail={"currentPipelineExecutionStatus": list(_RUN_ENDS)},
            ),
        ),
        (
            "PipelineStepEnds",
            "Steps of pipelines that failed or succeeded",
            _pattern("aws.sagemaker", sagemaker.STEP_CHANGE, detail={"currentStepStatus": list(_RUN_ENDS)}),
        ),
        (
            "MonitoringSchedules",
            "Monitoring schedules that changed state",
            _pattern("aws.sagemaker", sagemaker.MONITORING_CHANGE),
        ),
        (
            "Clusters",
            "HyperPod clusters and their nodes",
            _pattern("aws.sagemaker", hyperpod.CLUSTER_CHANGE, hyperpod.NODE_HEALTH, hyperpod.CLUSTER_EVENT),
        ),
        (
            "SpotInstances",
            "Spot instances that are taken away or may be soon",
            _pattern("aws.ec2", ec2.SPOT_INTERRUPTION, ec2.REBALANCE),
        ),
        (
            "Health",
            "What AWS says of the services that this stands on, and of abuse",
            _pattern("aws.health", health.HEALTH, health.ABUSE, detail={"service": [*HEALTH_SERVICES, "ABUSE"]}),
        ),
        (
            "AgentFaults",
            "Faults that agents tell of at once",
            _pattern(faults.AGENT_SOURCE, faults.AGENT_FAULT),
        ),
    )


def _pattern(source: str, *detail_types: str, detail: dict[str, Any] | None = None) -> Pattern:
    pattern: Pattern = {"source": [source], "detail-type": list(detail_types)}
    return pattern if detail is None else {**pattern, "detail": detail}
