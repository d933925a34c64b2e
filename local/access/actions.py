"""Which IAM actions on which resources an API call needs. Pure; it knows the calls that functions and agent make.

Source of actions and resources: the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The account and region that a call goes to."""

    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource; a `resource` that is an ARN already stays as it is."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Need:
    """One action that must be allowed on one resource; `context` holds the condition keys the call brings."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Mapper = Callable[[str, Params, Scope], tuple[Need, ...]]


def needs(service: str, operation: str, params: Params, scope: Scope) -> tuple[Need, ...] | None:
    """What the caller must be allowed to do: () where nothing is needed, None for a call not known here."""
    mapper = _MAPPERS.get(service)
    return mapper(operation, params, scope) if mapper is not None and operation else None


def _plain(prefix: str, resource: str = "*") -> Mapper:
    """A service whose actions are named like its operations and know no resources."""
    return lambda operation, _params, _scope: (Need(f"{prefix}:{operation}", resource),)


_ITEM_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


def _dynamodb(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    def table(name: str) -> str:
        return scope.arn("dynamodb", f"table/{name}")

    if operation in {"TransactWriteItems", "TransactGetItems"}:
        found = {
            (_ITEM_ACTIONS[kind], request["TableName"])
            for item in params.get("TransactItems", [])
            for kind, request in item.items()
        }
        return tuple(Need(f"dynamodb:{action}", table(name)) for action, name in sorted(found))
    if operation in {"BatchGetItem", "BatchWriteItem"}:
        return tuple(Need(f"dynamodb:{operation}", table(name)) for name in sorted(params.get("RequestItems", {})))
    if "TableName" not in params:
        return (Need(f"dynamodb:{operation}", "*"),)
    index = f"/index/{params['IndexName']}" if params.get("IndexName") else ""
    return (Need(f"dynamodb:{operation}", table(params["TableName"]) + index),)


def _sqs(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    name = str(params.get("QueueUrl", params.get("QueueName", "*"))).rstrip("/").rsplit("/", 1)[-1]
    return (Need(f"sqs:{operation.removesuffix('Batch')}", scope.arn("sqs", name)),)


def _sns(operation: str, params: Params, _scope: Scope) -> tuple[Need, ...]:
    topic = params.get("TopicArn") or params.get("TargetArn") or params.get("ResourceArn") or "*"
    return (Need(f"sns:{operation.removesuffix('Batch')}", str(topic)),)


def _cloudwatch(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    action = f"cloudwatch:{operation}"
    if operation == "PutMetricData":
        return (Need(action, "*", {"cloudwatch:namespace": (str(params.get("Namespace", "")),)}),)
    if operation in {"DescribeAlarms", "DescribeAlarmHistory", "DescribeAlarmContributors"} or "Alarm" in operation:
        names = params.get("AlarmNames") or [params["AlarmName"] if params.get("AlarmName") else "*"]
        return tuple(Need(action, scope.arn("cloudwatch", f"alarm:{name}")) for name in names)
    if "Dashboard" in operation and operation != "ListDashboards":
        names = params.get("DashboardNames") or [params.get("DashboardName", "*")]
        return tuple(Need(action, f"arn:aws:cloudwatch::{scope.account}:dashboard/{name}") for name in names)
    return (Need(action, str(params.get("ResourceARN", "*"))),)


# SageMaker's ARNs spell names in lower case: DescribeEndpoint of MyEndpoint is on endpoint/myendpoint.
_SAGEMAKER_NAMES = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "InferenceComponentName": "inference-component",
}


def _sagemaker(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    action = f"sagemaker:{operation}"
    if operation.startswith("List") and operation not in {"ListTags", "ListInferenceRecommendationsJobSteps"}:
        return (Need(action, "*"),)
    if "InferenceRecommendationsJob" in operation:
        return (Need(action, scope.arn("sagemaker", f"inference-recommendations-job/{params['JobName']}".lower())),)
    found = [
        Need(action, scope.arn("sagemaker", f"{kind}/{params[name]}".lower()))
        for name, kind in _SAGEMAKER_NAMES.items()
        if params.get(name)
    ]
    return tuple(found) or (Need(action, str(params.get("ResourceArn", "*"))),)


_S3_ACTIONS = {
    "HeadObject": "GetObject",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
}
_S3_KEY_ACTIONS = {
    "GetObject",
    "PutObject",
    "DeleteObject",
    "AbortMultipartUpload",
    "GetObjectTagging",
    "PutObjectTagging",
}


def _s3(operation: str, params: Params, _scope: Scope) -> tuple[Need, ...]:
    action = _S3_ACTIONS.get(operation, operation)
    if action == "ListAllMyBuckets":
        return (Need("s3:ListAllMyBuckets", "*"),)
    bucket = f"arn:aws:s3:::{params.get('Bucket', '*')}"
    if action in _S3_KEY_ACTIONS:
        return (Need(f"s3:{action}", f"{bucket}/{params.get('Key', '*')}"),)
    if action == "ListBucket":
        return (Need("s3:ListBucket", bucket, {"s3:prefix": (str(params.get("Prefix", "")),)}),)
    return (Need(f"s3:{action}", bucket),)


def _ssm(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    names = params.get("Names") or [params[key] for key in ("Name", "Path") if params.get(key)]
    if "Parameter" in operation and operation != "DescribeParameters":
        arns = [scope.arn("ssm", f"parameter/{str(name).lstrip('/')}") for name in names]
        return tuple(Need(f"ssm:{operation}", arn) for arn in arns)
    if operation == "SendCommand":
        document = scope.arn("ssm", f"document/{params['DocumentName']}")
        hosts = [scope.arn("ec2", f"instance/{host}") for host in params.get("InstanceIds", [])]
        return tuple(Need("ssm:SendCommand", arn) for arn in (document, *hosts))
    return (Need(f"ssm:{operation}", "*"),)


def _secretsmanager(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    secret = str(params.get("SecretId") or "*")
    if secret != "*" and not secret.startswith("arn:"):
        secret = scope.arn("secretsmanager", f"secret:{secret}")
    return (Need(f"secretsmanager:{operation}", secret),)


def _logs(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    if not (group := params.get("logGroupName")):
        return (Need(f"logs:{operation}", "*"),)
    stream = f":log-stream:{params['logStreamName']}" if params.get("logStreamName") else ""
    suffix = stream if operation != "CreateLogStream" else ""
    return (Need(f"logs:{operation}", scope.arn("logs", f"log-group:{group}{suffix or ':*'}")),)


# The Compute Optimizer calls below read the resources themselves in the caller's name.
# https://docs.aws.amazon.com/compute-optimizer/latest/ug/security-iam.html
_COMPUTE_OPTIMIZER_READS = {
    "GetEC2InstanceRecommendations": ("ec2:DescribeInstances",),
    "GetAutoScalingGroupRecommendations": (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
    ),
    "GetEBSVolumeRecommendations": ("ec2:DescribeVolumes",),
    "GetLambdaFunctionRecommendations": ("lambda:ListFunctions", "lambda:ListProvisionedConcurrencyConfigs"),
    "GetECSServiceRecommendations": ("ecs:ListServices", "ecs:ListClusters"),
}


def _compute_optimizer(operation: str, _params: Params, _scope: Scope) -> tuple[Need, ...]:
    actions = (f"compute-optimizer:{operation}", *_COMPUTE_OPTIMIZER_READS.get(operation, ()))
    return tuple(Need(action, "*") for action in actions)


def _lambda(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    action = "InvokeFunction" if operation in {"Invoke", "InvokeAsync"} else operation
    name = params.get("FunctionName")
    return (Need(f"lambda:{action}", scope.arn("lambda", f"function:{name}") if name else "*"),)


def _events(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    if operation == "PutEvents":
        buses = {str(entry.get("EventBusName") or "default") for entry in params.get("Entries", [])}
        arns = [scope.arn("events", f"event-bus/{bus}") for bus in sorted(buses)]
        return tuple(Need("events:PutEvents", arn) for arn in arns)
    rule = params.get("Name") or params.get("Rule")
    return (Need(f"events:{operation}", scope.arn("events", f"rule/{rule}") if rule else "*"),)


def _kms(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    key = str(params.get("KeyId", "*"))
    return (Need(f"kms:{operation}", key if key == "*" else scope.arn("kms", f"key/{key}")),)


def _sts(operation: str, params: Params, _scope: Scope) -> tuple[Need, ...]:
    if operation == "GetCallerIdentity":
        return ()  # needs no permission, by its page in the API reference
    return (Need(f"sts:{operation}", str(params.get("RoleArn", "*"))),)


def _cloudformation(operation: str, params: Params, scope: Scope) -> tuple[Need, ...]:
    name = str(params.get("StackName") or "*")
    stack = name if name == "*" else scope.arn("cloudformation", f"stack/{name}/*")
    role = params.get("RoleARN")
    passing = {"iam:PassedToService": ("cloudformation.amazonaws.com",)}
    return (
        Need(f"cloudformation:{operation}", stack),
        *((Need("iam:PassRole", str(role), passing),) if role else ()),
    )


_MAPPERS: dict[str, Mapper] = {
    "autoscaling": _plain("autoscaling"),
    "cloudformation": _cloudformation,
    "cloudwatch": _cloudwatch,
    "compute-optimizer": _compute_optimizer,
    "cost-optimization-hub": _plain("cost-optimization-hub"),
    "dynamodb": _dynamodb,
    "ec2": _plain("ec2"),
    "events": _events,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3,
    "sagemaker": _sagemaker,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
    "sts": _sts,
    "tagging": _plain("tag"),
}
