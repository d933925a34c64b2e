"""SageMaker: endpoints, their configurations, and finished Inference Recommender jobs.

AWS calls: DescribeEndpoint, DescribeEndpointConfig, ListEndpointConfigs, ListInferenceRecommendationsJobs,
DescribeInferenceRecommendationsJob.
"""

from datetime import UTC, datetime
from typing import Any

from core.incidents.findings import Endpoint, EndpointConfig, Variant
from lambdas.adapters.clients import client

MAX_CONFIGS = 20
MAX_JOBS = 50


def describe_endpoint(name: str) -> Endpoint:
    """The endpoint as it is now; raises botocore's ClientError."""
    answer = client("sagemaker").describe_endpoint(EndpointName=name)
    policies = answer.get("LastDeploymentConfig") or {}
    policy = "rolling" if "RollingUpdatePolicy" in policies else "blue/green" if policies else ""
    return Endpoint(
        name=answer["EndpointName"],
        status=answer["EndpointStatus"],
        config=answer.get("EndpointConfigName", ""),
        created_at=_utc(answer["CreationTime"]),
        modified_at=_utc(answer["LastModifiedTime"]),
        variants=tuple(_variant(entry) for entry in answer.get("ProductionVariants") or ()),
        failure=answer.get("FailureReason", ""),
        pending=(answer.get("PendingDeploymentSummary") or {}).get("EndpointConfigName", ""),
        policy=policy,
    )


def describe_config(name: str) -> EndpointConfig:
    """The configuration's name and birth; raises botocore's ClientError."""
    answer = client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    return EndpointConfig(answer["EndpointConfigName"], _utc(answer["CreationTime"]))


def list_configs(part: str) -> tuple[EndpointConfig, ...]:
    """The newest configurations whose names contain `part`."""
    answer = client("sagemaker").list_endpoint_configs(
        NameContains=part, SortBy="CreationTime", SortOrder="Descending", MaxResults=MAX_CONFIGS
    )
    return tuple(
        EndpointConfig(entry["EndpointConfigName"], _utc(entry["CreationTime"])) for entry in answer["EndpointConfigs"]
    )


def finished_jobs(after: datetime) -> tuple[dict[str, Any], ...]:
    """The Inference Recommender jobs completed since `after`, newest first, each as described; NaN stays NaN."""
    answer = client("sagemaker").list_inference_recommendations_jobs(
        StatusEquals="COMPLETED",
        LastModifiedTimeAfter=after,
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=MAX_JOBS,
    )
    names = [job["JobName"] for job in answer["InferenceRecommendationsJobs"]]
    return tuple(client("sagemaker").describe_inference_recommendations_job(JobName=name) for name in names)


def _variant(entry: dict[str, Any]) -> Variant:
    return Variant(
        entry["VariantName"],
        int(entry.get("CurrentInstanceCount") or 0),
        int(entry.get("DesiredInstanceCount") or 0),
    )


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
