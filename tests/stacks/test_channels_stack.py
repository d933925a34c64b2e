"""What a deployment with every kind of channel and the actions page consists of."""

from pathlib import Path
from typing import Any

import pytest

from core.config import load
from stacks.synth import synth
from tests.stacks.template import Template, actions, named, of_type, role_statements, strings
from tests.synth import read_templates

SLACK = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mlwarden/slack-AbCdEf"
SHORT = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mlwarden/bot"
CHAT = "arn:aws:sns:us-east-1:123456789012:chat"
CONFIG = f"""
[deployment]
stage = "test"
owner = "ml"
runbooks = "https://example.com/runbooks"
[notifications]
actions_page = true
[[notifications.subscriptions]]
protocol = "email"
endpoint = "oncall@example.com"
[[notifications.receivers]]
name = "oncall"
channels = [
  {{kind = "slack", secret = "{SLACK}"}},
  {{kind = "slack-bot", target = "C0123456789", secret = "{SHORT}"}},
  {{kind = "teams", secret = "ssm:/mlwarden/teams"}},
  {{kind = "pagerduty", secret = "ssm:/mlwarden/pagerduty"}},
  {{kind = "https", target = "https://hooks.example.com/", secret = "ssm:/mlwarden/hook"}},
  {{kind = "amazon-q", target = "{CHAT}"}},
  {{kind = "opscenter"}},
]
[[notifications.routes]]
receiver = "oncall"
"""


@pytest.fixture(scope="module")
def reactions(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Synthesis itself fails when cdk-nag finds a wildcard that nobody gave a reason for."""
    folder: Path = synth(load(CONFIG), tmp_path_factory.mktemp("channels") / "cdk.out")
    return read_templates(folder)["reactions"]


def allowed(template: Template, function: str, action: str) -> list[Any]:
    """The resources on which the function may do this, tokens as they are."""
    found: list[Any] = []
    for statement in role_statements(template, function):
        if action in actions([statement]):
            resource = statement["Resource"]
            found += resource if isinstance(resource, list) else [resource]
    return found


def test_the_sender_reads_its_channels_secrets_and_no_others(reactions: Template) -> None:
    assert allowed(reactions, "Notifier", "secretsmanager:GetSecretValue") == [f"{SHORT}-??????", SLACK]
    parameters = [[*strings(one)][-1] for one in allowed(reactions, "Notifier", "ssm:GetParameter")]
    assert parameters == [":parameter/mlwarden/hook", ":parameter/mlwarden/pagerduty", ":parameter/mlwarden/teams"]


def test_keys_decrypt_only_through_the_services_that_keep_secrets(reactions: Template) -> None:
    [statement] = [
        one
        for one in role_statements(reactions, "Notifier")
        if "kms:Decrypt" in actions([one]) and ":key/*" in [*strings(one["Resource"])]
    ]

    assert "kms:ViaService" in statement["Condition"]["StringEquals"]


def test_the_sender_may_publish_to_a_channels_topic_and_write_ops_items(reactions: Template) -> None:
    assert CHAT in allowed(reactions, "Notifier", "sns:Publish")
    assert allowed(reactions, "Notifier", "ssm:CreateOpsItem") == ["*"]


def test_the_page_has_a_url_and_may_touch_the_table_alone(reactions: Template) -> None:
    [url] = of_type(reactions, "AWS::Lambda::Url").values()
    granted = [
        permission["Properties"]["Action"]
        for permission in of_type(reactions, "AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] == "*"
    ]

    assert url["Properties"]["AuthType"] == "NONE"
    assert granted == ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]
    assert actions(role_statements(reactions, "Actions")) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
    }
    _, notifier = named(reactions, "AWS::Lambda::Function", "NotifierFunction")
    assert notifier["Environment"]["Variables"]["MLWARDEN_ACTIONS_URL"]["Fn::GetAtt"][1] == "FunctionUrl"


def test_graphs_for_chats_lie_in_a_private_bucket_for_a_day(reactions: Template) -> None:
    logical, bucket = named(reactions, "AWS::S3::Bucket", "Images")
    [policy] = [
        one["Properties"]["PolicyDocument"]["Statement"]
        for one in of_type(reactions, "AWS::S3::BucketPolicy").values()
        if one["Properties"]["Bucket"] == {"Ref": logical}
    ]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert [rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"]] == [1]
    assert "BucketEncryption" in bucket
    assert [(one["Effect"], one["Condition"]) for one in policy] == [
        ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    ]
    assert [[*strings(one)][-1] for one in allowed(reactions, "Notifier", "s3:PutObject")] == ["/graphs/*"]
    assert allowed(reactions, "Notifier", "cloudwatch:GetMetricWidgetImage") == ["*"]
    _, notifier = named(reactions, "AWS::Lambda::Function", "NotifierFunction")
    assert notifier["Environment"]["Variables"]["MLWARDEN_IMAGES"] == {"Ref": logical}


def test_without_a_chat_there_is_no_bucket_and_nothing_is_drawn(templates: dict[str, Template]) -> None:
    default = templates["reactions"]

    assert of_type(default, "AWS::S3::Bucket") == {}
    assert not actions(role_statements(default, "Notifier")) & {"s3:PutObject", "cloudwatch:GetMetricWidgetImage"}


def test_by_default_there_is_no_page_and_the_sender_reads_no_secret(templates: dict[str, Template]) -> None:
    default = templates["reactions"]

    assert of_type(default, "AWS::Lambda::Url") == {}
    assert not actions(role_statements(default, "Notifier")) & {"secretsmanager:GetSecretValue", "ssm:GetParameter"}


def test_the_fleet_dashboard_shows_open_incidents_by_the_widget(templates: dict[str, Template]) -> None:
    [fleet] = [
        one["Properties"]
        for one in of_type(templates["monitoring"], "AWS::CloudWatch::Dashboard").values()
        if one["Properties"]["DashboardName"].endswith("-fleet")
    ]

    body = "".join(strings(fleet["DashboardBody"]))
    assert '"type":"custom"' in body
    assert "ExportsOutputFnGetAttWidgetFunction" in body
    assert actions(role_statements(templates["reactions"], "Widget")) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "dynamodb:Query",
    }
