"""The alarms that a file of tests is about, as the requests that create them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import config as configuration
from core.alarmtests.document import DocumentError, Problem, Source, SourceKind
from core.alarmtests.tables import meant
from core.catalogue.alarm import Severity, name_prefix
from core.catalogue.facts import Facts, facts
from core.cloudwatch import alarms as rules
from core.cloudwatch import composite, expression
from core.cloudwatch.alarms import MetricPlan
from core.cloudwatch.datums import Dimensions
from core.cloudwatch.queries import Stat
from core.cloudwatch.refusal import Refusal
from core.cloudwatch.requests import request
from core.config import Config
from core.toml_places import Place
from local.alarmtests import templates
from local.alarmtests.templates import Request, TemplateError
from stacks import deployed

SeriesKey = tuple[str, str, Dimensions]
"""Namespace, name and dimensions."""
TOPIC = "arn:aws:sns:us-east-1:123456789012:"


@dataclass(frozen=True, slots=True)
class Alarms:
    """A source's alarms by name, children before composites. `config` and `facts` are a configuration's alone."""

    requests: Mapping[str, Request]
    detectors: tuple[Request, ...] = ()
    mute_rules: tuple[Request, ...] = ()
    prefix: str = ""
    config: Config | None = None
    facts: Mapping[str, Facts] | None = None

    def named(self, name: str) -> str | None:
        """The whole name of an alarm that a test calls `name`: its own, or that without the deployment's prefix."""
        return next((known for known in (name, self.prefix + name) if known in self.requests), None)

    def unknown(self, name: str) -> str:
        """What is said of a name that no alarm has."""
        short = [known.removeprefix(self.prefix) for known in self.requests]
        known = ", ".join(short) if len(short) <= 40 else f"{len(short)} alarms"
        return f"there is no alarm {name!r}{meant(name, [*short, *self.requests])}; known: {known}"

    def family(self, names: set[str]) -> dict[str, Request]:
        """The alarms of these names, and all that composites among them rest on."""
        wanted = set(names)
        for name in reversed(list(self.requests)):
            if name in wanted:
                wanted |= set(_children(self.requests[name]))
        return {name: request for name, request in self.requests.items() if name in wanted}

    def mutes(self, names: set[str]) -> tuple[Request, ...]:
        """The mute rules of alarms among `names`, each with these alarms only."""
        found: list[Request] = []
        for rule in self.mute_rules:
            targets = [name for name in rule.params.get("MuteTargets", {}).get("AlarmNames", []) if name in names]
            if targets:
                found.append(Request(rule.operation, rule.params | {"MuteTargets": {"AlarmNames": targets}}))
        return tuple(found)

    def reads(self) -> frozenset[SeriesKey] | None:
        """The series that the alarms read: namespace, name, dimensions. None: they may read any (SEARCH, SELECT)."""
        found: set[SeriesKey] = set()
        for one in self.requests.values():
            if one.operation == "PutMetricAlarm":
                stats = _stats(one.params)
                if stats is None:
                    return None
                found.update((stat.namespace, stat.name, stat.dimensions) for stat in stats)
        return frozenset(found)

    def calls(self) -> frozenset[str]:
        """What the alarms read that is not in the metric store: calls, as `expression.render` writes them."""
        plans = (_plan(one.params) for one in self.requests.values() if one.operation == "PutMetricAlarm")
        queries = (query for plan in plans if plan is not None for query in plan.queries)
        return frozenset(expression.render(call) for query in queries for call in query.sources)


def load(source: Source, folder: Path) -> Alarms:
    """The alarms of a source whose path is relative to `folder`. Raises DocumentError at the place that names it."""
    path = folder / source.path
    try:
        if source.kind is SourceKind.TEMPLATE:
            return _of_template(path)
        return of_config(configuration.load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _error(source.place, f"cannot read {path}: {error.strerror}") from error
    except (configuration.ConfigError, TemplateError, UnicodeDecodeError) as error:
        raise _error(source.place, f"{path}: {error}") from error


def of_config(config: Config) -> Alarms:
    """A configuration's alarms, mlwarden's own with logical names in their dimensions."""
    alarms = deployed.alarms(config)
    topics = {severity.value: TOPIC + severity.value for severity in Severity}
    return Alarms(
        requests={alarm.name: _request(alarm, config, topics) for alarm in alarms},
        prefix=name_prefix(config.deployment.stage),
        config=config,
        facts={fact.name: fact for fact in facts(alarms)},
    )


def _request(alarm: Any, config: Config, topics: Mapping[str, str]) -> Request:
    params = request(alarm, runbooks=config.deployment.runbooks, topics=topics)
    return Request("PutCompositeAlarm" if "AlarmRule" in params else "PutMetricAlarm", params)


def _of_template(path: Path) -> Alarms:
    found = templates.read(path)
    alarms = {one.name: one for one in found if one.operation == "PutMetricAlarm"}
    waiting = {one.name: one for one in found if one.operation == "PutCompositeAlarm"}
    while ready := [name for name, one in waiting.items() if not waiting.keys() & set(_children(one))]:
        alarms |= {name: waiting.pop(name) for name in ready}
    # What rests on itself is put up last, and refused there in CloudWatch's words.
    alarms |= waiting
    return Alarms(
        alarms,
        detectors=tuple(one for one in found if one.operation == "PutAnomalyDetector"),
        mute_rules=tuple(one for one in found if one.operation == "PutAlarmMuteRule"),
    )


def _children(one: Request) -> tuple[str, ...]:
    if one.operation != "PutCompositeAlarm":
        return ()
    suppressor = one.params.get("ActionsSuppressor")
    held = (composite.alarm_name(str(suppressor)),) if suppressor else ()
    try:
        return (*composite.children(composite.parse(str(one.params.get("AlarmRule", "")))), *held)
    except composite.RuleError:
        return held


def _stats(params: Mapping[str, Any]) -> tuple[Stat, ...] | None:
    """The statistics that an alarm reads; None where that depends on the data, or CloudWatch will refuse it."""
    plan = _plan(params)
    if plan is None:
        return None
    queries = plan.queries
    if any(query.select is not None for query in queries):
        return None
    found = tuple(query.stat for query in queries if query.stat is not None)
    return found if found or any(query.sources for query in queries) else None


def _plan(params: Mapping[str, Any]) -> MetricPlan | None:
    """The alarm; None where CloudWatch will refuse it."""
    try:
        return rules.plan(params)
    except Refusal:
        return None


def _error(place: Place, text: str) -> DocumentError:
    return DocumentError((Problem(place, text),))
