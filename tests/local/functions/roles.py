"""Roles for functions under test."""

import json
from collections.abc import Mapping
from typing import Any

from local.clients import Clients
from tests.local import templates


def role(admin: Clients, name: str, *statements: Mapping[str, Any]) -> str:
    """Create a role for Lambda that may do what `statements` say; its ARN."""
    trust = templates.role()["Properties"]["AssumeRolePolicyDocument"]
    client = admin.get("iam")
    arn = client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        document = json.dumps(templates.document(*statements))
        client.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
    return str(arn)
