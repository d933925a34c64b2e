"""Rules of the configuration that no annotation can say: forms by another key, duplicates, mistaken units."""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from core import config_routing
from core.catalogue import metrics
from core.catalogue.agent_metric import OWN_DIMENSIONS
from core.catalogue.alarm import Subject
from core.catalogue.instances import TYPES
from core.config_routing import quoted

if TYPE_CHECKING:
    from core.config import Endpoint, Host, Recommendations
    from core.config_agent import Agent
    from core.config_notifications import Subscription

Finding = tuple[str, str]
"""A key within the table, and what is wrong with it and would be right."""

_ENDPOINT_FORMS = {
    "email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address such as oncall@example.com"),
    "sms": (r"\+[1-9]\d{6,14}", "a phone number in E.164 form such as +14155550100"),
    "https": (r"https://[^\s/@]+(/\S*)?", "a URL such as https://hooks.example.com/mlwarden"),
    # SNS delivers to a FIFO queue from a FIFO topic only, and alarms cannot publish to those.
    "sqs": (
        r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}",
        "a standard queue's ARN such as arn:aws:sqs:eu-west-1:123456789012:incidents",
    ),
}
_RATE = r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)"
_OWNER = r"[\w.@+=:/-]{0,64}"


def check(struct: object) -> list[Finding]:
    """What is wrong with one table whose keys are right by themselves."""
    rule = _RULES.get(type(struct).__name__)
    return list(rule(struct)) if rule else []


def _subscription(it: "Subscription") -> Iterator[Finding]:
    pattern, right = _ENDPOINT_FORMS[it.protocol]
    if not re.fullmatch(pattern, it.endpoint):
        yield "endpoint", f"{quoted(it.endpoint)} does not fit protocol {it.protocol}; {right} would be right"
    if len(set(it.severities)) < len(it.severities):
        yield "severities", "names a severity twice; each once would be right"


def _endpoint(it: "Endpoint") -> Iterator[Finding]:
    yield from _owner(it.owner)
    if it.instance_type in TYPES or (it.vcpus and re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", it.instance_type)):
        return
    prefixed = f"ml.{it.instance_type}"
    if prefixed in TYPES:
        yield "instance_type", f"{quoted(it.instance_type)} is EC2's name; {quoted(prefixed)} would be right"
        return
    close = difflib.get_close_matches(it.instance_type, TYPES, n=1)
    meant = f"{close[0]}, or " if close else ""
    right = f"{meant}an ml. type with vcpus and gpus beside it would be right"
    yield "instance_type", f"{quoted(it.instance_type)} is not known; {right}"


def _host(it: "Host") -> Iterator[Finding]:
    yield from _owner(it.owner)
    if bool(it.instance_id) == bool(it.host):
        given = "both instance_id and host are" if it.host else "neither instance_id nor host is"
        yield "instance_id", f"{given} given; exactly one would be right: instance_id on EC2, else host"
    elif it.instance_id and not re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", it.instance_id):
        yield (
            "instance_id",
            f"{quoted(it.instance_id)} is malformed; one such as i-0123456789abcdef0 would be right",
        )
    elif it.host and not re.fullmatch(r"[!-9;-~][!-~]{0,254}", it.host):
        # PutMetricData's dimension values: ASCII, here without spaces.
        yield "host", f"{quoted(it.host)} is malformed; a host name in ASCII without spaces would be right"


def _owner(owner: str) -> Iterator[Finding]:
    if not re.fullmatch(_OWNER, owner):
        yield "owner", f"{quoted(owner)} is malformed; a team's name without spaces would be right"


def _agent(it: "Agent") -> Iterator[Finding]:
    for key, paths in (("disk_paths", it.disk_paths), ("files", it.files)):
        for index, path in enumerate(paths):
            if not re.fullmatch(r"/|(/[!-.0-~]+)+", path):
                yield (
                    f"{key}[{index}]",
                    f"{quoted(path)} is malformed; an absolute path such as /data would be right",
                )
            if path in paths[:index]:
                yield f"{key}[{index}]", f"{quoted(path)} is there already; each path once would be right"
    for key, names in (
        ("statsd_tags", it.statsd_tags),
        ("otlp_attributes", it.otlp_attributes),
        *((f"scrape[{number}].labels", page.labels) for number, page in enumerate(it.scrape)),
    ):
        for index, name in enumerate(names):
            if name in OWN_DIMENSIONS:
                right = "one that the application calls otherwise would be right"
                yield f"{key}[{index}]", f"{quoted(name)} is a dimension of every series already; {right}"
            if name in names[:index]:
                yield f"{key}[{index}]", f"{quoted(name)} is there already; each once would be right"
    for index, name in enumerate(it.high_resolution):
        if metrics.find("CWAgent", name) is None:
            yield (
                f"high_resolution[{index}]",
                f"{quoted(name)} is no metric of hosts; one of docs/reference/metrics.md would be right",
            )


def _recommendations(it: "Recommendations") -> Iterator[Finding]:
    if not re.fullmatch(_RATE, it.schedule) and not _is_cron(it.schedule):
        yield (
            "schedule",
            (
                f"{quoted(it.schedule)} is malformed; rate(7 days) or six fields such as cron(0 6 ? * MON *), "
                "one of day-of-month and day-of-week being ?, would be right"
            ),
        )


def _is_cron(text: str) -> bool:
    """EventBridge's six fields: minutes hours day-of-month month day-of-week year."""
    fields = text.removeprefix("cron(").removesuffix(")").split(" ")
    return (
        text.startswith("cron(")
        and text.endswith(")")
        and len(fields) == 6
        and (fields[2] == "?") != (fields[4] == "?")
        and all(re.fullmatch(r"[0-9A-Z*?,/#-]+", field) for field in fields)
        and "?" not in fields[0] + fields[1] + fields[3] + fields[5]
    )


_RULES: dict[str, Callable[[Any], Iterator[Finding]]] = {
    "Subscription": _subscription,
    "Endpoint": _endpoint,
    "Host": _host,
    "Agent": _agent,
    "Recommendations": _recommendations,
    **config_routing.RULES,
}


def wrong_unit(path: str, value: float) -> str:
    """What a value out of range was probably meant as, or ""."""
    key = path.rpartition(".")[2]
    if key == "p99_ms" and value > 60_000:
        return f"it looks like microseconds: {value / 1000:g} would be right"
    if key == "p99_ms" and 0 < value < 1:
        return f"it looks like seconds: {value * 1000:g} would be right"
    if key.endswith("_percent") and 0 < value < 1:
        return f"it looks like a fraction: {value * 100:g} would be right"
    return ""


def duplicates(raw: dict[str, Any]) -> list[str]:
    """Endpoints and hosts that would share alarm names, and subscriptions said twice, in raw tables."""
    labels: dict[str, str] = {}
    found: list[str] = []
    for path, label in _labels(raw):
        # SageMaker holds names that differ only in case for the same endpoint.
        first = labels.setdefault(label.lower(), path)
        if first != path:
            found.append(f"{path}: would name its alarms {quoted(label)}, as {first} does; another name would be right")
    told: dict[tuple[Any, Any], str] = {}
    notifications = raw.get("notifications")
    subscriptions = notifications.get("subscriptions") if isinstance(notifications, dict) else None
    for path, item in _tables(subscriptions, "notifications.subscriptions"):
        first = told.setdefault((str(item.get("protocol")), str(item.get("endpoint"))), path)
        if first != path:
            found.append(f"{path}: is the subscription {first} again; one with all severities would be right")
    return found


def _labels(raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, key in (("endpoint", "endpoints"), ("host", "hosts")):
        for path, item in _tables(raw.get(key), key):
            name, variant = item.get("name"), item.get("variant", "")
            if isinstance(name, str) and isinstance(variant, str):
                yield path, Subject(kind, name, variant if kind == "endpoint" else "").label


def _tables(value: object, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, dict):
            yield f"{path}[{index}]", item
