"""boto3 clients, one a service, made on first use and kept for the life of the process."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

TIMEOUTS = Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3})
"""Three attempts fit into a function's 30 seconds."""


@cache
def client(service: str, region: str | None = None) -> Any:
    """The client of `service` in the function's role; in its own region unless another is named."""
    return boto3.client(service, region_name=region, config=TIMEOUTS)
