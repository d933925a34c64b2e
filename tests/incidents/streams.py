"""Streams of signals with virtual time, for tests of the engine: seconds in, what was said and when out."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from core.catalogue.alarm import Delivery, Severity, Subject
from core.incidents.engine import Engine
from core.incidents.labels import Labels
from core.incidents.notification import Notification
from core.incidents.policy import Pairs, Policy, Route
from core.incidents.signals import AlarmSignal, State

START = datetime(2026, 11, 21, 14, 0, 0, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "us-east-1"
FIRES, ENDS, LOST = State.ALARM, State.OK, State.INSUFFICIENT_DATA


def at(seconds: float) -> datetime:
    """An instant after the start."""
    return START + timedelta(seconds=seconds)


def seconds(instant: datetime) -> float:
    """How long after the start, to the millisecond."""
    return round((instant - START).total_seconds(), 3)


def facts(name: str, **more: object) -> Labels:
    """What is known of a source."""
    values = {
        "subject": Subject("endpoint", name),
        "title": f"{name} is wrong",
        "severity": Severity.WARNING,
        "delivery": Delivery.INCIDENT,
        **more,
    }
    return Labels(**values)  # type: ignore[arg-type]


def signal(name: str, state: State, second: float, **more: object) -> AlarmSignal:
    """An alarm's change of state."""
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    return AlarmSignal(ACCOUNT, REGION, arn, name, state, at(second), **more)  # type: ignore[arg-type]


def labels(name: str, **more: str) -> Pairs:
    """Routing labels."""
    return tuple(sorted({"alarm": name, "kind": "endpoint", "subject": "ranker", **more}.items()))


class Stage:
    """An engine and what it has said; each alarm's labels and facts are given once."""

    def __init__(self, policy: Policy) -> None:
        self.engine = Engine(policy)
        self.said: list[Notification] = []
        self.labels: dict[str, Pairs] = {}
        self.facts: dict[str, Labels] = {}

    def alarm(self, name: str, *, severity: Severity = Severity.WARNING, **more: str) -> None:
        """Say what an alarm's labels are."""
        self.labels[name] = labels(name, severity=severity.value, **more)
        self.facts[name] = facts(name, severity=severity)

    def tell(self, name: str, state: State, second: float, *, seen: float | None = None, **more: object) -> None:
        """An alarm changes state at `second`; it is heard of then, or when `seen` says."""
        if name not in self.labels:
            self.alarm(name)
        one = signal(name, state, second, **more)
        now = at(second if seen is None else seen)
        self.said += self.engine.step(one, self.labels[name], self.facts[name], now=now)

    def until(self, second: float) -> "Stage":
        """Let time pass."""
        self.said += self.engine.tick(at(second))
        return self

    @property
    def told(self) -> list[tuple[float, str, str, str]]:
        """What was said: the second, the reason, and the alarms that fire and that ended."""
        return [(seconds(each.at), each.reason.value, names(each.firing), names(each.resolved)) for each in self.said]


def names(alerts: Iterable[object]) -> str:
    """The alarms' names, sorted."""
    return " ".join(sorted(alert.source for alert in alerts))  # type: ignore[attr-defined]


def policy(*, wait: float = 2, interval: float = 4, repeat: float = 9, **more: object) -> Policy:
    """The timers of the golden traces; flapping and the storm guard off unless asked for."""
    route: Mapping[str, object] = more.pop("route", {})  # type: ignore[assignment]
    root = Route(
        "root",
        "topics",
        group_wait=timedelta(seconds=wait),
        group_interval=timedelta(seconds=interval),
        repeat_interval=timedelta(seconds=repeat),
        **route,  # type: ignore[arg-type]
    )
    return Policy(root, **{"flapping": False, "storm_limit": 0, **more})  # type: ignore[arg-type]
