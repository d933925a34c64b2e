import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from botocore.stub import Stubber

from core.settings import SettingsError
from lambdas import recommender
from lambdas.adapters import clients, costhub
from tests.lambdas.builders import at

SAMPLES = Path(__file__).parent / "events"


def sample(name):
    return json.loads((SAMPLES / name).read_text())


@pytest.fixture
def services(cloud):
    with ExitStack() as stack:
        yield {
            "optimizer": stack.enter_context(Stubber(clients.client("compute-optimizer"))),
            "hub": stack.enter_context(Stubber(clients.client("cost-optimization-hub", costhub.REGION))),
            "sagemaker": stack.enter_context(Stubber(clients.client("sagemaker"))),
        }


def enrolled(services):
    services["optimizer"].add_response("get_enrollment_status", {"status": "Active"})
    services["hub"].add_response("list_enrollment_statuses", {"items": [{"accountId": "1", "status": "Active"}]})


def no_jobs(services):
    services["sagemaker"].add_response("list_inference_recommendations_jobs", {"InferenceRecommendationsJobs": []})


def report():
    body = clients.client("s3").get_object(Bucket="reports-bucket", Key="reports/2026-11-21.json")
    return json.loads(body["Body"].read())


def test_all_sources_make_one_ranked_report(cloud, services):
    enrolled(services)
    services["optimizer"].add_response("get_idle_recommendations", sample("api-co-get-idle-recommendations.json"))
    services["optimizer"].add_response(
        "get_ec2_instance_recommendations", sample("api-co-get-ec2-instance-recommendations.json")
    )
    services["hub"].add_response("list_recommendations", {"items": []})
    job = sample("api-sm-describe-inference-recommendations-job.json")
    listed = {key: job[key] for key in ("JobName", "JobType", "JobArn", "Status", "RoleArn")}
    services["sagemaker"].add_response(
        "list_inference_recommendations_jobs",
        {
            "InferenceRecommendationsJobs": [
                listed | {"JobDescription": "", "CreationTime": at(-1), "LastModifiedTime": at(0)}
            ]
        },
    )
    services["sagemaker"].add_response("describe_inference_recommendations_job", job)

    answer = recommender.handle({}, None)

    assert answer == {"report": "s3://reports-bucket/reports/2026-11-21.json", "recommendations": 3, "notes": 0}
    names = [found["name"] for found in report()["recommendations"]]
    assert names == ["train-gpu-1", "old-endpoint", "job-1"]
    assert report()["monthly_savings"] == {"USD": 4018.0}
    (mail,) = cloud.mails()
    assert mail["TopicArn"] == cloud.topics["info"]
    assert mail["Message"].splitlines()[0] == (
        "INFO rightsizing: 3 recommendations save 4,018 USD a month, as of 2026-11-21 14:02Z"
    )
    assert "saves 3,000 USD a month: rightsize EC2 instance train-gpu-1 (g5.12xlarge ->" in mail["Message"]


def test_an_account_that_is_not_enrolled_is_told_how_to_enrol(cloud, services):
    services["optimizer"].add_response("get_enrollment_status", {"status": "Inactive"})
    services["hub"].add_response("list_enrollment_statuses", {"items": [{"accountId": "1", "status": "Inactive"}]})
    no_jobs(services)

    answer = recommender.handle({}, None)

    assert answer["recommendations"] == 0
    told = " ".join(report()["notes"])
    assert "`aws compute-optimizer update-enrollment-status --status Active`" in told
    assert "`aws cost-optimization-hub update-enrollment-status --status Active --region us-east-1`" in told
    (mail,) = cloud.mails()
    assert "not enrolled" in mail["Message"]


def test_an_opt_in_error_is_the_same_sentence_once(cloud, services):
    enrolled(services)
    for operation in ("get_idle_recommendations", "get_ec2_instance_recommendations"):
        services["optimizer"].add_client_error(operation, service_error_code="OptInRequiredException")
    services["hub"].add_client_error(
        "list_recommendations", service_error_code="AccessDeniedException", service_message="not allowed"
    )
    no_jobs(services)

    recommender.handle({}, None)

    first, second = report()["notes"]
    assert first.startswith("Compute Optimizer is not enrolled")
    assert second == "Cost Optimization Hub did not answer: AccessDeniedException not allowed"


def test_errors_inside_a_good_answer_are_reported(cloud, services):
    enrolled(services)
    services["optimizer"].add_response(
        "get_idle_recommendations",
        {"idleRecommendations": [], "errors": [{"identifier": "vol-1", "code": "NotFound", "message": "gone"}]},
    )
    services["optimizer"].add_response("get_ec2_instance_recommendations", {"instanceRecommendations": []})
    services["hub"].add_response("list_recommendations", {"items": []})
    no_jobs(services)

    recommender.handle({}, None)

    assert report()["notes"] == ["Compute Optimizer could not answer for vol-1: NotFound gone"]


def test_every_page_is_read(cloud, services):
    enrolled(services)
    idle = sample("api-co-get-idle-recommendations.json")
    services["optimizer"].add_response("get_idle_recommendations", idle | {"nextToken": "t"}, {"maxResults": 100})
    services["optimizer"].add_response("get_idle_recommendations", idle, {"maxResults": 100, "nextToken": "t"})
    services["optimizer"].add_response("get_ec2_instance_recommendations", {"instanceRecommendations": []})
    services["hub"].add_response("list_recommendations", {"items": []})
    no_jobs(services)

    assert recommender.handle({}, None)["recommendations"] == 2


def test_one_source_that_fails_does_not_hide_the_others(cloud, services):
    services["optimizer"].add_client_error("get_enrollment_status", service_error_code="AccessDeniedException")
    services["hub"].add_response("list_enrollment_statuses", {"items": [{"accountId": "1", "status": "Active"}]})
    services["hub"].add_response(
        "list_recommendations",
        {
            "items": [
                {
                    "recommendationId": "r",
                    "resourceId": "ranker",
                    "resourceArn": "arn:aws:sagemaker:us-east-1:1:endpoint/ranker",
                    "currentResourceType": "SageMakerEndpoint",
                    "actionType": "Delete",
                    "estimatedMonthlySavings": 12.5,
                    "currencyCode": "USD",
                }
            ]
        },
    )
    services["sagemaker"].add_client_error(
        "list_inference_recommendations_jobs", service_error_code="ThrottlingException"
    )

    answer = recommender.handle({}, None)

    assert (answer["recommendations"], answer["notes"]) == (1, 2)


def test_a_missing_setting_is_named(cloud, monkeypatch):
    monkeypatch.delenv("MLWARDEN_BUCKET")

    with pytest.raises(SettingsError, match="MLWARDEN_BUCKET is not set"):
        recommender.handle({}, None)
