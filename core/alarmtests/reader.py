"""A file of alarm tests from its TOML text, strictly: every problem with its line and column, all of them at once."""

import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from core.alarmtests.document import (
    Act,
    Case,
    Contributors,
    Document,
    DocumentError,
    Expected,
    ExpectedMessage,
    Input,
    Moment,
    Problem,
    Source,
    SourceKind,
)
from core.alarmtests.tables import Findings, Table, meant
from core.cloudwatch import expression
from core.cloudwatch.state import State
from core.toml_places import Place, places

FILE = ("config", "template", "interval", "start", "namespace", "dimensions", "tests")
CASE = ("name", "interval", "start", "until", "namespace", "dimensions", "series", "expect", "messages")
SERIES = ("metric", "values", "namespace", "dimensions", "unit")
SOURCE = ("source", "values", "label")
EXPECT = ("alarm", "states", "transitions", "actions", "contributors")
MESSAGE = ("at", "topic", "subject", "body")
CONTRIBUTORS = ("at", "are")
_TOPICS = ("critical", "warning", "info")
_START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday, midnight."""
_MINUTE = timedelta(minutes=1)
_LONGEST = timedelta(days=31)
_SYNTAX = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


def read(text: str) -> Document:
    """The tests in a file's text. Raises DocumentError with every problem."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError((_syntax(str(error), text),)) from None
    findings = Findings(places(text))
    document = _document(Table(raw, (), findings))
    if findings.problems:
        raise DocumentError(tuple(findings.problems))
    return document


def _syntax(message: str, text: str) -> Problem:
    found = _SYNTAX.fullmatch(message)
    if found is None:
        return Problem(Place(1, 1), message)
    lines = text.splitlines() or [""]
    at = Place(int(found["line"]), int(found["column"])) if found["line"] else Place(len(lines), len(lines[-1]) + 1)
    return Problem(at, f"not TOML: {found['what']}")


def _document(table: Table) -> Document:
    table.only("the file", FILE, ("tests",))
    given = [kind for kind in SourceKind if table.has(kind)]
    if len(given) != 1:
        table.problem(
            table.place_of(given[-1]) if given else Place(1, 1), "exactly one of config and template is needed"
        )
    kind = given[0] if given else SourceKind.CONFIG
    source = Source(kind, table.text(kind), table.place_of(kind))
    cases = tuple(_case(case, table) for case in table.tables("tests"))
    names: set[str] = set()
    for case in cases:
        if case.name in names:
            table.problem(case.place, f"two tests are called {case.name!r}")
        names.add(case.name)
    if table.has("tests") and not cases:
        table.problem(table.place_of("tests"), "there are no tests; [[tests]] begins one")
    return Document(source, cases)


def _case(table: Table, file: Table) -> Case:
    table.only("a test", CASE, ("name", "expect"))
    interval = table.span("interval", file.span("interval", _MINUTE))
    seconds = interval.total_seconds()
    if not seconds or (seconds % 60 and 60 % seconds):
        table.problem(table.place_of("interval"), "interval divides a minute or is a number of whole minutes")
    inputs = tuple(_input(series, table, file) for series in table.tables("series"))
    expected = tuple(_expected(row) for row in table.tables("expect"))
    messages = tuple(_message(row) for row in table.tables("messages")) if table.has("messages") else None
    times = [moment.at for row in expected for moment in (*row.states, *(row.transitions or ()))]
    times += [act.at for row in expected for act in row.actions or ()]
    times += [found.at for row in expected for found in row.contributors]
    times += [message.at for message in messages or ()]
    last = max((*times, *(interval * len(one.periods) for one in inputs)), default=timedelta())
    until = table.span("until", last)
    for time in times:
        if time > until:
            table.problem(table.place_of("until"), "something is expected after the test's end")
            break
    if until > _LONGEST:
        table.problem(table.place, f"a test lasts at most {_LONGEST.days} days")
    start = _start(table if table.has("start") else file)
    return Case(table.text("name"), interval, start, until, inputs, expected, messages, table.place)


def _start(table: Table) -> datetime:
    value: Any = table.raw("start")
    if value is None:
        return _START
    if not isinstance(value, datetime) or value.tzinfo is None or value.second or value.microsecond:
        table.problem(table.place_of("start"), "start is a whole minute with its offset, such as 2026-01-05T00:00:00Z")
        return _START
    return value.astimezone(UTC)


def _input(table: Table, case: Table, file: Table) -> Input:
    if table.has("source"):
        return _given(table)
    table.only("a series", (*SERIES, "source"), ("metric", "values"))
    namespace = table.text("namespace") or case.text("namespace") or file.text("namespace")
    if not namespace:
        table.problem(table.place, "the series has no namespace: neither its own nor one of the test or the file")
    inherited = next((one for one in (table, case, file) if one.has("dimensions")), table)
    return Input(
        namespace=namespace,
        metric=table.text("metric"),
        dimensions=tuple(sorted(inherited.pairs("dimensions"))),
        unit=table.text("unit"),
        periods=table.periods("values"),
        place=table.place,
    )


def _given(table: Table) -> Input:
    """A series of what LAMBDA, DB_PERF_INSIGHTS or INSIGHT_RULE_METRIC reads."""
    table.only("a source's series", SOURCE, ("values",))
    call = ""
    try:
        call = expression.source_call(table.text("source"))
    except expression.ExpressionError as error:
        table.problem(table.inside("source", error.position), error.message)
    return Input("", table.text("label"), (), "", table.periods("values"), table.place, call)


def _expected(table: Table) -> Expected:
    table.only("an expectation", EXPECT, ("alarm",))
    if not any(table.has(key) for key in EXPECT[1:]):
        table.problem(table.place, f"nothing is expected of the alarm; give one of {', '.join(EXPECT[1:])}")
    return Expected(
        alarm=table.text("alarm"),
        states=_moments(table, "states"),
        transitions=_moments(table, "transitions") if table.has("transitions") else None,
        actions=_acts(table) if table.has("actions") else None,
        contributors=tuple(_contributors(row) for row in table.tables("contributors")),
        place=table.place,
        name_place=table.place_of("alarm"),
    )


def _moments(table: Table, key: str) -> tuple[Moment, ...]:
    found: list[Moment] = []
    for text, place in table.texts(key):
        at, state = _pair(table, text, place, "3m ALARM")
        if state and state not in tuple(State):
            known = ", ".join(State)
            table.problem(place, f"{key}: {state!r} is not a state{meant(state, State)}; known: {known}")
            continue
        if state:
            found.append(Moment(at, State(state), place))
    _in_order(table, found, key)
    return tuple(found)


def _acts(table: Table) -> tuple[Act, ...]:
    found: list[Act] = []
    for text, place in table.texts("actions"):
        at, target = _pair(table, text, place, "3m critical")
        if target:
            found.append(Act(at, target, place))
    _in_order(table, found, "actions")
    return tuple(found)


def _pair(table: Table, text: str, place: Place, right: str) -> tuple[timedelta, str]:
    words = text.split()
    if len(words) != 2:
        table.problem(place, f"{text!r} is not a time and a word; {right!r} would be right")
        return timedelta(), ""
    return table.read_span(words[0], place, timedelta()), words[1]


def _in_order(table: Table, found: Sequence[Moment | Act], key: str) -> None:
    for before, after in pairwise(found):
        if after.at < before.at:
            table.problem(after.place, f"{key} are in the order of their times")


def _contributors(table: Table) -> Contributors:
    table.only("contributors", CONTRIBUTORS, CONTRIBUTORS)
    attributes = tuple(tuple(sorted(row.own_pairs())) for row in table.tables("are"))
    return Contributors(table.span("at", timedelta()), tuple(sorted(attributes)), table.place)


def _message(table: Table) -> ExpectedMessage:
    table.only("a message", MESSAGE, ("at",))
    topic = table.text("topic")
    if topic and topic not in _TOPICS:
        known = ", ".join(_TOPICS)
        table.problem(table.place_of("topic"), f"{topic!r} is not a topic{meant(topic, _TOPICS)}; known: {known}")
    return ExpectedMessage(
        at=table.span("at", timedelta()),
        topic=topic,
        subject=tuple(text for text, _ in table.texts("subject")),
        body=tuple(text for text, _ in table.texts("body")),
        place=table.place,
    )
