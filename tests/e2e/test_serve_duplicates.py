"""The loop when events and queues deliver everything twice and out of order: what is mailed stays the same."""

from pathlib import Path

import pytest

from core.config import Config
from local.world import Conditions
from tests.e2e.deployed import ONCALL, START, deployed_at
from tests.e2e.story import DEAD_LETTERS, Told, tell


@pytest.fixture(scope="module")
def doubled(assembly: Path, default_config: Config) -> Told:
    """The bad-deploy scenario, everything delivered twice."""
    with deployed_at(START, assembly, default_config, Conditions(duplicate_events=True)) as deployed:
        return tell(deployed)


def test_a_duplicate_is_never_mailed(doubled: Told, told: Told) -> None:
    def mailed(run: Told) -> list[tuple[str, str, str]]:
        return [(message.protocol, message.endpoint, message.subject.split(" (")[0]) for message in run.messages]

    assert [subject for _, _, subject in mailed(doubled)].count("[CRITICAL] ranker: high error rate") == 1
    assert sorted(each for each in mailed(doubled) if each[1] == ONCALL) == sorted(mailed(told))


def test_duplicates_are_no_failures(doubled: Told) -> None:
    errors = [entry.facts["error"] for entry in doubled.journal if entry.kind == "function" and entry.facts["error"]]

    assert errors == []
    assert doubled.denied == []
    assert {name: doubled.depths[name] for name in DEAD_LETTERS} == dict.fromkeys(DEAD_LETTERS, 0)
