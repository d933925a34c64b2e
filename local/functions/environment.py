"""What a function's worker is started with: Lambda's environment variables, the import path, the layers."""

import os
from datetime import datetime
from pathlib import Path

from local.clients import SECRET
from local.functions.model import Function
from local.functions.packages import unpacked
from local.functions.runner import Start
from local.world import World


def log_group(function: Function) -> str:
    """The log group that a function writes to."""
    return function.log_group or f"/aws/lambda/{function.name}"


def log_stream(now: datetime, identity: str) -> str:
    """A log stream's name as Lambda makes it, one per worker."""
    return f"{now:%Y/%m/%d}/[$LATEST]{identity.replace('-', '')}"


def start(world: World, function: Function, *, access_key: str, stream: str, cache: Path) -> Start:
    """Unpack the function and its layers and say how its worker starts. Later layers overlay earlier ones."""
    root = unpacked(function.code, cache)
    layers = [unpacked(layer.code, cache) / "python" for layer in reversed(function.layers)]
    return Start(
        root=root,
        path=(root, *layers),
        handler=function.handler,
        environment={
            **function.environment,
            **_lambda(world, function, root, stream),
            **_isolation(),
            "AWS_ENDPOINT_URL": world.url,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": SECRET,
        },
    )


def _lambda(world: World, function: Function, root: Path, stream: str) -> dict[str, str]:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    return {
        "_HANDLER": function.handler,
        "AWS_DEFAULT_REGION": world.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        **({"AWS_LAMBDA_LOG_LEVEL": function.log_level} if function.log_level else {}),
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": world.region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }


def _isolation() -> dict[str, str]:
    """Keeps the developer's own AWS configuration and the network out of the worker."""
    found = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    if "LD_LIBRARY_PATH" in os.environ:  # some builds of Python do not start without
        found["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return found
