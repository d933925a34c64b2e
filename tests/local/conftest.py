"""A served world on virtual time."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local import server
from local.clients import Clients
from local.clock import Clock
from local.server import Running
from local.world import World

START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def running() -> Iterator[Running]:
    """The embedded AWS, empty."""
    with server.start(clock=Clock(START)) as running:
        yield running


@pytest.fixture
def world(running: Running) -> World:
    """Its world."""
    return running.world


@pytest.fixture
def admin(running: Running) -> Iterator[Clients]:
    """Clients that may do everything."""
    clients = Clients(url=running.url, region=running.world.region)
    yield clients
    clients.close()
