"""Lambda functions, their event source mappings and the outcome of an invocation, as values."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Code:
    """A deployment package: a zip file or a folder, and the SHA-256 (hex) that names its content."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer version; `code` holds `python/` at its top."""

    arn: str
    code: Code


@dataclass(frozen=True, slots=True)
class AsyncConfig:
    """What becomes of an asynchronous event that fails.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    retries: int = 2
    maximum_age: timedelta = timedelta(hours=6)
    on_failure: str = ""
    """ARN of a queue, topic, function or bus; "" for none."""
    on_success: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as CreateFunction describes it. Defaults are AWS's."""

    name: str
    handler: str
    role_arn: str
    code: Code
    runtime: str
    layers: tuple[Layer, ...] = ()
    timeout: timedelta = timedelta(seconds=3)
    memory_mb: int = 128
    environment: dict[str, str] = field(default_factory=dict)
    description: str = ""
    architecture: str = "x86_64"
    log_group: str = ""
    """"" means `/aws/lambda/<name>`."""
    log_format: str = "Text"
    log_level: str = ""
    """The application log level of JSON logging; "" leaves it to the function."""
    dead_letter_arn: str = ""
    tracing: str = "PassThrough"
    reserved_concurrency: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    asynchronous: AsyncConfig = AsyncConfig()


@dataclass(frozen=True, slots=True)
class Mapping:
    """An event source mapping from a queue to a function."""

    uuid: str
    function_name: str
    source_arn: str
    batch_size: int = 10
    window: timedelta = timedelta(0)
    report_batch_item_failures: bool = False
    enabled: bool = True
    maximum_concurrency: int | None = None
    filters: tuple[str, ...] = ()
    """EventBridge patterns as JSON; a record that matches none is dropped."""


class AuthType(StrEnum):
    """Who may ask at a function URL."""

    NONE = "NONE"
    AWS_IAM = "AWS_IAM"


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A function URL; `id` is what its host name begins with on AWS."""

    id: str
    function_name: str
    region: str
    auth_type: AuthType


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one run of a handler gave. `value` is its result, or AWS's error object when `error` is not ""."""

    value: Any
    error: str = ""
    """"" or `Unhandled`, as the header X-Amz-Function-Error says it."""
    logs: tuple[str, ...] = ()
    duration_ms: float = 0.0
    request_id: str = ""
