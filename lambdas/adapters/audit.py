"""The table as a record: incidents that run and have run, and all that happened in one of them.

AWS calls: GetItem, Query (also on the index `open`).
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from core.channels.listing import Entry, Kind, Line, ordered
from core.incidents import instants, keys
from core.incidents.policy import fits
from lambdas.adapters import groups, items, silences
from lambdas.adapters.items import Item

LEAD = timedelta(minutes=30)
"""Events carry their own instants: an incident's may be older than its opening, or told after its end."""


def running(table: str) -> tuple[Line, ...]:
    """The incidents that run, worst first. The index lags the table by moments."""
    return ordered(_line(item) for item in items.index(table, "open", "open_shard = :shard", shard=groups.OPEN))


def opened(table: str, day: datetime) -> tuple[Line, ...]:
    """The incidents that opened on a day (UTC), worst first."""
    return ordered(_line(item) for item in items.query(table, keys.incidents(day)))


def find(table: str, identity: str) -> Line | None:
    """One incident by its id."""
    item = items.get(table, keys.incident(identity))
    return None if item is None else _line(item)


def trail(table: str, line: Line, now: datetime) -> tuple[Entry, ...]:
    """Everything that is kept of the incident, in the order of time."""
    since, until = instants.show(line.opened_at - LEAD), instants.show((line.resolved_at or now) + LEAD)
    partition = keys.partition(line.group)
    found: list[Entry] = []
    for prefix, read in _READERS.items():
        for item in items.query(table, partition, since=f"{prefix}{since}", until=f"{prefix}{until}~"):
            if text(item, "incident") == line.id:
                found.append(read(item))  # noqa: PERF401 - two loops and a condition read worse in one
    found += _investigation(table, line)
    pressed = " ".join(entry.what for entry in found if entry.kind is Kind.ACTION)
    found += [entry for identity, entry in _silences(table, line, now) if identity not in pressed]
    return tuple(sorted(found, key=lambda entry: entry.at))


def text(item: Item, name: str) -> str:
    """A text attribute, "" where there is none."""
    return str(item.get(name, {}).get("S", ""))


def _line(item: Item) -> Line:
    return Line(
        id=item["sk"]["S"],
        group=text(item, "group"),
        receiver=text(item, "receiver"),
        subject=text(item, "subject"),
        title=text(item, "title"),
        owner=text(item, "owner"),
        severity=text(item, "severity"),
        opened_at=instants.parse(text(item, "opened_at") or f"{item['sk']['S'][4:12]}T00:00:00Z"),
        resolved_at=instants.parse(text(item, "resolved_at")) if "resolved_at" in item else None,
        cause=text(item, "cause"),
        firing=int(item.get("firing", {}).get("N", "0")),
        told=text(item, "told"),
    )


def _event(item: Item) -> Entry:
    what = f"{text(item, 'source')} {text(item, 'state')}: {text(item, 'outcome')}"
    facts = (("value", text(item, "value")), ("muted_by", text(item, "muted_by")), ("reason", text(item, "reason")))
    return Entry(_at(item), Kind.EVENT, what, facts)


def _decision(item: Item) -> Entry:
    return Entry(_at(item), Kind.DECISION, f"nothing sent: {text(item, 'reason')}")


def _message(item: Item) -> Entry:
    facts = (("severity", text(item, "severity")), ("notification_id", text(item, "notification_id")))
    return Entry(_at(item), Kind.MESSAGE, f"{text(item, 'reason')} to {text(item, 'receiver')}", facts)


def _delivery(item: Item) -> Entry:
    kind = text(item, "channel").partition('"')[2].partition('"')[0]
    what = f"{text(item, 'receiver')} by {kind}: {text(item, 'status')}"
    facts = (("attempts", str(item.get("attempts", {}).get("N", ""))), ("said", text(item, "said")))
    return Entry(instants.parse(text(item, "settled_at") or text(item, "created_at")), Kind.DELIVERY, what, facts)


def _action(item: Item) -> Entry:
    return Entry(_at(item), Kind.ACTION, text(item, "what"), (("by", text(item, "by")),))


def _at(item: Item) -> datetime:
    """The instant in the sort key, `<prefix>#<instant>` and perhaps more."""
    return instants.parse(item["sk"]["S"].split("#")[1])


def _investigation(table: str, line: Line) -> Iterator[Entry]:
    item = items.get(table, keys.investigation(line.group, line.id))
    if item is not None:
        yield Entry(line.opened_at, Kind.INVESTIGATION, line.cause or "no cause determined")


def _silences(table: str, line: Line, now: datetime) -> Iterator[tuple[str, Entry]]:
    """The silences, by id, that fitted an alert of the incident's group while it ran."""
    alerts = [one.alert.labels for one in groups.members(table, line.group)]
    for one in silences.load(table):
        met = one.starts_at < (line.resolved_at or now) and one.ends_at > line.opened_at
        if met and any(fits(one.matchers, labels) for labels in alerts):
            what = f"silence {one.id} until {instants.show(one.ends_at)}"
            yield one.id, Entry(one.starts_at, Kind.ACTION, what, (("by", one.created_by), ("why", one.comment)))


_READERS: dict[str, Callable[[Item], Entry]] = {
    keys.EVENTS: _event,
    keys.DECISIONS: _decision,
    keys.MESSAGES: _message,
    keys.DELIVERIES: _delivery,
    keys.ACTIONS: _action,
}
