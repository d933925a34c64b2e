"""What cdk-nag's AwsSolutions rules find and we accept, each with its reason."""

from typing import Any

import aws_cdk as cdk
from constructs import IConstruct


def accept(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge `rule` (such as `AwsSolutions-S1` or `AwsSolutions-IAM5[Resource::*]`) on `construct` alone."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))


def shown(stack: cdk.Stack, text: str) -> str:
    """`text` with its tokens as cdk-nag writes them in a rule's id, such as `<AWS::Region>`."""
    resolved = stack.resolve(text)
    if isinstance(resolved, str):
        return resolved
    _, parts = resolved["Fn::Join"]
    return "".join(part if isinstance(part, str) else _token(part) for part in parts)


def _token(part: dict[str, Any]) -> str:
    if "Fn::ImportValue" in part:
        return str(part["Fn::ImportValue"])
    return f"<{part['Ref'] if 'Ref' in part else '.'.join(part['Fn::GetAtt'])}>"
