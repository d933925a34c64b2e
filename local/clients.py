"""boto3 clients of the embedded AWS, kept while they are needed and closed after."""

import os
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

SECRET = "embedded"
"""Signatures are not checked."""
ADMINISTRATOR = "AKIAMLWARDENADMIN"
"""An access key that belongs to no role: everything is allowed to it."""

_NOTHING_OF_THE_DEVELOPERS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables: (name in the file, environment variable, default, conversion)."""
_MODELS = botocore.loaders.create_loader()
"""Keeps the services' models once read; to read them anew would be half of a deployment's time."""


class Clients:
    """Clients by service name, for one access key. Close them when done: they hold connections."""

    def __init__(self, *, url: str, region: str, access_key: str = ADMINISTRATOR) -> None:
        core = botocore.session.Session(session_vars=_NOTHING_OF_THE_DEVELOPERS)
        core.register_component("data_loader", _MODELS)
        self._session = boto3.Session(
            aws_access_key_id=access_key,
            aws_secret_access_key=SECRET,
            region_name=region,
            botocore_session=core,
        )
        self._url = url
        self._open: dict[str, Any] = {}

    def get(self, service: str) -> Any:
        """The client of `service`. It does not retry: an error of the embedded AWS is an answer."""
        if service not in self._open:
            self._open[service] = self._session.client(
                service,
                endpoint_url=self._url,
                config=Config(proxies={}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._open[service]

    def close(self) -> None:
        """Close every connection."""
        for client in self._open.values():
            client.close()
        self._open.clear()
