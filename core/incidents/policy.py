"""Who is told of what, and when: the routing tree, receivers, inhibitions and limits of one deployment, as one value.

The tree is Alertmanager's (https://prometheus.io/docs/alerting/latest/configuration/): an alert descends into the first
child that matches it, and into the following ones too where that child `continues`; a node none of whose children match
takes the alert itself. A missing label equals the empty text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache

from core.incidents.intervals import Interval
from core.incidents.labels import Labels

Pairs = tuple[tuple[str, str], ...]
"""Labels: (name, value), sorted by name, each name once."""

ALL = "..."
"""In `group_by`: every label, so that each alert is its own group."""

TOPICS = "topics"
"""The receiver that every deployment has: its SNS topics, by severity."""


class Op(StrEnum):
    """How a matcher compares. Patterns match the whole value, as Alertmanager anchors them."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


class ChannelKind(StrEnum):
    """By what a receiver is reached."""

    SNS = "sns"
    """Topics: the deployment's by severity, or the one whose ARN is the target."""
    SLACK = "slack"
    """An incoming webhook; the secret is its URL."""
    SLACK_BOT = "slack-bot"
    """A bot token (the secret) posting to the channel that is the target; its message is edited in place."""
    TEAMS = "teams"
    """A Workflows webhook; the secret is its URL."""
    PAGERDUTY = "pagerduty"
    """Events API v2; the secret is the routing key."""
    HTTPS = "https"
    """A POST to the target, signed with the secret."""
    AMAZON_Q = "amazon-q"
    """A custom notification of Amazon Q Developer to the topic that is the target."""
    OPSCENTER = "opscenter"
    """An OpsItem of Systems Manager."""


class MissingData(StrEnum):
    """What INSUFFICIENT_DATA does to an alert that fires: keep or resolve it. FIRE starts one that does not, too."""

    KEEP = "keep"
    RESOLVE = "resolve"
    FIRE = "fire"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label."""

    label: str
    op: Op
    value: str

    def holds(self, value: str) -> bool:
        """Whether the label's value (empty when it is missing) fits."""
        match self.op:
            case Op.EQUAL:
                return value == self.value
            case Op.NOT_EQUAL:
                return value != self.value
            case Op.MATCHES:
                return pattern(self.value).fullmatch(value) is not None
            case Op.MATCHES_NOT:
                return pattern(self.value).fullmatch(value) is None

    def __str__(self) -> str:
        return f'{self.label}{self.op}"{_quoted(self.value)}"'


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach a receiver. `secret` is a Secrets Manager ARN or `ssm:/name`, never the secret itself."""

    kind: ChannelKind
    target: str = ""
    secret: str = ""
    options: Pairs = ()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told: every one of the channels, and of ends too unless `send_resolved` is off."""

    name: str
    channels: tuple[Channel, ...]
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree. `mute` and `active` name intervals: silent in the former, and outside of the latter."""

    id: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] = ("kind", "subject")
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    continues: bool = False
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert that fits `source` fires, those that fit `target` and agree on `equal` are not told of."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """All that decides on notifications. `storm_limit` 0 switches the storm guard off.

    `critical_joiners`: a critical alert that joins a group which was told already is flushed after `group_wait`, not at
    the next `group_interval`; the one deliberate difference from Alertmanager besides flapping and the storm guard.
    `linger`: how long an emptied group keeps its rhythm before the next alert counts as a new group's first;
    Alertmanager destroys empty groups every 30 s.
    """

    root: Route
    receivers: tuple[Receiver, ...] = (Receiver(TOPICS, (Channel(ChannelKind.SNS),)),)
    inhibitions: tuple[Inhibition, ...] = ()
    intervals: tuple[Interval, ...] = ()
    stage: str = ""
    flapping: bool = True
    storm_limit: int = 20
    storm_window: timedelta = timedelta(minutes=5)
    critical_joiners: bool = True
    missing_data: MissingData = MissingData.KEEP
    linger: timedelta = timedelta(seconds=30)
    elsewhere: bool = True
    """Whether endpoints that the deployment does not know are told of."""

    def receiver(self, name: str) -> Receiver:
        """The receiver of that name; one that does not exist any more is the deployment's topics, never nobody."""
        found = next((receiver for receiver in self.receivers if receiver.name == name), None)
        return found or Receiver(TOPICS, (Channel(ChannelKind.SNS),))

    def route(self, name: str) -> Route:
        """The route of that id; the root where a redeploy has removed it."""
        return next((route for route in walk(self.root) if route.id == name), self.root)


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """A matcher's pattern; raises ValueError for one that is not."""
    try:
        return re.compile(text, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error


def fits(matchers: tuple[Matcher, ...], labels: Pairs) -> bool:
    """Whether every matcher holds; no matcher holds of everything."""
    if not matchers:
        return True
    values = dict(labels)
    return all(matcher.holds(values.get(matcher.label, "")) for matcher in matchers)


def takes(policy: Policy, facts: Labels) -> bool:
    """Whether the deployment tells of a source at all: two stages in one region both hear of every endpoint."""
    return policy.elsewhere or facts.catalogued or facts.subject.kind != "endpoint"


def walk(route: Route) -> Iterator[Route]:
    """The node and all below it, each before its children."""
    yield route
    for child in route.routes:
        yield from walk(child)


def routes_of(policy: Policy, labels: Pairs) -> tuple[Route, ...]:
    """The nodes that take an alert of these labels, in the tree's order; never none, since the root takes the rest."""
    if not policy.root.routes:
        return (policy.root,)
    return tuple(_taking(policy.root, dict(labels)))


def _taking(route: Route, values: dict[str, str]) -> Iterator[Route]:
    taken = False
    for child in route.routes:
        if all(matcher.holds(values.get(matcher.label, "")) for matcher in child.matchers):
            taken = True
            yield from _taking(child, values)
            if not child.continues:
                break
    if not taken:
        yield route


def group_labels(route: Route, labels: Pairs) -> Pairs:
    """The labels that `route` groups by; one that is missing is left out."""
    if route.group_by == (ALL,):
        return labels
    return tuple(pair for pair in labels if pair[0] in route.group_by)


def group_key(route: Route, labels: Pairs) -> str:
    """The group's name: the route and the values it groups by, such as `root:{kind="endpoint", subject="ranker"}`."""
    shown = ", ".join([f'{name}="{_quoted(value)}"' for name, value in group_labels(route, labels)])
    return f"{route.id}:{{{shown}}}"


def _quoted(value: str) -> str:
    if value.isalnum():
        return value
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
