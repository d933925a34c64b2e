"""The policy from the configuration, and its JSON form in the deployed layer."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.incidents import codec, intervaltexts, matchers
from core.incidents.inhibition import SHIPPED
from core.incidents.policy import (
    TOPICS,
    Channel,
    ChannelKind,
    Inhibition,
    Matcher,
    MissingData,
    Policy,
    Receiver,
    Route,
)

if TYPE_CHECKING:
    from core import config_notifications as tables
    from core.config import Config


def of(config: "Config") -> Policy:
    """The policy that a configuration states, with the shipped inhibitions unless it has them off."""
    told = config.notifications
    own = tuple(Inhibition(it.name, _matchers(it.source), _matchers(it.target), it.equal) for it in told.inhibitions)
    root = Route(
        id="root",
        receiver=told.receiver,
        group_by=told.group_by,
        group_wait=timedelta(seconds=told.group_wait_seconds),
        group_interval=timedelta(seconds=told.group_interval_seconds),
        repeat_interval=timedelta(seconds=told.repeat_interval_seconds),
    )
    return Policy(
        root=_with(root, told.routes),
        receivers=(Receiver(TOPICS, (Channel(ChannelKind.SNS),)), *(_receiver(it) for it in told.receivers)),
        inhibitions=(*own, *(SHIPPED if told.shipped_inhibitions else ())),
        intervals=tuple(intervaltexts.read(it) for it in told.intervals),
        stage=config.deployment.stage,
        flapping=told.flapping,
        storm_limit=told.storm_limit,
        storm_window=timedelta(seconds=told.storm_window_seconds),
        critical_joiners=told.critical_joiners,
        missing_data=MissingData(told.insufficient_data),
        elsewhere=told.endpoints_elsewhere == "tell",
    )


def encode(policy: Policy) -> str:
    """The policy as JSON, the same text for the same policy."""
    return json.dumps(codec.writer(Policy)(policy), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def decode(text: str) -> Policy:
    """What `encode` wrote."""
    policy: Policy = codec.reader(Policy)(json.loads(text))
    return policy


def _with(parent: Route, routes: Iterable["tables.Route"]) -> Route:
    """`parent` with its children, which have from it what they do not say."""
    children = []
    for index, it in enumerate(routes):
        child = Route(
            id=f"{parent.id}/{route_name(it, index)}",
            receiver=it.receiver or parent.receiver,
            matchers=_matchers(it.matchers),
            group_by=parent.group_by if it.group_by is None else it.group_by,
            group_wait=_seconds(it.group_wait_seconds, parent.group_wait),
            group_interval=_seconds(it.group_interval_seconds, parent.group_interval),
            repeat_interval=_seconds(it.repeat_interval_seconds, parent.repeat_interval),
            continues=it.continues,
            mute=it.mute_intervals,
            active=it.active_intervals,
        )
        children.append(_with(child, it.routes))
    return replace(parent, routes=tuple(children))


def route_name(it: "tables.Route", index: int) -> str:
    """The route's name; without one what it matches, and its place, so that no two share groups."""
    return it.name or f"{{{', '.join(str(matcher) for matcher in _matchers(it.matchers))}}}#{index}"


def _matchers(texts: Iterable[str]) -> tuple[Matcher, ...]:
    return tuple(matchers.one(text) for text in texts)


def _seconds(own: float | None, inherited: timedelta) -> timedelta:
    return inherited if own is None else timedelta(seconds=own)


def _receiver(it: "tables.Receiver") -> Receiver:
    return Receiver(it.name, tuple(_channel(channel) for channel in it.channels), it.send_resolved)


def _channel(it: "tables.Channel") -> Channel:
    options = (("private_networks", ",".join(it.private_networks)),) if it.private_networks else ()
    return Channel(ChannelKind(it.kind), it.target, it.secret, options)
