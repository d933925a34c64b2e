import json
from pathlib import Path
from typing import Any

import boto3
import cfnlint
import pytest

from local.access.actions import Need, Scope, needs

SCOPE = Scope("123456789012", "us-east-1")
HERE = "us-east-1:123456789012"


@pytest.mark.parametrize(
    "service,operation,params,expected",
    [
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://h/1/q"}, [("sqs:SendMessage", f"arn:aws:sqs:{HERE}:q")]),
        ("sns", "Publish", {"TopicArn": "arn:t"}, [("sns:Publish", "arn:t")]),
        ("dynamodb", "Query", {"TableName": "t"}, [("dynamodb:Query", f"arn:aws:dynamodb:{HERE}:table/t")]),
        (
            "dynamodb",
            "Query",
            {"TableName": "t", "IndexName": "due"},
            [("dynamodb:Query", f"arn:aws:dynamodb:{HERE}:table/t/index/due")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "t"}},
                    {"ConditionCheck": {"TableName": "t"}},
                    {"Update": {"TableName": "u"}},
                ]
            },
            [
                ("dynamodb:ConditionCheckItem", f"arn:aws:dynamodb:{HERE}:table/t"),
                ("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/t"),
                ("dynamodb:UpdateItem", f"arn:aws:dynamodb:{HERE}:table/u"),
            ],
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"t": {}}},
            [("dynamodb:BatchGetItem", f"arn:aws:dynamodb:{HERE}:table/t")],
        ),
        ("secretsmanager", "GetSecretValue", {"SecretId": "arn:s"}, [("secretsmanager:GetSecretValue", "arn:s")]),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "s"},
            [("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:s")],
        ),
        ("cloudwatch", "GetMetricData", {}, [("cloudwatch:GetMetricData", "*")]),
        (
            "cloudwatch",
            "DescribeAlarms",
            {"AlarmNames": ["a", "b"]},
            [("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:{name}") for name in "ab"],
        ),
        ("cloudwatch", "DescribeAlarms", {}, [("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:*")]),
        (
            "cloudwatch",
            "GetDashboard",
            {"DashboardName": "d"},
            [("cloudwatch:GetDashboard", "arn:aws:cloudwatch::123456789012:dashboard/d")],
        ),
        (
            "sagemaker",
            "DescribeEndpoint",
            {"EndpointName": "MyEndpoint"},
            [("sagemaker:DescribeEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint/myendpoint")],
        ),
        ("sagemaker", "ListEndpoints", {}, [("sagemaker:ListEndpoints", "*")]),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k/l"}, [("s3:PutObject", "arn:aws:s3:::b/k/l")]),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("ssm", "GetParameter", {"Name": "/a/b"}, [("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/a/b")]),
        ("ssm", "GetParameter", {"Name": "a"}, [("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/a")]),
        ("lambda", "Invoke", {"FunctionName": "f"}, [("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:f")]),
        ("events", "PutEvents", {"Entries": [{}]}, [("events:PutEvents", f"arn:aws:events:{HERE}:event-bus/default")]),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s"},
            [("logs:PutLogEvents", f"arn:aws:logs:{HERE}:log-group:g:log-stream:s")],
        ),
        (
            "compute-optimizer",
            "GetEC2InstanceRecommendations",
            {},
            [("compute-optimizer:GetEC2InstanceRecommendations", "*"), ("ec2:DescribeInstances", "*")],
        ),
        ("sts", "GetCallerIdentity", {}, []),
    ],
)
def test_a_call_needs_these_actions_on_these_resources(
    service: str, operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = needs(service, operation, params, SCOPE)

    assert found is not None
    assert expected == [(need.action, need.resource) for need in found]


def test_put_metric_data_brings_its_namespace() -> None:
    found = needs("cloudwatch", "PutMetricData", {"Namespace": "CWAgent"}, SCOPE)

    assert found == (Need("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": ("CWAgent",)}),)


def test_a_service_that_is_not_known_gives_no_answer() -> None:
    assert needs("quantum", "Entangle", {}, SCOPE) is None


@pytest.mark.parametrize(
    "service,operations",
    [
        ("cloudwatch", ["PutMetricData", "GetMetricData", "DescribeAlarms", "ListMetrics", "DescribeAlarmHistory"]),
        (
            "compute-optimizer",
            ["GetEC2InstanceRecommendations", "GetEnrollmentStatus", "GetLambdaFunctionRecommendations"],
        ),
        ("cost-optimization-hub", ["ListRecommendations", "ListEnrollmentStatuses"]),
        ("dynamodb", ["GetItem", "PutItem", "UpdateItem", "Query", "BatchGetItem", "BatchWriteItem", "DeleteItem"]),
        ("ec2", ["DescribeInstances", "DescribeTags"]),
        ("events", ["PutEvents", "PutRule"]),
        ("kms", ["Decrypt", "GenerateDataKey"]),
        ("lambda", ["Invoke", "GetFunction"]),
        ("logs", ["PutLogEvents", "CreateLogStream", "CreateLogGroup", "FilterLogEvents"]),
        ("s3", ["PutObject", "GetObject", "HeadObject", "ListObjectsV2", "HeadBucket", "DeleteObject"]),
        ("sagemaker", ["DescribeEndpoint", "ListEndpoints", "UpdateEndpoint", "ListInferenceRecommendationsJobs"]),
        ("sns", ["Publish", "PublishBatch"]),
        ("sqs", ["SendMessage", "SendMessageBatch", "DeleteMessageBatch", "ReceiveMessage", "GetQueueAttributes"]),
        ("ssm", ["GetParameter", "GetParameters", "PutParameter"]),
    ],
)
def test_actions_are_spelled_as_iam_spells_them_and_operations_as_the_api_does(
    service: str, operations: list[str]
) -> None:
    known = _iam_actions()
    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    api = client.meta.service_model.operation_names
    params = {"Names": ["n"], "JobName": "j"}

    for operation in operations:
        assert operation in api
        for need in needs(service, operation, params, SCOPE) or ():
            prefix, _, name = need.action.partition(":")
            assert name.lower() in known[prefix]["Actions"], need.action


def _iam_actions() -> dict[str, Any]:
    """cfn-lint's copy of the Service Authorization Reference."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return dict(json.loads(path.read_text()))
