"""Every shipped alarm is proven to fire and to stay quiet, by the TOML files beside this module."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.alarmtests import reader, report
from core.alarmtests.document import Expected
from core.catalogue import endpoint_alarms, host_alarms, platform
from core.cloudwatch.state import State
from local.alarmtests import runner, sources

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.toml"))
CONDITIONS = [
    *(("endpoint", condition) for condition in endpoint_alarms.CONDITIONS),
    *(("host", condition) for condition in host_alarms.CONDITIONS),
    *(("platform", condition) for condition in platform.CONDITIONS),
]


@dataclass(frozen=True)
class Proof:
    kind: str
    condition: str
    fires: bool
    quiet: bool


def proofs() -> Iterator[Proof]:
    for path in FILES:
        document = reader.read(path.read_text(encoding="utf-8"))
        alarms = sources.load(document.source, path.parent)
        for case in document.cases:
            for row in case.expected:
                fact = (alarms.facts or {})[alarms.named(row.alarm) or ""]
                yield Proof(fact.subject.kind, fact.condition, fires=fires(row), quiet=quiet(row))


def fires(row: Expected) -> bool:
    return any(moment.state is State.ALARM for moment in (*row.states, *(row.transitions or ())))


def quiet(row: Expected) -> bool:
    """All its transitions are given, it gets to OK, and never to ALARM."""
    return bool(row.transitions) and not fires(row)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_alarms_do_what_their_tests_say(path: Path) -> None:
    result = runner.run_file(path)

    assert result.error is None, report.text([result])
    assert not result.failed, report.text([result])


@pytest.mark.parametrize("kind,condition", CONDITIONS)
def test_a_shipped_condition_has_a_test_that_fires_it_and_one_that_keeps_it_quiet(kind: str, condition: str) -> None:
    found = [proof for proof in proofs() if (proof.kind, proof.condition) == (kind, condition)]

    assert any(proof.fires for proof in found), f"no test in {FOLDER.name}/*.toml fires {condition} of a {kind}"
    assert any(proof.quiet for proof in found), f"no test in {FOLDER.name}/*.toml keeps {condition} of a {kind} quiet"


def test_all_shipped_tests_run_in_a_moment() -> None:
    results = [runner.run_file(path) for path in FILES]

    assert sum(result.seconds for file in results for result in file.results) < 5
