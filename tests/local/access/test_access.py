import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from local.deployer import deploy
from local.errors import ServiceError
from local.world import World
from tests.local import templates
from tests.local.functions.roles import role

ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:mlwarden-demo-ranker-Unhealthy"
RULE = "arn:aws:events:us-east-1:123456789012:rule/AlarmChanges"


def statement(service: str, action: str, source: str, **changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": "*",
        "Condition": {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": "123456789012"}},
        **changes,
    }


def topic(admin: Clients, *statements: dict[str, Any], key: str = "") -> str:
    attributes = {"KmsMasterKeyId": key} if key else {}
    if statements:
        attributes["Policy"] = json.dumps(templates.document(*statements))
    return str(admin.get("sns").create_topic(Name="critical", Attributes=attributes)["TopicArn"])


def key(admin: Clients, *statements: dict[str, Any]) -> str:
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    document = json.dumps(templates.document(root, *statements))
    return str(admin.get("kms").create_key(Policy=document)["KeyMetadata"]["Arn"])


def publish(world: World, arn: str, source: str = ALARM, principal: str = "cloudwatch.amazonaws.com") -> None:
    world.access.check_service(principal=principal, action="sns:Publish", resource_arn=arn, source_arn=source)


CLOUDWATCH = statement("cloudwatch.amazonaws.com", "sns:Publish", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*")
USES_KEY = statement(
    "cloudwatch.amazonaws.com",
    ["kms:GenerateDataKey*", "kms:Decrypt"],  # type: ignore[arg-type]
    "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*",
)


def test_a_topics_policy_lets_the_service_that_it_names_publish(world: World, admin: Clients) -> None:
    publish(world, topic(admin, CLOUDWATCH))


def test_a_topics_policy_without_the_cloudwatch_statement_refuses_the_page(world: World, admin: Clients) -> None:
    arn = topic(admin, statement("events.amazonaws.com", "sns:Publish", RULE))

    with pytest.raises(ServiceError) as caught:
        publish(world, arn)

    assert caught.value.code == "AuthorizationError"
    assert caught.value.message == (
        f"User: cloudwatch.amazonaws.com is not authorized to perform: sns:Publish on resource: {arn} "
        "because no resource-based policy allows the sns:Publish action"
    )


def test_the_default_policy_of_a_topic_lets_the_accounts_alarms_publish(world: World, admin: Clients) -> None:
    publish(world, topic(admin))


def test_a_policy_that_names_another_source_refuses(world: World, admin: Clients) -> None:
    arn = topic(admin, CLOUDWATCH)

    with pytest.raises(ServiceError):
        publish(world, arn, source="arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x")


def test_a_policy_that_is_changed_counts_from_then_on(world: World, admin: Clients) -> None:
    arn = topic(admin, CLOUDWATCH)
    publish(world, arn)
    document = json.dumps(templates.document(statement("events.amazonaws.com", "sns:Publish", RULE)))

    admin.get("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)

    with pytest.raises(ServiceError):
        publish(world, arn)


def test_an_encrypted_topic_needs_its_keys_policy_too(world: World, admin: Clients) -> None:
    publish(world, topic(admin, CLOUDWATCH, key=key(admin, USES_KEY)))


def test_a_key_that_does_not_name_the_service_refuses_the_page(world: World, admin: Clients) -> None:
    own = key(admin)
    arn = topic(admin, CLOUDWATCH, key=own)

    with pytest.raises(ServiceError, match=f"kms:GenerateDataKey on resource: {own}"):
        publish(world, arn)


def test_the_key_that_aws_manages_refuses_services(world: World, admin: Clients) -> None:
    arn = topic(admin, CLOUDWATCH, key="alias/aws/sns")

    with pytest.raises(ServiceError, match="kms:GenerateDataKey"):
        publish(world, arn)


def test_a_queue_policy_for_another_rule_refuses(world: World, admin: Clients) -> None:
    document = templates.document(statement("events.amazonaws.com", "sqs:SendMessage", RULE))
    url = admin.get("sqs").create_queue(QueueName="events", Attributes={"Policy": json.dumps(document)})["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:events"

    def send(rule: str) -> None:
        world.access.check_service(
            principal="events.amazonaws.com", action="sqs:SendMessage", resource_arn=arn, source_arn=rule
        )

    send(RULE)
    with pytest.raises(ServiceError, match="sqs:SendMessage"):
        send(RULE.replace("AlarmChanges", "Other"))
    assert url.endswith("/events")


def test_a_deny_of_plain_http_does_not_touch_the_loopback(world: World, admin: Clients) -> None:
    insecure = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sns:Publish",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }

    publish(world, topic(admin, insecure, CLOUDWATCH))


def test_a_function_needs_a_permission_for_the_service_that_invokes_it(world: World, tmp_path: Path) -> None:
    path, digest = templates.package(tmp_path, {"app.py": "def handle(event, context):\n    return 1\n"})
    properties = {
        "Code": templates.code(digest),
        "Handler": "app.handle",
        "Runtime": "python3.14",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
        "Principal": "events.amazonaws.com",
        "SourceArn": RULE,
    }
    resources = {
        "Role": templates.role(),
        "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
    }
    folder = templates.assembly(tmp_path, {"App": {"Resources": resources}}, packages=((path, digest),))
    name = deploy(world, folder).stacks["App"].resources["Function"]

    def invoke(rule: str) -> None:
        arn = world.functions.arn(name)
        world.access.check_service(
            principal="events.amazonaws.com", action="lambda:InvokeFunction", resource_arn=arn, source_arn=rule
        )

    invoke(RULE)
    with pytest.raises(ServiceError, match="AccessDeniedException"):
        invoke(RULE + "2")


def test_a_role_that_lambda_may_not_assume_is_refused_at_deployment(world: World, tmp_path: Path) -> None:
    path, digest = templates.package(tmp_path, {"app.py": ""})
    properties = {
        "Code": templates.code(digest),
        "Handler": "app.handle",
        "Runtime": "python3.14",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    resources = {
        "Role": templates.role(service="ec2.amazonaws.com"),
        "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
    }
    folder = templates.assembly(tmp_path, {"App": {"Resources": resources}}, packages=((path, digest),))

    with pytest.raises(Exception, match=r"App\.Function\.Properties\.Role: The role defined for the function"):
        deploy(world, folder)


def caller(world: World, admin: Clients, *statements: dict[str, Any]) -> Clients:
    """Clients that act as a role which may do what `statements` say."""
    trust = json.dumps(templates.role()["Properties"]["AssumeRolePolicyDocument"])
    iam = admin.get("iam")
    arn = iam.create_role(RoleName="host", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName="host", PolicyName="p", PolicyDocument=json.dumps(templates.document(*statements)))
    world.access.register("ASIAHOST", arn, session="i-1")
    return Clients(url=world.url, region=world.region, access_key="ASIAHOST")


def test_an_agent_may_publish_to_its_own_namespace_only(world: World, admin: Clients) -> None:
    only = {
        **templates.allow("cloudwatch:PutMetricData"),
        "Condition": {"StringEquals": {"cloudwatch:namespace": "CWAgent"}},
    }
    agent = caller(world, admin, only)
    data = [{"MetricName": "m", "Value": 1.0}]

    agent.get("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=data)
    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:PutMetricData") as caught:
        agent.get("cloudwatch").put_metric_data(Namespace="Other", MetricData=data)

    agent.close()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_attached_policy_counts_by_its_default_version(world: World, admin: Clients) -> None:
    role, iam = caller(world, admin), admin.get("iam")
    allowed = json.dumps(templates.document(templates.allow("ssm:PutParameter")))
    nothing = json.dumps(templates.document(templates.allow("ssm:GetParameter")))
    arn = iam.create_policy(PolicyName="p", PolicyDocument=allowed)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="host", PolicyArn=arn)

    role.get("ssm").put_parameter(Name="/x", Value="1", Type="String")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=nothing, SetAsDefault=True)
    with pytest.raises(ClientError, match="ssm:PutParameter"):
        role.get("ssm").put_parameter(Name="/y", Value="1", Type="String")

    role.close()


def test_an_explicit_deny_wins_over_an_allow(world: World, admin: Clients) -> None:
    role = caller(world, admin, templates.allow("ssm:*"), {**templates.allow("ssm:PutParameter"), "Effect": "Deny"})

    with pytest.raises(ClientError, match="explicit deny"):
        role.get("ssm").put_parameter(Name="/x", Value="1", Type="String")

    role.close()


def test_publishing_to_an_encrypted_topic_needs_its_key(world: World, admin: Clients) -> None:
    own = key(admin)
    arn = topic(admin, CLOUDWATCH, key=own)
    role = caller(world, admin, templates.allow("sns:Publish", on=arn))

    with pytest.raises(ClientError, match=f"kms:GenerateDataKey on resource: {own}"):
        role.get("sns").publish(TopicArn=arn, Message="m")
    admin.get("iam").put_role_policy(
        RoleName="host",
        PolicyName="key",
        PolicyDocument=json.dumps(templates.document(templates.allow("kms:GenerateDataKey*", "kms:Decrypt", on=own))),
    )
    role.get("sns").publish(TopicArn=arn, Message="m")

    role.close()


def test_a_call_that_is_not_mapped_is_refused_by_name(world: World, admin: Clients) -> None:
    role = caller(world, admin, templates.allow("*"))

    with pytest.raises(ClientError, match="iam ListRoles: the embedded AWS does not know"):
        role.get("iam").list_roles()

    role.close()


def test_everything_a_role_used_is_remembered(world: World, admin: Clients) -> None:
    role = caller(world, admin, templates.allow("ssm:PutParameter"))
    role.get("ssm").put_parameter(Name="/x", Value="1", Type="String")
    with pytest.raises(ClientError):
        role.get("ssm").get_parameter(Name="/x")

    used = [(use.action, use.resource.rsplit(":", 1)[-1], use.allowed) for use in world.access.usage]

    role.close()
    assert used == [("ssm:PutParameter", "parameter/x", True), ("ssm:GetParameter", "parameter/x", False)]


def test_a_condition_on_tags_is_held_against_the_resources_and_the_roles_own(world: World, admin: Clients) -> None:
    url = admin.get("sqs").create_queue(QueueName="mine", tags={"team": "ml"})["QueueUrl"]
    admin.get("sqs").create_queue(QueueName="theirs", tags={"team": "ads"})
    send = {
        **templates.allow("sqs:SendMessage", on="*"),
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
    }
    arn = role(admin, "sender", send)
    admin.get("iam").tag_role(RoleName="sender", Tags=[{"Key": "team", "Value": "ml"}])

    world.access.check_role(arn, "sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:mine")

    assert url.endswith("/mine")
    with pytest.raises(ServiceError, match="not authorized to perform: sqs:SendMessage"):
        world.access.check_role(arn, "sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:theirs")
