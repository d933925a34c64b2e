from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Config
from tests.e2e.deployed import START, Deployed, deployed_at
from tests.e2e.story import Told, tell


@pytest.fixture
def deployed(assembly: Path, default_config: Config) -> Iterator[Deployed]:
    """A deployment of its own for one test."""
    with deployed_at(START, assembly, default_config) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def told(assembly: Path, default_config: Config) -> Told:
    """What happened in one run of the bad-deploy scenario, whose world has ended."""
    with deployed_at(START, assembly, default_config) as deployed:
        return tell(deployed)
