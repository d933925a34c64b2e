"""A served world, and CloudWatch clients that are made to speak one protocol."""

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import Loader

from local import server
from local.clock import Clock

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PROTOCOLS = ("json", "query", "smithy-rpc-v2-cbor")


class Speaking(Loader):  # type: ignore[misc]  # botocore has no annotations
    """Loads service models that know one protocol alone."""

    def __init__(self, protocol: str) -> None:
        super().__init__()
        self._protocol = protocol

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name != "service-2":
            return model
        model = copy.copy(model)
        one = {"protocol": self._protocol, "protocols": [self._protocol]}
        model["metadata"] = model["metadata"] | one
        if self._protocol == "query":
            model["metadata"].pop("awsQueryCompatible")
        return model


@pytest.fixture
def running() -> Iterator[server.Running]:
    with server.start(clock=Clock(START)) as started:
        yield started


@pytest.fixture
def speaking(running: server.Running) -> Iterator[Callable[..., Any]]:
    """A CloudWatch client of the world by protocol."""
    made: list[Any] = []

    def make(protocol: str, region: str = "us-east-1", **config: Any) -> Any:
        session = botocore.session.get_session()
        session.register_component("data_loader", Speaking(protocol))
        client = session.create_client(
            "cloudwatch",
            endpoint_url=running.url,
            region_name=region,
            aws_access_key_id="admin",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, **config),
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture(params=PROTOCOLS)
def client(request: pytest.FixtureRequest, speaking: Callable[..., Any]) -> Any:
    """The same tests for every protocol."""
    return speaking(request.param)
