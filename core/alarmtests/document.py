"""One file of alarm tests as values. `reader` makes them from TOML; docs/testing-alarms.md is the language's manual."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.cloudwatch.notation import Period
from core.cloudwatch.state import State
from core.toml_places import Place


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file."""

    place: Place
    text: str


class DocumentError(Exception):
    """A file cannot be run; `problems` has everything that was found wrong with it, in its order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.place.line, problem.place.column)))


class SourceKind(StrEnum):
    """Where the alarms come from."""

    CONFIG = "config"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Source:
    """The configuration, or the CloudFormation template or cloud assembly, whose alarms are tested."""

    kind: SourceKind
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Input:
    """One series: its first period starts at the test's time 0.

    `source` is the call of metric math that the series answers, as `expression.render` writes it, and `metric` then
    its label; empty for a metric.
    """

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    periods: tuple[Period, ...]
    place: Place
    source: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A state at a time after the test's start, or a change into it then."""

    at: timedelta
    state: State
    place: Place


@dataclass(frozen=True, slots=True)
class Act:
    """An alarm action carried out; `target` is the last part of its ARN: a topic's or function's name."""

    at: timedelta
    target: str
    place: Place


@dataclass(frozen=True, slots=True)
class Contributors:
    """The contributors in ALARM at a time, each as its attributes."""

    at: timedelta
    attributes: tuple[tuple[tuple[str, str], ...], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one alarm. `transitions` and `actions` are all there are, in order; None: not looked at."""

    alarm: str
    states: tuple[Moment, ...]
    transitions: tuple[Moment, ...] | None
    actions: tuple[Act, ...] | None
    contributors: tuple[Contributors, ...]
    place: Place
    name_place: Place


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """One message to people: its topic's severity, and texts that its subject and body contain."""

    at: timedelta
    topic: str
    subject: tuple[str, ...]
    body: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """One test. The alarms are created at `start`; it ends at `until` after that."""

    name: str
    interval: timedelta
    start: datetime
    until: timedelta
    inputs: tuple[Input, ...]
    expected: tuple[Expected, ...]
    messages: tuple[ExpectedMessage, ...] | None
    place: Place


@dataclass(frozen=True, slots=True)
class Document:
    """A file's tests, all of one source."""

    source: Source
    cases: tuple[Case, ...]
