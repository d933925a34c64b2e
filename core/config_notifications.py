"""The [notifications] part of the configuration: who is told of what, when, and by which channel."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SEVERITIES = Literal["critical", "warning", "info"]

Named = Annotated[
    str,
    Meta(
        pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$",
        extra={"right": "letters, digits, - and _, a letter first, at most 64,"},
    ),
]
Label = Annotated[
    str,
    Meta(pattern=r"^(\.\.\.|[a-zA-Z_][a-zA-Z0-9_.:-]{0,127})$", extra={"right": 'a label\'s name, or "...",'}),
]
# SQS DelaySeconds, which holds the first message back, ends at 900.
Wait = Annotated[float, Meta(ge=0, le=900, description="seconds that a new group waits for its siblings")]
Interval_ = Annotated[float, Meta(ge=0.05, le=86_400, description="seconds between two messages about one group")]
Repeat = Annotated[float, Meta(ge=0.05, le=2_592_000, description="seconds until what still fires is told again")]


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told. `endpoint` by `protocol`: e-mail address, E.164 phone number, https URL or queue ARN."""

    protocol: Literal["email", "sms", "https", "sqs"]
    endpoint: str
    severities: Annotated[tuple[SEVERITIES, ...], Meta(min_length=1)] = ("critical", "warning", "info")


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to reach a receiver.

    `secret` is where the webhook's URL, token or key is kept: the ARN of a Secrets Manager secret, or `ssm:/name` of
    a SecureString. `target`: sns, amazon-q: a topic's ARN; slack-bot: the channel's id; https: the URL; pagerduty:
    another service URL, such as the EU's. `subscribers`: who listens to an sns topic; "sqs" is needed for a FIFO
    topic.
    """

    kind: Literal["sns", "slack", "slack-bot", "teams", "pagerduty", "https", "amazon-q", "opscenter"]
    target: str = ""
    secret: str = ""
    subscribers: Literal["any", "sqs"] = "any"
    private_networks: tuple[str, ...] = ()
    """Private addresses and networks that the channel may reach; all others are refused."""


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that routes send to. `topics` is there already: the subscriptions, by severity."""

    name: Named
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)]
    send_resolved: bool = True


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node of the routing tree, as Alertmanager has it. What is left out is the parent's."""

    matchers: tuple[str, ...] = ()
    name: str = ""
    receiver: str = ""
    group_by: tuple[Label, ...] | None = None
    group_wait_seconds: Wait | None = None
    group_interval_seconds: Interval_ | None = None
    repeat_interval_seconds: Repeat | None = None
    continues: bool = False
    mute_intervals: tuple[str, ...] = ()
    active_intervals: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()


class Inhibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """While an alert that fits `source` fires, those that fit `target` with the same `equal` labels are not told of."""

    name: Named
    source: Annotated[tuple[str, ...], Meta(min_length=1)]
    target: Annotated[tuple[str, ...], Meta(min_length=1)]
    equal: tuple[Label, ...] = ()


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recurring time: "09:00-17:00", "monday:friday", "1:5" or "-3:-1", "january:march", "2026:2028"."""

    name: Named
    times: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = ()
    days_of_month: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    location: str = "UTC"


class Notifications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of what, and when: the root of the routing tree and what stands beside it."""

    group_wait_seconds: Wait = 30.0
    group_interval_seconds: Interval_ = 300.0
    repeat_interval_seconds: Repeat = 14_400.0
    group_by: tuple[Label, ...] = ("kind", "subject")
    receiver: str = "topics"
    subscriptions: tuple[Subscription, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    shipped_inhibitions: bool = True
    intervals: tuple[Interval, ...] = ()
    insufficient_data: Literal["keep", "resolve", "fire"] = "keep"
    critical_joiners: bool = True
    flapping: bool = True
    storm_limit: Annotated[int, Meta(ge=0, le=1000)] = 20
    storm_window_seconds: Annotated[int, Meta(ge=60, le=3600)] = 300
    endpoints_elsewhere: Literal["tell", "ignore"] = "tell"
    audit_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    actions_page: bool = False
    templates: str = ""
