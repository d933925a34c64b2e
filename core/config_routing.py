"""Rules of the [notifications] part that no annotation can say: what names what, and whether anybody is reached."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from core.channels import addresses
from core.channels.addresses import BadTarget
from core.incidents import intervaltexts, matchers, policyfile
from core.incidents.policy import TOPICS, Matcher

if TYPE_CHECKING:
    from core.config_notifications import Channel, Inhibition, Interval, Notifications, Receiver, Route

_KEPT = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,520}|ssm:/[A-Za-z0-9_./-]{1,1010}"
_TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
_NEEDS: dict[str, tuple[bool, bool]] = {
    "sns": (False, False),
    "slack": (False, True),
    "slack-bot": (True, True),
    "teams": (False, True),
    "pagerduty": (False, True),
    "https": (True, True),
    "amazon-q": (True, False),
    "opscenter": (False, False),
}
"""By kind: whether it needs a target and a secret."""


def quoted(text: str) -> str:
    """Text as a message shows it: on one line."""
    return json.dumps(text, ensure_ascii=False)


def _channel(it: "Channel") -> Iterator[tuple[str, str]]:
    target, secret = _NEEDS[it.kind]
    if target and not it.target:
        yield "target", f"missing; a channel of kind {it.kind} needs one"
    if secret and not it.secret:
        yield "secret", f"missing; a channel of kind {it.kind} needs one"
    if it.secret and not secret:
        yield "secret", f"a channel of kind {it.kind} takes none"
    elif it.secret and not re.fullmatch(_KEPT, it.secret):
        # Not shown: it may be the secret itself.
        yield (
            "secret",
            "is not where a secret is kept; a Secrets Manager ARN or ssm:/name would be right, never the secret",
        )
    if it.target and it.kind in {"sns", "amazon-q"}:
        yield from _topic(it)
    if it.target and it.kind in {"https", "pagerduty"}:
        yield from _url(it)
    if it.kind == "slack-bot" and it.target and not re.fullmatch(r"[CGD][A-Z0-9]{5,20}", it.target):
        yield "target", f"{quoted(it.target)} is malformed; a channel's id such as C0123456789 would be right"
    try:
        addresses.networks(it.private_networks)
    except ValueError as error:
        yield "private_networks", f"{error}; networks such as 10.2.0.0/16 would be right"


def _topic(it: "Channel") -> Iterator[tuple[str, str]]:
    if not re.fullmatch(_TOPIC, it.target):
        yield "target", f"{quoted(it.target)} is malformed; a topic's ARN would be right"
    elif it.target.endswith(".fifo") and (it.kind != "sns" or it.subscribers != "sqs"):
        # User Guide of SNS, FIFO topics: they deliver to SQS queues only.
        yield (
            "target",
            (
                "is a FIFO topic, which e-mail, SMS and https cannot subscribe to; a standard topic would be right, "
                'or subscribers = "sqs" where only queues listen'
            ),
        )


def _url(it: "Channel") -> Iterator[tuple[str, str]]:
    try:
        addresses.target(it.target, allowed=addresses.networks(it.private_networks))
    except BadTarget as error:
        yield "target", f"{error}; a URL such as https://hooks.example.com/mlwarden would be right"
    except ValueError:
        return  # the networks are named by themselves


def _receiver(it: "Receiver") -> Iterator[tuple[str, str]]:
    if it.name == TOPICS:
        yield "name", f"{TOPICS} is the subscriptions' own; another name would be right"


def _route(it: "Route") -> Iterator[tuple[str, str]]:
    yield from _matchers("matchers", it.matchers)
    if it.group_by is not None:
        yield from _group_by(it.group_by)


def _inhibition(it: "Inhibition") -> Iterator[tuple[str, str]]:
    yield from _matchers("source", it.source)
    yield from _matchers("target", it.target)


def _interval(it: "Interval") -> Iterator[tuple[str, str]]:
    yield from intervaltexts.problems(it)


def _notifications(it: "Notifications") -> Iterator[tuple[str, str]]:
    yield from _group_by(it.group_by)
    for key, things in (("receivers", it.receivers), ("inhibitions", it.inhibitions), ("intervals", it.intervals)):
        yield from _twice(key, [thing.name for thing in things])


def _group_by(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if "..." in names and len(names) > 1:
        yield "group_by", '"..." is every label and stands alone'
    if len(set(names)) < len(names):
        yield "group_by", "names a label twice; each once would be right"


def _matchers(key: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for index, text in enumerate(texts):
        try:
            matchers.one(text)
        except ValueError as error:
            yield f"{key}[{index}]", str(error)


def _twice(key: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield f"{key}[{index}].name", f"{quoted(name)} is there already; another name would be right"


RULES: dict[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    "Channel": _channel,
    "Receiver": _receiver,
    "Route": _route,
    "Inhibition": _inhibition,
    "Interval": _interval,
    "Notifications": _notifications,
}


def problems(it: "Notifications") -> list[str]:
    """What is wrong with the tables taken together, a line each: names that nothing bears, and pages to nobody."""
    receivers = {TOPICS, *(receiver.name for receiver in it.receivers)}
    intervals = {interval.name for interval in it.intervals}
    found = list(_unknown("notifications.receiver", it.receiver, receivers, "receiver"))
    for path, route in _routes(it.routes, "notifications.routes"):
        if route.receiver:
            found += _unknown(f"{path}.receiver", route.receiver, receivers, "receiver")
        for key, names in (("mute_intervals", route.mute_intervals), ("active_intervals", route.active_intervals)):
            for index, name in enumerate(names):
                found += _unknown(f"{path}.{key}[{index}]", name, intervals, "interval")
    found += _doubled(it.routes, "notifications.routes", "root", {})
    found += _unreached(it.routes, "notifications.routes")
    return found or list(_unheard(it))


def _unknown(path: str, name: str, known: set[str], what: str) -> Iterator[str]:
    if name not in known:
        yield f"{path}: {quoted(name)} is no {what}; known: {', '.join(sorted(known)) or 'none'}"


def _routes(routes: Iterable["Route"], path: str) -> Iterator[tuple[str, "Route"]]:
    for index, route in enumerate(routes):
        yield f"{path}[{index}]", route
        yield from _routes(route.routes, f"{path}[{index}].routes")


def _doubled(routes: Iterable["Route"], path: str, parent: str, ids: dict[str, str]) -> Iterator[str]:
    """Routes of one id, by `ids` so far: their groups would be one another's."""
    for index, route in enumerate(routes):
        own, here = f"{parent}/{policyfile.route_name(route, index)}", f"{path}[{index}]"
        if own in ids:
            yield f"{here}.name: {quoted(route.name)} makes it the route {ids[own]} again; another name would be right"
        ids.setdefault(own, here)
        yield from _doubled(route.routes, f"{here}.routes", own, ids)


def _unreached(routes: tuple["Route", ...], path: str) -> Iterator[str]:
    """Routes that an earlier one takes everything from: whatever they match, it matches too, and does not continue."""
    wanted = [frozenset(matchers.one(text) for text in route.matchers) for route in routes]
    for index, route in enumerate(routes):
        taker = next((n for n in range(index) if not routes[n].continues and wanted[n] <= wanted[index]), None)
        if taker is not None:
            yield (
                f"{path}[{index}]: is never reached: {path}[{taker}] takes all that it matches; other matchers, the "
                f"other order, or continues = true in {path}[{taker}] would be right"
            )
        yield from _unreached(route.routes, f"{path}[{index}].routes")


def _unheard(it: "Notifications") -> Iterator[str]:
    """Routes that may take a critical alert and lead to nobody."""
    paged = any("critical" in subscription.severities for subscription in it.subscriptions)
    heard = {TOPICS} if paged else set()
    heard |= {receiver.name for receiver in it.receivers if any(_reaches(channel) for channel in receiver.channels)}
    if it.receiver not in heard:
        yield (
            "notifications: nobody is told of critical incidents; a [[notifications.subscriptions]] whose severities "
            f"hold critical would be right (receiver {it.receiver})"
        )
    for path, receiver in _pages(it.routes, it.receiver, "notifications.routes"):
        if receiver not in heard and receiver != it.receiver:
            yield f"{path}: takes critical incidents to {receiver}, which reaches nobody with them"


def _reaches(channel: "Channel") -> bool:
    """Whether a channel may reach a person."""
    return not (channel.kind == "opscenter" or channel.target.endswith(".fifo"))


def _pages(routes: Iterable["Route"], inherited: str, path: str) -> Iterator[tuple[str, str]]:
    for index, route in enumerate(routes):
        receiver = route.receiver or inherited
        if all(_may_be_critical(matchers.one(text)) for text in route.matchers):
            yield f"{path}[{index}]", receiver
            yield from _pages(route.routes, receiver, f"{path}[{index}].routes")


def _may_be_critical(matcher: Matcher) -> bool:
    return matcher.label != "severity" or matcher.holds("critical")
