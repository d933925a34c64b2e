"""The AWS that the command line reads from: an account, or an embedded AWS."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import CommandError

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def get_metric_data(*, endpoint: str = "", region: str = "") -> Callable[..., dict[str, Any]]:
    """GetMetricData with the credentials of the environment; `endpoint` is a URL in place of the region's own.

    An endpoint on this machine is asked with credentials that open nothing else. Raises CommandError, here and from
    what is returned, with AWS's reason.
    """
    local = bool(endpoint) and urlsplit(endpoint).hostname in _LOOPBACK
    keys = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"} if local else {}
    try:
        session = boto3.Session(region_name=region or ("us-east-1" if local else None), **keys)
        proxies: dict[str, Any] = {"proxies": {}} if local else {}
        retries = {"mode": "standard", "total_max_attempts": 2 if local else 8}
        client = session.client("cloudwatch", endpoint_url=endpoint or None, config=Config(retries=retries, **proxies))
    except (BotoCoreError, ValueError) as error:
        raise CommandError(f"cannot ask CloudWatch: {error}") from error

    def call(**params: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = client.get_metric_data(**params)
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"GetMetricData failed: {error}") from error
        return answer

    return call
