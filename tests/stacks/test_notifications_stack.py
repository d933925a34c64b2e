from pathlib import Path

import pytest

from core.catalogue.alarm import Severity
from core.config import load
from stacks.synth import synth
from tests.stacks.template import named, of_type, properties
from tests.synth import read_templates

PUBLISHERS = {"cloudwatch.amazonaws.com": ":alarm:*", "events.amazonaws.com": ":rule/*"}
SUBSCRIBED = """
[deployment]
stage = "demo"
owner = "ml-platform"
runbooks = "https://example.com/runbooks"

[[notifications.subscriptions]]
protocol = "https"
endpoint = "https://example.com/hook"
severities = ["critical"]

[[notifications.subscriptions]]
protocol = "sqs"
endpoint = "arn:aws:sqs:us-east-1:123456789012:pager"
severities = ["critical", "info"]

[[notifications.subscriptions]]
protocol = "sms"
endpoint = "+15555550100"
severities = ["warning"]
"""


@pytest.fixture
def template(templates):
    return templates["notifications"]


def services(statements):
    """Allow statements by service principal."""
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    return {statement["Principal"]["Service"]: statement for statement in allowed}


def text(value):
    """A string or Fn::Join, with `<Name>` for its references."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in value["Fn::Join"][1])


def test_there_is_an_encrypted_topic_for_every_severity_under_one_rotated_key(template):
    topics = properties(template, "AWS::SNS::Topic")
    [(key, resource)] = of_type(template, "AWS::KMS::Key").items()

    names = [*(f"mlwarden {severity}" for severity in Severity), "mlwarden heartbeat"]
    assert names == [topic["DisplayName"] for topic in topics]
    assert {key} == {topic["KmsMasterKeyId"]["Fn::GetAtt"][0] for topic in topics}
    assert resource["Properties"]["EnableKeyRotation"] is True


@pytest.mark.parametrize("service", PUBLISHERS)
@pytest.mark.parametrize("severity", [severity.capitalize() for severity in Severity])
def test_topic_policies_let_the_service_publish_for_this_account_only(template, severity, service):
    topic, _ = named(template, "AWS::SNS::Topic", severity)
    _, policy = named(template, "AWS::SNS::TopicPolicy", severity)

    statement = services(policy["PolicyDocument"]["Statement"])[service]

    assert [{"Ref": topic}] == policy["Topics"]
    assert {"Ref": topic} == statement["Resource"]
    assert "sns:Publish" == statement["Action"]
    assert {"aws:SourceAccount": {"Ref": "AWS::AccountId"}} == statement["Condition"]["StringEquals"]
    source = text(statement["Condition"]["ArnLike"]["aws:SourceArn"])
    assert f"<AWS::Region>:<AWS::AccountId>{PUBLISHERS[service]}" in source


def test_topic_policies_allow_nobody_else_and_refuse_plain_http(template):
    for policy in properties(template, "AWS::SNS::TopicPolicy"):
        statements = policy["PolicyDocument"]["Statement"]
        refused = [statement for statement in statements if statement["Effect"] == "Deny"]

        canary = policy["Topics"][0]["Ref"].startswith("Canary")
        assert (set() if canary else set(PUBLISHERS)) == set(services(statements))
        assert (1 if canary else 3) == len(statements)
        assert [{"Bool": {"aws:SecureTransport": "false"}}] == [entry["Condition"] for entry in refused]


def test_the_key_policy_lets_both_services_encrypt_for_topics_and_nothing_more(template):
    [key] = properties(template, "AWS::KMS::Key")
    account, *others = key["KeyPolicy"]["Statement"]

    allowed = services(others)

    assert "kms:*" == account["Action"]
    assert text(account["Principal"]["AWS"]).endswith("<AWS::AccountId>:root")
    assert set(PUBLISHERS) == set(allowed)
    assert 2 == len(others)
    for statement in others:
        assert ["kms:Decrypt", "kms:GenerateDataKey*"] == statement["Action"]


def test_the_key_policy_binds_cloudwatch_to_this_accounts_alarms(template):
    [key] = properties(template, "AWS::KMS::Key")

    condition = services(key["KeyPolicy"]["Statement"][1:])["cloudwatch.amazonaws.com"]["Condition"]

    assert {"aws:SourceAccount": {"Ref": "AWS::AccountId"}} == condition["StringEquals"]
    assert text(condition["ArnLike"]["aws:SourceArn"]).endswith("<AWS::AccountId>:alarm:*")


def test_the_key_policy_binds_eventbridge_by_topic_because_sns_does_not_support_source_conditions(template):
    """A source condition on this statement would drop every event without an error (Amazon SNS, key management)."""
    [key] = properties(template, "AWS::KMS::Key")

    condition = services(key["KeyPolicy"]["Statement"][1:])["events.amazonaws.com"]["Condition"]

    assert ["ArnLike"] == list(condition)
    topics = text(condition["ArnLike"]["kms:EncryptionContext:aws:sns:topicArn"])
    assert "arn:<AWS::Partition>:sns:<AWS::Region>:<AWS::AccountId>:*" == topics


def test_subscriptions_follow_the_configuration(tmp_path: Path):
    template = read_templates(synth(load(SUBSCRIBED), tmp_path / "cdk.out"))["notifications"]

    found = {
        (entry["TopicArn"]["Ref"].rstrip("0123456789ABCDEF"), entry["Protocol"], entry["Endpoint"])
        for entry in properties(template, "AWS::SNS::Subscription")
    }

    queue = "arn:aws:sqs:us-east-1:123456789012:pager"
    assert {
        ("Critical", "https", "https://example.com/hook"),
        ("Critical", "sqs", queue),
        ("Info", "sqs", queue),
        ("Warning", "sms", "+15555550100"),
    } == found


def test_what_holds_state_survives_its_stack(template):
    for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key"):
        for resource in of_type(template, kind).values():
            assert ("Retain", "Retain") == (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])


def test_the_incident_table_has_sparse_indexes_of_what_is_due_fires_and_runs(template):
    [table] = properties(template, "AWS::DynamoDB::Table")

    keys = [entry["AttributeName"] for entry in table["KeySchema"]]
    assert ["pk", "sk"] == keys
    assert "PAY_PER_REQUEST" == table["BillingMode"]
    assert {"AttributeName": "expires_at", "Enabled": True} == table["TimeToLiveSpecification"]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert {
        "due": (["due_shard", "due_at"], "KEYS_ONLY"),
        "firing": (["firing_shard", "firing_since"], "ALL"),
        "open": (["open_shard", "opened_at"], "ALL"),
    } == {
        index["IndexName"]: (
            [entry["AttributeName"] for entry in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for index in table["GlobalSecondaryIndexes"]
    }


def test_reports_are_private_versioned_and_expire(template):
    [bucket] = properties(template, "AWS::S3::Bucket")
    [policy] = properties(template, "AWS::S3::BucketPolicy")

    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert "Enabled" == bucket["VersioningConfiguration"]["Status"]
    assert 400 == bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert ("Deny", "s3:*") == (statement["Effect"], statement["Action"])
    assert {"Bool": {"aws:SecureTransport": "false"}} == statement["Condition"]
