import json
import math
from pathlib import Path

from core.rightsizing import computeoptimizer, costhub, inference, report
from core.rightsizing.recommendation import Action, Answer, Money, Recommendation, Source
from tests.lambdas.builders import START

SAMPLES = Path(__file__).parent.parent / "lambdas" / "events"


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def hub_item(**more):
    return {
        "resourceArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/OLD-endpoint",
        "resourceId": "old-endpoint",
        "currentResourceType": "SageMakerEndpoint",
        "actionType": "Delete",
        "estimatedMonthlySavings": 900.0,
        "currencyCode": "USD",
        "implementationEffort": "Low",
        **more,
    }


def test_an_instance_is_recommended_its_best_option_with_evidence():
    (found,) = computeoptimizer.instances(
        sample("api-co-get-ec2-instance-recommendations.json")["instanceRecommendations"]
    )

    assert (found.current, found.proposed) == ("g5.12xlarge", "g5.xlarge")
    assert found.saving == Money(3000.0, "USD")
    assert found.evidence == (
        "highest use in 14 days: CPU 11.2 %, memory 22.5 %, GPU 14 %, GPU memory 19 %",
        "CPU overprovisioned, GPU overprovisioned, GPUMemory overprovisioned",
        "performance risk 1 of 4",
    )


def test_an_optimized_instance_is_left_out():
    entry = sample("api-co-get-ec2-instance-recommendations.json")["instanceRecommendations"][0]

    assert computeoptimizer.instances([entry | {"finding": "OPTIMIZED"}]) == ()
    assert len(computeoptimizer.instances([entry | {"finding": "OVER_PROVISIONED"}])) == 1


def test_an_idle_endpoint_is_recommended_for_deletion():
    (found,) = computeoptimizer.idle(sample("api-co-get-idle-recommendations.json")["idleRecommendations"])

    assert (found.action, found.kind, found.name) == (Action.DELETE, "SageMaker endpoint", "old-endpoint")
    assert found.saving == Money(1018.0, "USD")
    assert "Invocations maximum 0 over 14 days" in found.evidence


def test_a_job_recommends_the_cheapest_and_shows_latency_raw():
    job = sample("api-sm-describe-inference-recommendations-job.json")
    dear = json.loads(json.dumps(job["InferenceRecommendations"][0]))
    dear["Metrics"] |= {"CostPerInference": 1.0, "MemoryUtilization": math.nan}
    job["InferenceRecommendations"].insert(0, dear)

    (found,) = inference.jobs([job])

    assert found.proposed == "1 x ml.g4dn.xlarge"
    assert "1.35 USD per million inferences" in found.evidence
    assert "ModelLatency 45 (raw: AWS does not say the unit)" in found.evidence


def test_nan_is_left_out():
    job = sample("api-sm-describe-inference-recommendations-job.json")
    job["InferenceRecommendations"][0]["Metrics"]["MemoryUtilization"] = math.nan

    (found,) = inference.jobs([job])

    assert not any("memory" in text or "nan" in text for text in found.evidence)


def test_a_job_that_measured_nothing_recommends_nothing():
    assert inference.jobs([{"JobName": "j", "InferenceRecommendations": []}, {"JobName": "k"}]) == ()


def test_two_sources_on_one_resource_make_one_recommendation():
    idle = computeoptimizer.idle(sample("api-co-get-idle-recommendations.json")["idleRecommendations"])

    made = report.compose(
        [Answer(Source.COMPUTE_OPTIMIZER, idle), Answer(Source.COST_OPTIMIZATION_HUB, costhub.items([hub_item()]))],
        stage="production",
        now=START,
    )

    (found,) = made.recommendations
    assert found.also == (Source.COST_OPTIMIZATION_HUB,)
    assert made.totals == {"USD": 1018.0}
    assert "source: Compute Optimizer, Cost Optimization Hub" in report.text(made, location="s3://b/k")


def test_the_greatest_saving_comes_first_and_unknown_ones_last():
    entries = [
        Recommendation(Source.COMPUTE_OPTIMIZER, Action.STOP, "x", f"arn:{name}", name, saving=saving)
        for name, saving in (("none", None), ("small", Money(1.5)), ("cost", Money(-20.0)), ("large", Money(99.0)))
    ]

    made = report.compose([Answer(Source.COMPUTE_OPTIMIZER, tuple(entries))], stage="dev", now=START)

    assert [found.name for found in made.recommendations][:2] == ["large", "small"]
    assert made.totals == {"USD": 100.5}
    assert "costs 20 USD a month" in report.text(made, location="s3://b/k")


def test_the_text_keeps_to_the_columns_and_says_nothing_empty():
    made = report.compose(
        [
            Answer(Source.COMPUTE_OPTIMIZER, notes=(computeoptimizer.ENROL,)),
            Answer(Source.COST_OPTIMIZATION_HUB, costhub.items([hub_item(resourceId="e" * 63)] * 30), (costhub.ENROL,)),
        ],
        stage="production",
        now=START,
    )
    text = report.text(made, location="s3://bucket/reports/2026-11-21.json")

    assert all(len(line) <= 78 for line in text.splitlines()[1:])
    assert len(text.splitlines()[0]) <= 100
    assert "+10 more in the report" in text
    assert not any(word in text for word in ("None", "nan", "{}"))
    assert len(report.subject(made)) < 100


def test_the_report_is_json():
    made = report.compose(
        [Answer(Source.COMPUTE_OPTIMIZER, computeoptimizer.idle([{"resourceType": "EC2Instance"}]))],
        stage="dev",
        now=START,
    )

    data = json.loads(json.dumps(report.data(made), allow_nan=False))

    assert data["recommendations"][0]["action"] == "stop"
    assert made.key == "reports/2026-11-21.json"
