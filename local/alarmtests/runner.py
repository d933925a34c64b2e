"""Runs files of alarm tests: each test on a stage of its own, from its time 0 to its end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.alarmtests import reader, verdict
from core.alarmtests.document import Case, Document, DocumentError, Expected, Input, Problem
from core.alarmtests.record import Evidence, Record, Seen, datapoints
from core.alarmtests.report import FileResult, Result
from core.cloudwatch import composite
from core.cloudwatch.notation import Folded, Period, Samples
from core.toml_places import Place
from local.alarmtests import sources
from local.alarmtests.mailbox import Mailbox
from local.alarmtests.sources import Alarms, SeriesKey
from local.alarmtests.stage import Stage
from local.alarmtests.templates import Request
from local.clock import Order
from local.cloudwatch.records import CompositeAlarm
from local.errors import ServiceError

_MINUTE = timedelta(minutes=1)


def run_file(path: Path, only: str = "") -> FileResult:
    """Run the tests of a file whose names contain `only`. What is wrong with the file is in the result."""
    label = str(path)
    try:
        document = reader.read(path.read_text(encoding="utf-8"))
        alarms = sources.load(document.source, path.parent)
        cases = _resolved(document, alarms)
        return FileResult(label, tuple(_run(case, alarms) for case in cases if only in case.name))
    except OSError as error:
        reason = "the folder has no *.toml in it" if path.is_dir() else f"cannot be read: {error.strerror}"
        problem = Problem(Place(1, 1), reason)
        return FileResult(label, error=DocumentError((problem,)))
    except UnicodeDecodeError as error:
        problem = Problem(Place(1, 1), f"not UTF-8 at byte {error.start}")
        return FileResult(label, error=DocumentError((problem,)))
    except DocumentError as error:
        return FileResult(label, error=error)


def _resolved(document: Document, alarms: Alarms) -> tuple[Case, ...]:
    """The cases with alarms' whole names. Raises DocumentError for what this source cannot answer."""
    problems: list[Problem] = []
    read, calls = alarms.reads(), alarms.calls()
    cases = []
    for case in document.cases:
        if case.messages is not None and alarms.config is None:
            problems.append(Problem(case.place, "messages need a configuration's alarms, not a template's"))
        problems += [
            Problem(one.place, f"no alarm reads {one.source}; they read {', '.join(sorted(calls)) or 'no such source'}")
            for one in case.inputs
            if one.source and one.source not in calls
        ]
        if read is not None:
            problems += [Problem(one.place, _unread(one, read)) for one in _metrics(case) if _key(one) not in read]
        cases.append(_named(case, alarms, problems))
    if problems:
        raise DocumentError(tuple(problems))
    return tuple(cases)


def _named(case: Case, alarms: Alarms, problems: list[Problem]) -> Case:
    expected: list[Expected] = []
    for row in case.expected:
        name = alarms.named(row.alarm)
        if name is None:
            problems.append(Problem(row.name_place, alarms.unknown(row.alarm)))
        expected.append(replace(row, alarm=name or row.alarm))
    return replace(case, expected=tuple(expected))


def _metrics(case: Case) -> list[Input]:
    return [one for one in case.inputs if not one.source]


def _key(one: Input) -> SeriesKey:
    return one.namespace, one.metric, one.dimensions


def _unread(one: Input, read: frozenset[SeriesKey]) -> str:
    alike = sorted(key for key in read if key[:2] == (one.namespace, one.metric))
    if alike:
        spoken = " or ".join(_spoken(key[2]) for key in alike[:3])
        return f"no alarm reads {one.metric} with the dimensions {_spoken(one.dimensions)}; they read it with {spoken}"
    known = ", ".join(sorted({f"{name[0]} {name[1]}" for name in read}))
    return f"no alarm reads {one.namespace} {one.metric}; they read {known}"


def _spoken(dimensions: tuple[tuple[str, str], ...]) -> str:
    return "{" + ", ".join(f"{name}={value}" for name, value in dimensions) + "}"


def _run(case: Case, alarms: Alarms) -> Result:
    began = time.perf_counter()
    stage = Stage(case.start)
    if case.messages is not None:
        stage.watch = Mailbox(stage, alarms).take
    wanted = {row.alarm for row in case.expected}
    family = alarms.family(wanted)
    for request in (*alarms.detectors, *family.values(), *alarms.mutes(set(family))):
        _ask(stage, request, case)
    _feed(stage, case)
    contributors = _advance(stage, case)
    record = Record(tuple(stage.changes), tuple(stage.actions), tuple(stage.messages), contributors)
    failures = verdict.check(case, record, lambda name, at: _why(stage, record, name, at))
    return Result(case.name, case.place.line, failures, time.perf_counter() - began)


def _ask(stage: Stage, request: Request, case: Case) -> None:
    try:
        stage.cloudwatch.handle(request.operation, dict(request.params))
    except ServiceError as error:
        text = f"CloudWatch refuses {request.name or request.operation}: {error.code}: {error.message}"
        raise DocumentError((Problem(case.place, text),)) from error


def _feed(stage: Stage, case: Case) -> None:
    """Send each period's datums a minute after its start or at its end, before the evaluations of that instant."""
    seconds = case.interval.total_seconds()
    resolution = {} if case.interval >= _MINUTE else {"StorageResolution": 1}
    for number in range(max((len(one.periods) for one in case.inputs), default=0)):
        at = case.start + case.interval * number
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        given: list[tuple[str, str, dict[str, Any]]] = []
        for one in case.inputs:
            period = one.periods[number] if number < len(one.periods) else None
            if period is not None:
                datum: dict[str, Any] = {
                    "MetricName": one.metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in one.dimensions],
                    "Timestamp": case.start.timestamp() + seconds * number,
                    **({"Unit": one.unit} if one.unit else {}),
                    **resolution,
                    **_content(period),
                }
                if one.source:
                    given.append((one.source, one.metric, datum))
                else:
                    by_namespace.setdefault(one.namespace, []).append(datum)
        if by_namespace or given:
            stage.clock.schedule(at + min(case.interval, _MINUTE), _Send(stage, by_namespace, given), Order.DATUMS)


class _Send:
    """Datums on their way."""

    def __init__(
        self,
        stage: Stage,
        datums: Mapping[str, list[dict[str, Any]]],
        given: Sequence[tuple[str, str, dict[str, Any]]],
    ) -> None:
        """`datums` by namespace; `given` are those of calls with their labels."""
        self._stage = stage
        self._datums = datums
        self._given = given

    def __call__(self) -> None:
        for namespace, datums in self._datums.items():
            self._stage.cloudwatch.put(namespace, datums)
        for call, label, datum in self._given:
            self._stage.cloudwatch.give(call, label, [datum])


def _content(period: Period) -> dict[str, Any]:
    match period:
        case Samples(values=((value, 1.0),)):
            return {"Value": value}
        case Samples(values=values):
            return {"Values": [value for value, _ in values], "Counts": [count for _, count in values]}
        case Folded(count, total, minimum, maximum):
            return {"StatisticValues": {"SampleCount": count, "Sum": total, "Minimum": minimum, "Maximum": maximum}}
        case None:
            return {}


def _advance(stage: Stage, case: Case) -> tuple[Seen, ...]:
    """Run to the end; stop where contributors are asked for, since only the present ones are known."""
    stops = sorted((found.at, row.alarm, found.place) for row in case.expected for found in row.contributors)
    seen: list[Seen] = []
    for at, alarm, place in stops:
        stage.clock.run_until(case.start + at)
        try:
            answer = stage.cloudwatch.handle("DescribeAlarmContributors", {"AlarmName": alarm})
        except ServiceError as error:
            problem = Problem(place, f"contributors of {alarm}: {error.code}: {error.message}")
            raise DocumentError((problem,)) from error
        found = tuple(tuple(sorted(one["ContributorAttributes"].items())) for one in answer["AlarmContributors"])
        seen.append(Seen(alarm, at, found))
    stage.clock.run_until(case.start + case.until)
    return tuple(seen)


def _why(stage: Stage, record: Record, name: str, at: timedelta) -> Evidence:
    """What decided an alarm's state at a time. The store has later data too, which no period of then reaches."""
    alarm = stage.cloudwatch.alarms.registry.find(name)
    if alarm is None:
        return Evidence("the alarm is gone")
    if isinstance(alarm, CompositeAlarm):
        states = [f"  {child} {record.state(child, at)}" for child in composite.children(alarm.rule)]
        return Evidence("\n".join((f"its rule is {alarm.params['AlarmRule']}, with", *states)))
    if alarm.plan.watch is not None:
        return Evidence("it watches many time series; test its contributors to see which of them alarm")
    seen = stage.cloudwatch.alarms.sight.look(alarm.plan, stage.start + at)
    starts = [datetime.fromtimestamp(boundary, UTC) for boundary in seen.boundaries[:-1]]
    return datapoints(alarm.plan.condition, starts=starts, values=seen.values, watched=seen.watched, bands=seen.bands)
