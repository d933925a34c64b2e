"""Which alerts are not told of because another one explains them: Alertmanager's inhibition rules.

A rule mutes an alert that fits its target while one that fits its source fires and has the same values for all
`equal` labels, where a label that both lack is the same. An alert that fits both sides is never muted by one that
does too, and so never by itself.
"""

from collections.abc import Iterable
from datetime import datetime

from core.incidents.alert import Alert
from core.incidents.policy import Inhibition, Matcher, Op, Pairs, fits

_Values = tuple[str, ...]
_Standing = tuple[bool, datetime | None]
"""Of a source: whether it fits its rule's target too; and when it ends by itself."""


class Sources:
    """The firing alerts that may explain others, by rule and values: what a flush asks. Made to be kept up to date."""

    __slots__ = ("_kept", "_rules", "_standing")

    def __init__(self, rules: tuple[Inhibition, ...]) -> None:
        self._rules = rules
        self._standing: tuple[dict[_Values, dict[str, _Standing]], ...] = tuple({} for _ in rules)
        self._kept: dict[str, Pairs] = {}

    @classmethod
    def of(cls, rules: tuple[Inhibition, ...], alerts: Iterable[Alert]) -> "Sources":
        """The sources among `alerts`; those that do not fire are none."""
        made = cls(rules)
        for alert in alerts:
            made.put(alert)
        return made

    def put(self, alert: Alert) -> None:
        """Take note of where an alert stands now."""
        if alert.fingerprint in self._kept:
            self._drop(alert.fingerprint)
        if not alert.firing or not self._rules:
            return
        source = False
        for rule, standing in zip(self._rules, self._standing, strict=True):
            if fits(rule.source, alert.labels):
                both = fits(rule.target, alert.labels)
                standing.setdefault(_values(rule, alert.labels), {})[alert.fingerprint] = (both, alert.resolves_at)
                source = True
        if source:
            self._kept[alert.fingerprint] = alert.labels

    def muting(self, alert: Alert, *, now: datetime) -> str:
        """The name of the rule that mutes `alert` at `now`, or ""."""
        if not self._kept:
            return ""
        for rule, standing in zip(self._rules, self._standing, strict=True):
            if not standing or not fits(rule.target, alert.labels):
                continue
            sources = standing.get(_values(rule, alert.labels))
            if not sources:
                continue
            both_sides = fits(rule.source, alert.labels)
            if any((end is None or now < end) and not (both_sides and both) for both, end in sources.values()):
                return rule.name
        return ""

    def _drop(self, fingerprint: str) -> None:
        labels = self._kept.pop(fingerprint)
        for rule, standing in zip(self._rules, self._standing, strict=True):
            values = _values(rule, labels)
            found = standing.get(values)
            if found is not None and found.pop(fingerprint, None) is not None and not found:
                del standing[values]


def is_source(rules: Iterable[Inhibition], labels: Pairs) -> bool:
    """Whether an alert of these labels may mute others."""
    return any(fits(rule.source, labels) for rule in rules)


def _values(rule: Inhibition, labels: Pairs) -> _Values:
    values = dict(labels)
    return tuple(values.get(name, "") for name in rule.equal)


def _condition(text: str) -> Matcher:
    return Matcher("condition", Op.MATCHES if set(text) & set("|.*(") else Op.EQUAL, text)


def _shipped(name: str, source: str, target: str, *more: Matcher) -> Inhibition:
    equal = ("account", "region", "subject")
    return Inhibition(name, (_condition(source),), (*more, _condition(target)), equal)


_MILD = Matcher("severity", Op.NOT_EQUAL, "critical")

SHIPPED = (
    _shipped(
        "endpoint-down",
        "EndpointStatus",
        "HighErrorRate|HighClientErrorRate|HighP99Latency|NoTraffic|HighCPU|HighMemory|HighDisk|HighGPU|HighGPUMemory",
    ),
    _shipped("deployment", "DeploymentInProgress", "HighP99Latency|HighClientErrorRate|Low.*|FewInstances", _MILD),
    _shipped("traffic-stopped", "NoTraffic|UpstreamTrafficStop", "Low.*|GPUIdle", _MILD),
    _shipped("no-capacity", "InstanceTypeCapacityError|InsufficientCapacity", ".*Scaling.*|AtMaxCapacity", _MILD),
    _shipped("stale-data", "DataFreshnessStale", ".*Drift.*", _MILD),
)
"""For ML endpoints: what follows from a cause that is told. None mutes the page for the endpoint as a whole."""
