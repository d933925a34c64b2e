"""What a request to CloudFormation brings: a template, parameters, tags, capabilities."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from local.clients import Clients
from local.deployer import document
from local.deployer.assets import BucketAssets
from local.deployer.errors import DeployError
from local.deployer.parameters import Parameter
from local.deployer.stacks import Source, Stack, Stacks
from local.deployer.template import Template
from local.errors import ServiceError

Params = Mapping[str, Any]
Operation = Callable[[Params], dict[str, Any]]

NAMED = {
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
}
"""IAM's types that may have a custom name, and the property that gives it."""


def invalid(message: str) -> ServiceError:
    """CloudFormation's ValidationError."""
    return ServiceError("ValidationError", message)


def refuse_others(operation: str, params: Params, known: Iterable[str]) -> None:
    """ServiceError for a parameter that is not implemented here, unless it says what holds anyway."""
    accepted = set(known)
    for name, value in params.items():
        if name not in accepted and value not in (None, False, "", [], {}):
            raise invalid(f"{operation}: the embedded CloudFormation does not implement {name}")


def check_deployment(params: Params) -> bool:
    """Whether DeploymentConfig disables rollback; ValidationError for a mode that is not implemented here."""
    deployment = params.get("DeploymentConfig") or {}
    if (mode := deployment.get("Mode") or "STANDARD") != "STANDARD":
        raise invalid(f"DeploymentConfig.Mode: the embedded CloudFormation implements STANDARD, not {mode}")
    return bool(deployment.get("DisableRollback"))


def needed(params: Params, name: str) -> str:
    """A parameter that must be there."""
    if not params.get(name):
        raise invalid(
            f"1 validation error detected: Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
            "Member must not be null"
        )
    return str(params[name])


def stack(stacks: Stacks, params: Params) -> Stack:
    """The stack that a request names; ValidationError where there is none."""
    name = needed(params, "StackName")
    found = stacks.get(name)
    if found is None:
        raise invalid(f"Stack with id {name} does not exist")
    return found


def source(params: Params, stack: Stack | None, clients: Clients, name: str) -> Source:
    """The template, parameters and tags of a request; what it says to take from the stack comes from there."""
    former = stack.source if stack is not None else None
    body = params.get("TemplateBody")
    if url := params.get("TemplateURL"):
        text = _fetched(url, clients)
    elif body:
        text = str(body)
    elif params.get("UsePreviousTemplate") and former is not None:
        text = former.text
    else:
        raise invalid("Either Template URL or Template Body must be specified.")
    previous = dict(former.given) if former is not None else {}
    given: dict[str, str] = {}
    for each in params.get("Parameters") or []:
        key = each["ParameterKey"]
        if not each.get("UsePreviousValue"):
            given[key] = each.get("ParameterValue", "")
        elif key in previous:
            given[key] = previous[key]
    tags = {each["Key"]: each["Value"] for each in params.get("Tags") or []}
    if params.get("Tags") is None and former is not None:
        tags = dict(former.tags)
    try:
        read = document.read(name, text)
    except DeployError as error:
        raise invalid(error.reason) from error
    return Source(read, text, given, tags, BucketAssets(clients, former.assets if former is not None else None))


def _fetched(url: str, clients: Clients) -> str:
    """A template in S3: `https://bucket.s3.region.amazonaws.com/key`, or by path as SDKs write it for an endpoint."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    bucket, mark, _ = host.partition(".s3")
    if not mark or not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        bucket, _, path = path.partition("/")
    try:
        content: bytes = clients.get("s3").get_object(Bucket=bucket, Key=path)["Body"].read()
    except ClientError as error:
        raise invalid(f"S3 error: {error.response['Error']['Message']} ({url})") from error
    return content.decode()


def capabilities(template: Template) -> tuple[str, ...]:
    """What must be acknowledged before this template may be deployed.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-template.html
    """
    types = [resource for resource in template.resources if resource.type.startswith("AWS::IAM::")]
    if any(NAMED.get(resource.type, "") in resource.properties for resource in types):
        return ("CAPABILITY_NAMED_IAM",)
    return ("CAPABILITY_IAM",) if types else ()


def check_capabilities(template: Template, given: Iterable[str]) -> None:
    """InsufficientCapabilitiesException unless the caller acknowledges what the template needs."""
    acknowledged = set(given)
    if "CAPABILITY_NAMED_IAM" in acknowledged:
        acknowledged.add("CAPABILITY_IAM")
    if missing := [each for each in capabilities(template) if each not in acknowledged]:
        raise ServiceError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]")


def shown(parameters: Mapping[str, Parameter]) -> list[dict[str, str]]:
    """Parameters as descriptions list them."""
    return [{"ParameterKey": name, **each.shown()} for name, each in parameters.items()]


def paged(items: list[Any], params: Params, size: int = 100) -> tuple[list[Any], dict[str, str]]:
    """One page of `items`, and NextToken where more follow."""
    token = str(params.get("NextToken") or "0")
    if not token.isdigit():
        raise invalid(f"Token {token} is invalid")
    start = int(token)
    rest = {"NextToken": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], rest
