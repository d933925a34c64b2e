"""AWS::Lambda: functions and layers. All in process."""

import dataclasses
import io
import re
import zipfile
from datetime import timedelta
from typing import Any

from local.deployer import assembly, assets
from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind
from local.functions.model import Code, Function, Layer


def _function(context: Context, p: Properties) -> Created:
    created = _declared(context, p)
    return Created(created.name, {"Arn": context.world.functions.create(created)})


def _function_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was
    functions = context.world.functions
    asynchronous = functions.get(existing.ref).asynchronous
    functions.replace(dataclasses.replace(_declared(context, p), asynchronous=asynchronous))
    return existing


def _delete_function(context: Context, p: Properties, existing: Created) -> None:
    del p
    context.world.functions.delete(existing.ref)


def _declared(context: Context, p: Properties) -> Function:
    name = p.text("FunctionName") or context.name(64)
    role = str(p.need("Role"))
    log = p.section("LoggingConfig")
    p.take("EphemeralStorage")  # the disk of a worker is the machine's
    p.take("RecursiveLoop")  # loops end by the clock's owner
    tags = {tag["Key"]: tag["Value"] for tag in context.tags(p)}
    created = Function(
        name=name,
        handler=p.text("Handler"),
        role_arn=role,
        code=_code(context, p.section("Code"), p.text("Handler")),
        runtime=p.text("Runtime"),
        layers=tuple(_layer_of(context, p, arn) for arn in p.texts("Layers")),
        timeout=timedelta(seconds=p.integer("Timeout", 3)),
        memory_mb=p.integer("MemorySize", 128),
        environment=p.section("Environment").mapping("Variables"),
        description=p.text("Description"),
        architecture=(p.texts("Architectures") or ["x86_64"])[0],
        log_group=log.text("LogGroup"),
        log_format=log.text("LogFormat", "Text"),
        log_level=log.text("ApplicationLogLevel"),
        dead_letter_arn=p.section("DeadLetterConfig").text("TargetArn"),
        tracing=p.section("TracingConfig").text("Mode", "PassThrough"),
        reserved_concurrency=p.integer("ReservedConcurrentExecutions") if "ReservedConcurrentExecutions" in p else None,
        tags=tags,
    )
    log.take("SystemLogLevel")  # of platform events, which are not written here
    _check(context, p, created)
    return created


def _check(context: Context, p: Properties, function: Function) -> None:
    """What CreateFunction refuses."""
    params: dict[str, Any] = {
        "FunctionName": function.name,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Role": function.role_arn,
        "Code": {"ZipFile": b""},
        "Timeout": int(function.timeout.total_seconds()),
        "MemorySize": function.memory_mb,
        "Environment": {"Variables": function.environment},
        "Architectures": [function.architecture],
        "LoggingConfig": {"LogFormat": function.log_format},
        "Layers": [layer.arn for layer in function.layers],
    }
    shapes.check(context, "lambda", "CreateFunction", params)
    if not function.runtime.startswith("python3."):
        raise DeployError(f"{p.path}.Runtime", f"only Python runs here, not {function.runtime!r}")
    if not context.world.access.check_trust(function.role_arn, "lambda.amazonaws.com"):
        raise DeployError(f"{p.path}.Role", "The role defined for the function cannot be assumed by Lambda.")
    if reserved := [key for key in function.environment if re.match(r"AWS_(LAMBDA|REGION|DEFAULT_REGION)", key)]:
        raise DeployError(f"{p.path}.Environment.Variables.{reserved[0]}", "Lambda reserves this variable")


def _code(context: Context, p: Properties, handler: str) -> Code:
    if "ZipFile" in p:
        return _inline(p.text("ZipFile"), handler)
    asset = context.asset(p, str(p.need("S3Bucket")), str(p.need("S3Key")))
    return Code(asset.path, asset.digest)


def _inline(source: str, handler: str) -> Code:
    """Source in the template itself: a package of one module, named as the handler wants it (index, on AWS)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(zipfile.ZipInfo(f"{handler.split('.')[0]}.py", (1980, 1, 1, 0, 0, 0)), source)
    content = buffer.getvalue()
    digest = assembly.digest(content)
    return Code(assets.keep(content, digest), digest)


def _layer_of(context: Context, p: Properties, arn: str) -> Layer:
    for layer in context.world.functions.layers:
        if layer.arn == arn:
            return layer
    raise DeployError(f"{p.path}.Layers", f"Layer version {arn} does not exist.")


def _layer_version(context: Context, p: Properties) -> Created:
    functions = context.world.functions
    name = p.text("LayerName") or context.name(64)
    content = p.section("Content")
    asset = context.asset(content, str(content.need("S3Bucket")), str(content.need("S3Key")))
    params = p.choose(
        {
            "CompatibleArchitectures": "CompatibleArchitectures",
            "CompatibleRuntimes": "CompatibleRuntimes",
            "Description": "Description",
            "LicenseInfo": "LicenseInfo",
        }
    )
    shapes.check(context, "lambda", "PublishLayerVersion", {"LayerName": name, "Content": {"ZipFile": b""}, **params})
    stem = f"arn:aws:lambda:{context.world.region}:{context.world.account}:layer:{name}"
    numbers = [int(layer.arn.rsplit(":", 1)[-1]) for layer in functions.layers if layer.arn.startswith(f"{stem}:")]
    number = 1 + max(numbers, default=0)
    arn = f"{stem}:{number}"
    functions.layers.append(Layer(arn, Code(asset.path, asset.digest)))
    return Created(arn, {"LayerVersionArn": arn})


def _delete_layer_version(context: Context, p: Properties, existing: Created) -> None:
    """Functions that use the version keep it, as on AWS."""
    del p
    layers = context.world.functions.layers
    layers[:] = [layer for layer in layers if layer.arn != existing.ref]


KINDS = {
    "AWS::Lambda::Function": Kind(_function, _delete_function, _function_again),
    "AWS::Lambda::LayerVersion": Kind(_layer_version, _delete_layer_version),
}
