import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from local.viewer import app
from local.world import World
from tests.cloudwatch.fakes import FakeWorld

Show = Callable[..., None]


@pytest.fixture
def world() -> FakeWorld:
    """A real clock and a real embedded CloudWatch; only what CloudWatch would notify is faked."""
    return FakeWorld()


@pytest.fixture
def client(world: FakeWorld) -> FlaskClient:
    return app.application(cast(World, world)).test_client()


@pytest.fixture
def show(world: FakeWorld) -> Show:
    """Puts a dashboard of these widgets; their places are of no interest here."""

    def put(*widgets: tuple[str, dict[str, Any]], name: str = "mlwarden-test-fleet") -> None:
        placed = [{"type": kind, "properties": properties} for kind, properties in widgets]
        world.call("PutDashboard", DashboardName=name, DashboardBody=json.dumps({"widgets": placed}))

    return put
