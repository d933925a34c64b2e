"""`mlwarden incidents simulate`: timestamped events through the engine in virtual time, and who would be told what."""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli import incidents_events
from cli.assembly import load_config
from cli.errors import CommandError
from cli.incidents_events import Arrival, Expiry, Passed, Silencing, Step
from core.catalogue import alarms
from core.catalogue.alarm import Severity
from core.catalogue.facts import facts
from core.config import Config
from core.incidents import instants, policyfile
from core.incidents.alert import Alert
from core.incidents.deployments import implied
from core.incidents.engine import Engine
from core.incidents.labels import Labels, Sources
from core.incidents.notification import DigestLine, Notification, Reason
from core.incidents.policy import Pairs, Policy, Route, routes_of, takes
from core.incidents.signals import Signal

_HELD = frozenset({Reason.BRIEF, Reason.MUTED, Reason.INHIBITED, Reason.SILENCED, Reason.STORM, Reason.NO_RESOLVES})
"""Decisions to tell nobody of something; the others found nothing to tell."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of `mlwarden incidents`."""
    parser = commands.add_parser("simulate", help="replay events through routes, groups and silences, in virtual time")
    parser.add_argument("events", type=Path, metavar="EVENTS.jsonl", help="one event a line; - reads standard input")
    parser.add_argument("--config", type=Path, default=Path("config/default.toml"), help="whose routes and alarms")
    parser.add_argument("--json", action="store_true", help="print a JSON array instead of text")
    parser.add_argument(
        "--until", type=_instant, help="stop here, ISO 8601 (default: the last event + group_wait + group_interval)"
    )
    parser.add_argument("--no-flapping", action="store_true", help="tell of flapping alerts as of any other")
    parser.add_argument("--no-storm", action="store_true", help="hold nothing back for a digest")
    parser.add_argument(
        "--no-critical-joiners", action="store_true", help="let critical alerts wait for group_interval as others do"
    )
    parser.add_argument("--decisions", action="store_true", help="also say where nobody was told, and why")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay the file and print every notification."""
    config = load_config(options.config)
    policy = _policy(config, options)
    steps = incidents_events.read(options.events)
    simulation = Simulation(config, policy)
    told = list(simulation.replay(steps, until=options.until))
    held = simulation.held if options.decisions else []
    shown: list[Notification | Held] = sorted([*told, *held], key=lambda each: each.at)
    if options.json:
        print(json.dumps([as_json(each) for each in shown], indent=2, ensure_ascii=False))
    else:
        print("\n".join([*map(as_text, shown), *_closing(told, steps, simulation.until)]))
    return 0


def _policy(config: Config, options: argparse.Namespace) -> Policy:
    policy = policyfile.of(config)
    if options.no_flapping:
        policy = replace(policy, flapping=False)
    if options.no_storm:
        policy = replace(policy, storm_limit=0)
    return replace(policy, critical_joiners=False) if options.no_critical_joiners else policy


@dataclass(frozen=True, slots=True)
class Held:
    """A flush at which somebody might have been told and was not, and why."""

    at: datetime
    group: str
    receiver: str
    reason: Reason


class Simulation:
    """The engine fed with a file's steps; `until` is where the last replay stopped, `held` what it did not tell."""

    def __init__(self, config: Config, policy: Policy) -> None:
        self._policy = policy
        self._engine = Engine(policy)
        self._sources = Sources({entry.name: entry for entry in facts(alarms.compute(config))}, policy.stage)
        self._overrides: dict[Pairs, Pairs] = {}
        self._waits: dict[str, timedelta] = {}
        self.until = datetime.min.replace(tzinfo=UTC)
        self.held: list[Held] = []
        self._last: dict[str, Reason] = {}

    def replay(self, steps: Iterable[Step], *, until: datetime | None) -> Iterator[Notification]:
        """What is told, in order; what would happen after `until` does not."""
        last = datetime.min.replace(tzinfo=UTC)
        for step in steps:
            if until is not None and step.at > until:
                break
            last = step.at
            yield from self._take(step)
        self.until = until or last + max(self._waits.values(), default=timedelta(0))
        yield from self._tick(self.until)

    def _tick(self, now: datetime) -> Iterator[Notification]:
        yield from self._engine.tick(now)
        for at, key, flushed in self._engine.decisions:
            # A silence holds at every flush until its end: said once.
            if flushed.reason in _HELD and self._last.get(key) is not flushed.reason:
                self.held.append(Held(at, key, flushed.group.receiver, flushed.reason))
            self._last[key] = flushed.reason

    def _take(self, step: Step) -> Iterator[Notification]:
        match step:
            case Arrival():
                for signal in (step.signal, *implied(step.signal)):
                    yield from self._arrive(signal, step.labels, step.at)
            case Silencing():
                yield from self._tick(step.at)
                self._engine.silence(step.silence)
            case Expiry():
                yield from self._tick(step.at)
                self._expire(step)
            case Passed():
                yield from self._tick(step.at)

    def _arrive(self, signal: Signal, override: Pairs, now: datetime) -> Iterator[Notification]:
        known = self._sources.of(signal)
        if not takes(self._policy, known.labels):
            return
        # Labels are the source's: they stay until another line says otherwise.
        override = self._overrides[signal.identity] = override or self._overrides.get(signal.identity, ())
        pairs, labels = overridden(known.pairs, known.labels, override)
        for route in routes_of(self._policy, pairs):
            self._waits[route.id] = _wait(route)
        yield from self._tick(now)
        yield from self._engine.step(signal, pairs, labels, now=now)

    def _expire(self, step: Expiry) -> None:
        try:
            self._engine.expire(step.id, now=step.at)
        except (KeyError, ValueError) as error:
            reason = "there is none" if isinstance(error, KeyError) else str(error)
            raise CommandError(f"expire {step.id} at {instants.show(step.at)}: {reason}") from None


def overridden(pairs: Pairs, known: Labels, override: Pairs) -> tuple[Pairs, Labels]:
    """Labels and facts with a line's labels in the place of their own; a severity is the facts' too."""
    if not override:
        return pairs, known
    given = dict(override)
    if given.get("severity") in set(Severity):
        known = replace(known, severity=Severity(given["severity"]))
    return tuple(sorted({**dict(pairs), **given}.items())), known


def _wait(route: Route) -> timedelta:
    return route.group_wait + route.group_interval


def as_json(told: Notification | Held) -> dict[str, Any]:
    """A notification as an object; alerts are cut at fifty, the counts are whole."""
    if isinstance(told, Held):
        at = instants.show(told.at)
        return {"at": at, "reason": told.reason.value, "group": told.group, "receiver": told.receiver, "alerts": []}
    return {
        "at": instants.show(told.at),
        "reason": told.reason.value,
        "group": told.group,
        "receiver": told.receiver,
        "severity": told.severity.value,
        "incident": told.incident,
        "id": told.id,
        "labels": dict(told.labels),
        "firing": told.firing_count,
        "resolved": told.resolved_count,
        "alerts": [_alert(each, "firing") for each in told.firing]
        + [_alert(each, "resolved") for each in told.resolved],
        "symptoms": [_alert(each, "firing") for each in told.symptoms],
        "digest": [
            {
                "group": line.group,
                "incident": line.incident,
                "reason": line.reason.value,
                "severity": line.severity.value,
            }
            for line in told.digest
        ],
        "next_repeat_at": instants.show(told.next_repeat_at) if told.next_repeat_at else None,
    }


def _held(line: DigestLine) -> dict[str, Any]:
    return {
        "group": line.group,
        "incident": line.incident,
        "reason": line.reason.value,
        "severity": line.severity.value,
        "firing": line.firing,
        "resolved": line.resolved,
    }


def _alert(alert: Alert, status: str) -> dict[str, Any]:
    return {
        "status": status,
        "source": alert.source,
        "contributor": alert.contributor,
        "fingerprint": alert.fingerprint,
        "severity": alert.severity.value,
        "labels": dict(alert.labels),
        "starts_at": instants.show(alert.starts_at) if alert.starts_at else None,
        "ends_at": instants.show(alert.ends_at) if alert.ends_at else None,
    }


def as_text(told: Notification | Held) -> str:
    """A notification as a block of lines."""
    if isinstance(told, Held):
        return f"{instants.show(told.at)}  {told.reason.value}: {told.receiver} is not told\n  group     {told.group}\n"
    lines = [
        f"{instants.show(told.at)}  {told.reason.value}  {told.severity.value}  to {told.receiver}",
        f"  group     {told.group}",
    ]
    lines += [f"  incident  {told.incident}"] if told.incident else []
    lines += [f"  firing    {_line(alert)}" for alert in told.firing]
    lines += [f"  resolved  {_line(alert)}" for alert in told.resolved]
    lines += [f"  symptom   {_line(alert)}" for alert in told.symptoms]
    lines += [f"  held      {line.group} ({line.reason.value}, {line.severity.value})" for line in told.digest]
    more = told.firing_count + told.resolved_count - len(told.firing) - len(told.resolved)
    lines += [f"  and {more} more alerts"] if more > 0 else []
    return "\n".join([*lines, ""])


def _line(alert: Alert) -> str:
    subject = alert.facts.subject.label
    since = f" since {instants.show(alert.starts_at)}" if alert.starts_at else ""
    until = f" until {instants.show(alert.ends_at)}" if alert.ends_at else ""
    return f"{subject}: {alert.source} ({alert.severity.value}){since}{until}"


def _closing(told: list[Notification], steps: tuple[Step, ...], until: datetime) -> list[str]:
    passed = [f"line {step.line} is not about a fault: {step.reason}" for step in steps if isinstance(step, Passed)]
    count = len(told)
    return [*passed, f"{count} notification{'' if count == 1 else 's'} until {instants.show(until)}"]


def _instant(text: str) -> datetime:
    try:
        return instants.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
