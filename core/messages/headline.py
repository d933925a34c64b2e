"""The first line and the subject: severity, what, where, how bad and since when, in what room there is."""

from core.messages import layout
from core.messages.figures import age, clock
from core.messages.layout import MAX_FIRST_LINE, MAX_SUBJECT
from core.messages.story import Story

MIN_WHAT = 24
MIN_WHERE = 12


def first_line(story: Story) -> str:
    """The text's first line, 100 characters at most."""
    if story.resolved:
        bad = f", {story.lead.peaked}" if story.lead.peaked else ""
        tail = f"{bad}, lasted {age(story.lasted)} since {clock(story.since)}"
        head = "RESOLVED "
    else:
        bad = f", {story.lead.against}" if story.lead.against else ""
        tail = f"{bad}, since {clock(story.since)}"
        head = f"{story.severity.value.upper()} "
    whats = (layout.one_line(story.lead.title), layout.one_line(story.lead.short))
    return _say(head, layout.one_line(_where(story)), whats, (tail,), MAX_FIRST_LINE)


def subject(story: Story, stage: str) -> str:
    """The mail's subject, printable ASCII of fewer than 100 characters; the place is left out where it has no room."""
    place = f" - {stage} {story.region}"
    if story.resolved:
        head, tail = f"[RESOLVED {age(story.lasted)}] ", ""
    else:
        head = f"[{story.severity.value.upper()}] "
        value = f" ({layout.ascii_only(story.lead.value.text)})" if story.lead.value else ""
        tail = f"{value} since {clock(story.since)}"
    where = layout.ascii_only(_where(story))
    whats = (layout.ascii_only(story.lead.title), layout.ascii_only(story.lead.short))
    return _say(head, where, whats, (f"{tail}{place}", tail), MAX_SUBJECT)


def _where(story: Story) -> str:
    variant = story.subject.variant
    return f"{story.subject.name}/{variant}" if variant not in {"", "AllTraffic"} else story.subject.name


def _say(head: str, where: str, whats: tuple[str, str], tails: tuple[str, ...], length: int) -> str:
    """The fullest wording that fits; else the shortest, with what and where cut, since when and how bad kept."""
    for tail in tails:
        for what in whats:
            line = f"{head}{where}: {what}{tail}"
            if len(line) <= length:
                return line
    what = layout.shorten(whats[-1], MIN_WHAT)
    room = length - len(head) - len(": ") - len(what) - len(tails[-1])
    where = layout.shorten(where, max(room, MIN_WHERE))
    return layout.shorten(f"{head}{where}: {what}{tails[-1]}", length)
