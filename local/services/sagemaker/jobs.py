"""The Inference Recommender's jobs: seeded, listed and described."""

from typing import Any

from local.errors import ServiceError
from local.services import seeds
from local.world import World

MAX_RESULTS = 100  # ListInferenceRecommendationsJobs

_SUMMARY = {
    "JobName", "JobDescription", "JobType", "JobArn", "Status", "CreationTime", "CompletionTime", "RoleArn",
    "LastModifiedTime", "FailureReason",
}  # fmt: skip


def seeded(world: World) -> list[dict[str, Any]]:
    """The jobs that a world starts with."""
    jobs: list[dict[str, Any]] = seeds.load("inference-recommender.json", world)["jobs"]
    for job in jobs:
        job.setdefault("JobDescription", "")
    return jobs


def listed(jobs: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    """ListInferenceRecommendationsJobs."""
    wanted = [
        job
        for job in jobs
        if params.get("StatusEquals", job["Status"]) == job["Status"]
        and params.get("NameContains", "") in job["JobName"]
        and params.get("CreationTimeAfter", 0) <= job["CreationTime"] <= params.get("CreationTimeBefore", 1e12)
    ]
    wanted.sort(key=lambda job: job["CreationTime"], reverse=params.get("SortOrder", "Descending") == "Descending")
    found, token = seeds.page(wanted, params.get("NextToken"), params.get("MaxResults"), MAX_RESULTS)
    summaries = [{key: value for key, value in job.items() if key in _SUMMARY} for job in found]
    return {"InferenceRecommendationsJobs": summaries} | ({"NextToken": token} if token else {})


def described(jobs: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    """DescribeInferenceRecommendationsJob; raises ServiceError for a job that does not exist."""
    name = str(params.get("JobName"))
    for job in jobs:
        if job["JobName"] == name:
            return job
    raise ServiceError("ResourceNotFound", f"Could not find inference recommendations job {name!r}.")


def steps(jobs: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
    """ListInferenceRecommendationsJobSteps: one benchmark for each recommendation of the job."""
    job = described(jobs, params)
    found = [
        {
            "StepType": "BENCHMARK",
            "JobName": job["JobName"],
            "Status": job["Status"],
            "InferenceBenchmark": {
                key: each[key] for key in ("Metrics", "EndpointConfiguration", "ModelConfiguration") if key in each
            },
        }
        for each in job.get("InferenceRecommendations", [])
    ]
    if params.get("Status"):
        found = [step for step in found if step["Status"] == params["Status"]]
    page, token = seeds.page(found, params.get("NextToken"), params.get("MaxResults"), MAX_RESULTS)
    return {"Steps": page} | ({"NextToken": token} if token else {})
