"""A message's sections, each worth something: the least valuable goes first where a message does not fit."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from core.incidents.evidence import Change, Impact
from core.incidents.notification import DigestLine, Reason
from core.messages import reasons
from core.messages.figures import age, clock, moment, plain, rounded
from core.messages.layout import clean
from core.messages.limits import MAX_FREE, MAX_NAME, MAX_TITLE
from core.messages.story import MAX_LISTED, Item, Story, place_of

MAX_CHANGES = 3
MAX_EVIDENCE = 20


class Worth(IntEnum):
    """What goes first when a message does not fit."""

    CHANGES = 1
    SYMPTOMS = 2
    RESOLVED = 3
    ALERTS = 4
    EVIDENCE = 5
    CAUSE = 6


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list, dropped as a whole. `title` is in capitals for mail."""

    worth: Worth
    title: str
    lines: tuple[str, ...]
    bulleted: bool = True
    unlisted: int = 0
    """How many more there are than lines tell of; the last line says so."""


def impact_text(found: Impact) -> str:
    """`412 of 5,566 requests failed (7.4 %) in 5 min`."""
    window = age(timedelta(seconds=found.window_seconds))
    return f"{found.failed:,} of {found.requests:,} requests failed ({plain(percent(found))} %) in {window}"


def percent(found: Impact) -> float:
    """The share that failed, rounded as it is told."""
    return rounded(100 * found.failed / found.requests) if found.requests else 0.0


def deployed(change: Change) -> str:
    """`endpoint config ranker-2 (was ranker-1), deployed 13:58Z`."""
    was = f" (was {clean(change.previous, MAX_NAME)})" if change.previous else ""
    return f"endpoint config {clean(change.config, MAX_NAME)}{was}, deployed {clock(change.at)}"


def sections(story: Story) -> tuple[Section, ...]:
    """Those that have something to say, in the order of reading."""
    return tuple(section for section in _all(story) if section.lines)


def _all(story: Story) -> list[Section]:
    told = story.told
    if story.reason is Reason.DIGEST:
        return [_digest(story)]
    return [
        _cause(story),
        _evidence(story),
        _changes(story),
        _list(Worth.ALERTS, "FIRING", story, story.firing, told.firing_count - len(told.firing)),
        _list(Worth.RESOLVED, "RESOLVED", story, story.over, told.resolved_count - len(told.resolved)),
        _list(Worth.SYMPTOMS, "SYMPTOMS", story, story.symptoms, told.symptom_count - len(told.symptoms)),
    ]


def _list(worth: Worth, title: str, story: Story, items: tuple[Item, ...], others: int) -> Section:
    """The first few of `items`; `others` are counted in the notification and not carried by it."""
    count = len(items) + max(others, 0)
    listed = items[:MAX_LISTED]
    more = (f"+{count - len(listed):,} more on the dashboard",) if count > len(listed) else ()
    lines = (*(_bullet(story, item) for item in listed), *more)
    return Section(worth, f"{title} ({count:,})", lines, unlisted=count - len(listed))


def _bullet(story: Story, item: Item) -> str:
    bad = item.against if item.firing else item.peaked
    where = item.where if item.where != item.title else ""
    parts = [f"{where}: " if where else "", item.title, f": {bad}" if bad else ""]
    if item.since is not None:
        parts.append(f", since {moment(item.since, story.now)}")
    if item.until is not None:
        parts.append(f" until {moment(item.until, story.now)}")
    if item.data_lost_at is not None:
        parts.append(f", no data since {moment(item.data_lost_at, story.now)}")
    if item.detail and item != story.lead:
        parts.append(f" ({item.detail})")
    return "".join(parts)


def _digest(story: Story) -> Section:
    told = story.told
    lines = [_digest_line(line) for line in told.digest]
    unlisted = told.digest_count - len(told.digest)
    more = (f"+{unlisted:,} more: mlwarden incidents list",) if unlisted > 0 else ()
    return Section(Worth.ALERTS, f"GROUPS ({told.digest_count:,})", (*lines, *more), unlisted=max(unlisted, 0))


def _digest_line(line: DigestLine) -> str:
    counts = [f"{line.firing:,} firing" if line.firing else "", f"{line.resolved:,} resolved" if line.resolved else ""]
    told = ", ".join(part for part in counts if part) or "none firing"
    what = clean(line.title, MAX_TITLE)
    incident = f" ({line.incident})" if line.incident else ""
    return f"{line.severity.value} {place_of(line.subject)}: {what}, {line.reason.value}, {told}{incident}"


def _cause(story: Story) -> Section:
    found = story.told.investigation
    told = clean(found.cause.text, MAX_FREE) if found is not None and found.cause is not None else ""
    if told and found is not None and found.cause is not None:
        title = f"LIKELY CAUSE (confidence: {found.cause.confidence.value})"
        return Section(Worth.CAUSE, title, (told,), bulleted=False)
    if story.resolved:
        return Section(Worth.CAUSE, "LIKELY CAUSE", ())
    return Section(Worth.CAUSE, "LIKELY CAUSE", (f"not determined; next: {reasons.check(story)}",), bulleted=False)


def _evidence(story: Story) -> Section:
    found = story.told.investigation
    entries = found.evidence if found else ()
    listed = tuple(text for entry in entries[:MAX_EVIDENCE] if (text := clean(entry.text, MAX_FREE)))
    unlisted = max(len(entries) - MAX_EVIDENCE, 0)
    more = (f"+{unlisted:,} more",) if unlisted else ()
    return Section(Worth.EVIDENCE, "EVIDENCE", (*listed, *more), unlisted=unlisted)


def _changes(story: Story) -> Section:
    recent = sorted(story.told.changes, key=lambda change: change.at, reverse=True)[:MAX_CHANGES]
    return Section(Worth.CHANGES, "CHANGES", () if story.resolved else tuple(deployed(change) for change in recent))
