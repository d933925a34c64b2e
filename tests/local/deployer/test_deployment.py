import json
from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from local.deployer import Deployer, DeployError, deploy
from local.world import World
from tests.local import templates


def one(resource: dict[str, Any]) -> dict[str, Any]:
    return {"Resources": {"It": resource}}


def test_an_unknown_resource_type_is_refused_before_anything_is_created(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}, "It": {"Type": "AWS::DoesNot::Exist"}}}
    folder = templates.assembly(tmp_path, {"App": template})

    with pytest.raises(DeployError) as caught:
        deploy(world, folder)

    assert str(caught.value) == "App.It: the embedded AWS does not implement AWS::DoesNot::Exist"
    assert "QueueUrls" not in admin.get("sqs").list_queues()


def test_a_property_that_no_handler_reads_is_refused_by_its_path(world: World, tmp_path: Path) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}
    folder = templates.assembly(tmp_path, {"App": one(queue)})

    with pytest.raises(DeployError) as caught:
        deploy(world, folder)

    assert caught.value.path == "App.It.Properties.Colour"


def test_a_nested_property_that_no_handler_reads_is_refused_by_its_path(world: World, tmp_path: Path) -> None:
    rules = [{"Status": "Enabled", "ExpirationInDays": 3, "Mood": "good"}]
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Rules": rules}}}
    folder = templates.assembly(tmp_path, {"App": one(bucket)})

    with pytest.raises(DeployError) as caught:
        deploy(world, folder)

    assert caught.value.path == "App.It.Properties.LifecycleConfiguration.Rules.0.Mood"


def test_a_key_that_the_api_does_not_know_is_refused_with_botocores_message(world: World, tmp_path: Path) -> None:
    metric = {"Id": "m", "MetricStat": {"Metric": {"MetricName": "X", "Namespace": "N"}, "Perod": 60, "Stat": "Sum"}}
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "Metrics": [metric],
        },
    }
    folder = templates.assembly(tmp_path, {"App": one(alarm)})

    with pytest.raises(DeployError, match=r"App.It \(AWS::CloudWatch::Alarm\): .*Perod"):
        deploy(world, folder)


def test_an_unknown_attribute_of_a_resource_is_refused(world: World, tmp_path: Path) -> None:
    queue = {"Type": "AWS::SQS::Queue", "CreationPolicy": {"ResourceSignal": {"Count": 1}}}
    folder = templates.assembly(tmp_path, {"App": one(queue)})

    with pytest.raises(DeployError, match=r"App\.It\.CreationPolicy"):
        deploy(world, folder)


def test_a_failing_resource_is_named_with_what_aws_says(world: World, tmp_path: Path) -> None:
    policy = templates.document(templates.allow("sqs:SendMessage"))
    queue_policy = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": ["http://x/1/gone"], "PolicyDocument": policy},
    }
    folder = templates.assembly(tmp_path, {"App": one(queue_policy)})

    with pytest.raises(DeployError, match=r"^App\.It \(AWS::SQS::QueuePolicy\): .*queue does not exist"):
        deploy(world, folder)


def test_stacks_are_created_after_those_they_depend_on_and_import_their_exports(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    producer = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"Arn": {"Value": {"Ref": "Topic"}, "Export": {"Name": "the-topic"}}},
    }
    consumer = one(
        {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Name": "/topic", "Value": {"Fn::ImportValue": "the-topic"}},
        }
    )
    folder = templates.assembly(
        tmp_path, {"Consumer": consumer, "Producer": producer}, after={"Consumer": ["Producer"]}
    )

    deployment = deploy(world, folder)

    assert list(deployment.stacks) == ["Producer", "Consumer"]
    stored = admin.get("ssm").get_parameter(Name="/topic")["Parameter"]["Value"]
    assert deployment.stacks["Producer"].resources["Topic"] == stored
    assert deployment.stacks["Producer"].outputs == {"Arn": stored}


def test_physical_names_say_stack_and_logical_id_and_are_the_same_in_every_run(world: World, tmp_path: Path) -> None:
    folder = templates.assembly(tmp_path, {"App": one({"Type": "AWS::SNS::Topic"})})

    deployment = deploy(world, folder)

    assert deployment.stacks["App"].resources["It"] == "arn:aws:sns:us-east-1:123456789012:App-It-4e3229fe"


def test_a_queue_gets_every_attribute_and_tag(world: World, admin: Clients, tmp_path: Path) -> None:
    properties = {
        "VisibilityTimeout": 90,
        "MessageRetentionPeriod": "1209600",
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3},
        "Tags": [{"Key": "owner", "Value": "ml"}],
    }
    queues = {"It": {"Type": "AWS::SQS::Queue", "Properties": properties}, "Dead": {"Type": "AWS::SQS::Queue"}}
    folder = templates.assembly(tmp_path, {"App": {"Resources": queues}})

    url = deploy(world, folder).stacks["App"].resources["It"]

    attributes = admin.get("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "90"
    assert attributes["MessageRetentionPeriod"] == "1209600"
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 3
    assert admin.get("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"owner": "ml"}


def test_a_table_has_its_index_its_expiry_and_its_backups(world: World, admin: Clients, tmp_path: Path) -> None:
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
    due = {"IndexName": "due", "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"}}
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": keys,
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [due],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        },
    }
    folder = templates.assembly(tmp_path, {"App": one(table)})

    name = deploy(world, folder).stacks["App"].resources["It"]

    client = admin.get("dynamodb")
    described = client.describe_table(TableName=name)["Table"]
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert [index["IndexName"] for index in described["GlobalSecondaryIndexes"]] == ["due"]
    assert (expiry["AttributeName"], expiry["TimeToLiveStatus"]) == ("expires_at", "ENABLED")
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_a_role_gets_aws_managed_policies(world: World, admin: Clients, tmp_path: Path) -> None:
    role = templates.role(service="ec2.amazonaws.com")
    role["Properties"]["ManagedPolicyArns"] = [
        {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/AmazonSSMManagedInstanceCore"]]}
    ]
    folder = templates.assembly(tmp_path, {"App": one(role)})

    name = deploy(world, folder).stacks["App"].resources["It"]

    attached = admin.get("iam").list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AmazonSSMManagedInstanceCore"]


def test_deploying_the_same_again_changes_nothing(world: World, tmp_path: Path) -> None:
    folder = templates.assembly(tmp_path, {"App": one({"Type": "AWS::SQS::Queue"})})
    deployer = Deployer(world)

    first = deployer.deploy(folder)
    second = deployer.deploy(folder)

    assert first == second


def test_a_changed_stack_is_updated(world: World, admin: Clients, tmp_path: Path) -> None:
    deployer = Deployer(world)
    deployer.deploy(templates.assembly(tmp_path / "a", {"App": one({"Type": "AWS::SQS::Queue"})}))

    changed = one({"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 7}})
    url = deployer.deploy(templates.assembly(tmp_path / "b", {"App": changed})).stacks["App"].resources["It"]

    attributes = admin.get("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    assert attributes["Attributes"] == {"DelaySeconds": "7"}


def test_a_resource_that_becomes_another_type_is_refused_by_name(world: World, tmp_path: Path) -> None:
    deployer = Deployer(world)
    deployer.deploy(templates.assembly(tmp_path / "a", {"App": one({"Type": "AWS::SQS::Queue"})}))

    with pytest.raises(DeployError, match=r"App\.It: Update of resource type is not permitted"):
        deployer.deploy(templates.assembly(tmp_path / "b", {"App": one({"Type": "AWS::SNS::Topic"})}))


def test_a_folder_that_is_no_assembly_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"manifest.json: missing"):
        deploy(world, tmp_path)


def test_inert_resources_are_checked_and_listed(world: World, tmp_path: Path) -> None:
    document = {
        "Type": "AWS::SSM::Document",
        "Properties": {"Content": {"schemaVersion": "2.2", "mainSteps": []}, "DocumentType": "Command"},
    }
    association = {"Type": "AWS::SSM::Association", "Properties": {"Name": {"Ref": "Document"}}}
    metadata = {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2"}}
    resources = {"Document": document, "Association": association, "Metadata": metadata}
    folder = templates.assembly(tmp_path, {"App": {"Resources": resources}})

    deployment = deploy(world, folder)

    assert [(stack, each.logical_id) for stack, each in deployment.inert] == [
        ("App", "Association"),
        ("App", "Metadata"),
    ]


def test_the_cdks_bootstrap_rule_is_ignored_and_other_rules_are_refused(world: World, tmp_path: Path) -> None:
    template = {
        **one({"Type": "AWS::SQS::Queue"}),
        "Parameters": {
            "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/x"}
        },
        "Rules": {"CheckBootstrapVersion": {"Assertions": []}},
    }
    deploy(world, templates.assembly(tmp_path / "a", {"App": template}))

    with pytest.raises(DeployError, match=r"Other\.Rules\.Mine"):
        deploy(world, templates.assembly(tmp_path / "b", {"Other": {**template, "Rules": {"Mine": {}}}}))


def test_resources_that_need_one_another_are_refused(world: World, tmp_path: Path) -> None:
    resources = {
        "A": {"Type": "AWS::SQS::Queue", "DependsOn": "B"},
        "B": {"Type": "AWS::SQS::Queue", "DependsOn": ["A"]},
    }

    with pytest.raises(DeployError, match="circular dependency: A -> B -> A"):
        deploy(world, templates.assembly(tmp_path, {"App": {"Resources": resources}}))
