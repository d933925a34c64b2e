"""What `doctor` says: one line a thing looked at, and what helps where it is not right."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How it is."""

    GOOD = "good"
    ABSENT = "none"
    """Nothing of the kind is here, and nothing is asked of it."""
    WARNING = "warning"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True)
class Finding:
    """`thing` was looked at and is as `said`; `fix` says what helps."""

    thing: str
    mark: Mark
    said: str
    fix: str = ""


def show(findings: Iterable[Finding]) -> Iterator[str]:
    """The lines, each as soon as its finding is there."""
    for finding in findings:
        yield f"{finding.mark:<8} {finding.thing:<18} {' '.join(finding.said.split())}"
        if finding.fix:
            yield f"{'':<8} {'':<18} -> {finding.fix}"
