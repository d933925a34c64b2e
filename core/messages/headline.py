"""The first line, the subject and the SMS: severity, what, where, how bad and since when, in what room there is."""

from core.incidents.notification import Reason
from core.messages import graphemes, layout
from core.messages.figures import age, moment
from core.messages.limits import MAX_FIRST_LINE, MAX_SMS, MAX_SUBJECT
from core.messages.story import Story

MIN_WHAT = 24
MIN_WHERE = 12

_WORDS = {Reason.FLAPPING: "FLAPPING", Reason.UNGROUPED: "UNGROUPED", Reason.TEST: "TEST"}
"""What stands before the severity where the message is no plain one."""


def first_line(story: Story) -> str:
    """The text's first line, 100 characters at most."""
    return _line(story, MAX_FIRST_LINE)


def sms(story: Story) -> str:
    """The one line that phones get, 140 characters at most: the text's first line, and the incident where it fits."""
    line = _line(story, MAX_SMS)
    longer = f"{line} {story.told.incident}"
    return longer if story.told.incident and len(longer) <= MAX_SMS else line


def subject(story: Story, stage: str) -> str:
    """The mail's subject, printable ASCII of fewer than 100 characters; the place is left out where it has no room."""
    if story.reason is Reason.DIGEST:
        return graphemes.shorten(layout.ascii_only(f"[DIGEST] {_digest(story)} - {stage}"), MAX_SUBJECT)
    place = f" - {stage} {story.told.region}"
    if story.resolved:
        head, tail = f"[RESOLVED {age(story.lasted)}] ", ""
    else:
        head = f"[{_severity(story)}] "
        value = f" ({layout.ascii_only(story.lead.value.text)})" if story.lead and story.lead.value else ""
        tail = f"{value} since {moment(story.since, story.now)}"
    where = layout.ascii_only(story.where)
    whats = (layout.ascii_only(_title(story)), layout.ascii_only(_short(story)))
    return _say(head, where, whats, (f"{tail}{place}", tail), MAX_SUBJECT)


def _line(story: Story, length: int) -> str:
    if story.reason is Reason.DIGEST:
        return graphemes.shorten(f"DIGEST {_digest(story)}", length)
    if story.resolved:
        bad = f", {story.lead.peaked}" if story.lead and story.lead.peaked else ""
        tails: tuple[str, ...] = (f"{bad}, lasted {age(story.lasted)} since {moment(story.since, story.now)}",)
        head = "RESOLVED "
    else:
        bad = f", {story.lead.against}" if story.lead and story.lead.against else ""
        tails = (f"{bad}, since {moment(story.since, story.now)}",)
        head = f"{_severity(story)} "
    if story.told.flaps and not story.resolved:
        flaps = story.told.flaps
        often = f", {flaps.episodes} episodes in {age(story.now - flaps.since)}"
        tails = (f"{often}{tails[0]}", often) if story.reason is Reason.FLAPPING else tails
    return _say(head, story.where, (_title(story), _short(story)), tails, length)


def _severity(story: Story) -> str:
    return " ".join(part for part in (_WORDS.get(story.reason, ""), story.severity.value.upper()) if part)


def _title(story: Story) -> str:
    return story.lead.title if story.lead else story.reason.value


def _short(story: Story) -> str:
    return story.lead.short if story.lead else story.reason.value


def _digest(story: Story) -> str:
    told = story.told
    return (
        f"{told.digest_count} groups told as one: {told.firing_count} alerts fire, {told.resolved_count} resolved,"
        f" worst {story.severity.value}"
    )


def _say(head: str, where: str, whats: tuple[str, str], tails: tuple[str, ...], length: int) -> str:
    """The fullest wording that fits; else the shortest, with what and where cut, since when and how bad kept."""
    # Of an alarm that nothing is known of the name is all there is to say.
    sayings = [where] if where in whats else [f"{where}: {what}" for what in whats]
    for tail in tails:
        for saying in sayings:
            line = f"{head}{saying}{tail}"
            if len(line) <= length:
                return line
    what = graphemes.shorten(whats[-1], MIN_WHAT)
    room = length - len(head) - len(": ") - len(what) - len(tails[-1])
    where = graphemes.shorten(where, max(room, MIN_WHERE))
    return graphemes.shorten(f"{head}{where}: {what}{tails[-1]}", length)
