from typing import Any

import pytest

from local.access import policy
from local.access.conditions import PolicyError
from local.access.policy import Principal, Request, Verdict

ACCOUNT = "123456789012"
ROLE = Principal(f"arn:aws:iam::{ACCOUNT}:role/router", ACCOUNT)
SERVICE = Principal("cloudwatch.amazonaws.com", ACCOUNT)
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:events"


def verdict(
    *statements: dict[str, Any], principal: Principal = ROLE, of_resource: bool = False, **context: tuple[str, ...]
) -> Verdict:
    keys = {key.replace("_", ":", 1): values for key, values in context.items()}
    request = Request("sqs:SendMessage", QUEUE, principal, keys)
    return policy.evaluate(policy.statements({"Statement": list(statements)}), request, of_resource=of_resource).verdict


def allow(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE, **changes}


def deny(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "sqs:*", "Resource": "*", **changes}


@pytest.mark.parametrize(
    "statement,expected",
    [
        (allow(), Verdict.ALLOWED),
        (allow(Action="SQS:sendmessage"), Verdict.ALLOWED),
        (allow(Action=["s3:*", "sqs:Send*"]), Verdict.ALLOWED),
        (allow(Action="sqs:ReceiveMessage"), Verdict.UNMENTIONED),
        (allow(Action="sqs:SendMessag?"), Verdict.ALLOWED),
        (allow(Resource="arn:aws:sqs:*:*:ev*"), Verdict.ALLOWED),
        (allow(Resource=QUEUE.upper()), Verdict.UNMENTIONED),
        (allow(Resource="arn:aws:sqs:us-east-1:123456789012:other"), Verdict.UNMENTIONED),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, Verdict.ALLOWED),
        ({"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"}, Verdict.UNMENTIONED),
        ({"Effect": "Allow", "Action": "*", "NotResource": QUEUE}, Verdict.UNMENTIONED),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::*"}, Verdict.ALLOWED),
    ],
)
def test_actions_and_resources_match_with_wildcards(statement: dict[str, Any], expected: Verdict) -> None:
    assert expected == verdict(statement)


def test_an_explicit_deny_wins_whatever_the_order() -> None:
    assert verdict(allow(), deny()) == Verdict.DENIED
    assert verdict(deny(), allow()) == Verdict.DENIED


@pytest.mark.parametrize(
    "principal,expected",
    [
        ({"Service": "cloudwatch.amazonaws.com"}, Verdict.ALLOWED),
        ({"Service": ["sns.amazonaws.com", "cloudwatch.amazonaws.com"]}, Verdict.ALLOWED),
        ({"Service": "events.amazonaws.com"}, Verdict.UNMENTIONED),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Verdict.UNMENTIONED),
        ({"AWS": "*"}, Verdict.ALLOWED),
        ("*", Verdict.ALLOWED),
    ],
)
def test_a_service_matches_by_its_name(principal: Any, expected: Verdict) -> None:
    assert expected == verdict(allow(Principal=principal), principal=SERVICE, of_resource=True)


@pytest.mark.parametrize(
    "principal,expected",
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/router"}, Verdict.ALLOWED),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, Verdict.UNMENTIONED),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Verdict.DELEGATED),
        ({"AWS": ACCOUNT}, Verdict.DELEGATED),
        ({"Service": "lambda.amazonaws.com"}, Verdict.UNMENTIONED),
    ],
)
def test_a_role_matches_by_its_arn_and_its_account_delegates(principal: Any, expected: Verdict) -> None:
    assert expected == verdict(allow(Principal=principal), of_resource=True)


@pytest.mark.parametrize(
    "condition,expected",
    [
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"AWS:SOURCEACCOUNT": [ACCOUNT, "other"]}}, True),
        ({"StringEquals": {"aws:SourceAccount": "other"}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": ["other", "another"]}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": ["other", ACCOUNT]}}, False),
        ({"StringNotEquals": {"aws:Missing": "x"}}, True),
        ({"StringEquals": {"aws:Missing": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:Missing": "x"}}, True),
        ({"StringLike": {"aws:SourceArn": "arn:aws:cloudwatch:*"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:cloudwatch:*:*:alarm:mlwarden-*"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:*:alarm:*"}}, False),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:events:*:*:*"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Null": {"aws:Missing": "true"}}, True),
        ({"Null": {"aws:SourceArn": True}}, False),
        ({"NumericLessThan": {"aws:Number": "10"}}, True),
        ({"NumericGreaterThanEquals": {"aws:Number": "10"}}, False),
        ({"NumericLessThan": {"aws:SourceArn": "10"}}, False),
        ({"NumericNotEquals": {"aws:SourceArn": "10"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-20T09:59:59Z"}}, True),
        ({"DateLessThanEquals": {"aws:CurrentTime": "1763632799"}}, False),
        ({"DateNotEquals": {"aws:CurrentTime": "2026-11-20T10:00:00Z"}}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["10.1.2.3", "192.0.2.0/24"]}}, False),
        ({"IpAddress": {"aws:SourceArn": "10.0.0.0/8"}}, False),
        ({"BinaryEquals": {"aws:Blob": "aGk="}}, True),
        ({"StringEquals": {"aws:PrincipalTeam": "${aws:ResourceTag/team, 'nobody'}"}}, False),
        ({"StringEquals": {"aws:PrincipalTeam": "${aws:ResourceTag/team, 'ml'}"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["b", "c"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["b", "c"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:Missing": "c"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}, True),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}, "Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_each_condition_operator_decides(condition: dict[str, Any], expected: bool) -> None:
    found = verdict(
        allow(Condition=condition),
        aws_SourceAccount=(ACCOUNT,),
        aws_PrincipalAccount=(ACCOUNT,),
        aws_SourceArn=(f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:mlwarden-demo-x",),
        aws_SecureTransport=("true",),
        aws_Number=("9",),
        aws_TagKeys=("a", "b"),
        aws_CurrentTime=("2026-11-20T10:00:00+00:00",),
        aws_SourceIp=("10.1.2.3",),
        aws_Blob=("aGk=",),
        aws_PrincipalTeam=("ml",),
    )

    assert expected is (found is Verdict.ALLOWED)


def test_a_condition_that_is_not_known_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(PolicyError, match="IpAddres is not known"):
        verdict(allow(Condition={"IpAddres": {"aws:SourceIp": "10.0.0.0/8"}}))


def test_an_element_that_is_not_iams_is_an_error() -> None:
    with pytest.raises(PolicyError, match="unknown element Actoin"):
        policy.statements({"Statement": [{"Effect": "Allow", "Actoin": "*", "Resource": "*"}]})


def test_the_decision_names_its_statement() -> None:
    request = Request("sqs:SendMessage", QUEUE, ROLE)
    statements = policy.statements({"Statement": [allow(Sid="Send"), deny()]})

    assert policy.evaluate(statements[:1], request, of_resource=False).statement == "Send"
    assert policy.evaluate(statements, request, of_resource=False).statement == "statement 1"
