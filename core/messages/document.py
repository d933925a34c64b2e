"""What a message says before a channel gives it its form: head, fields, sections by worth, action, links, why."""

from dataclasses import dataclass, replace
from datetime import timedelta

from core.catalogue.dashboards import dashboard_name
from core.incidents.labels import UNKNOWN_SUBJECT
from core.incidents.notification import Reason
from core.messages import headline, links, reasons, sections
from core.messages.figures import age, date, moment
from core.messages.layout import clean
from core.messages.limits import MAX_GROUP, MAX_LINK, MAX_NAME
from core.messages.links import Link
from core.messages.place import Place
from core.messages.sections import Section
from core.messages.story import Item, Story

LEAD_IN = timedelta(hours=1)
LEAD_OUT = timedelta(minutes=30)
"""The dashboard link shows from an hour before the first symptom to half an hour after the message or the end."""

_LOG_GROUPS = {"endpoint": "/aws/sagemaker/Endpoints/{name}"}
"""Where SageMaker keeps what a subject's containers write ("Log Groups and Streams Sent by Amazon SageMaker AI")."""
_JOB_LOGS = {
    "Training": "/aws/sagemaker/TrainingJobs",
    "Processing": "/aws/sagemaker/ProcessingJobs",
    "Transform": "/aws/sagemaker/TransformJobs",
}
"""The same for jobs, by how the condition's name begins."""


@dataclass(frozen=True, slots=True)
class Document:
    """A message's parts. `first`, `fields`, `action`, `links`, `why` and `footer` stay whatever the limit.

    `image` is the address of a graph, for channels that fetch at once. `notes` are last lines: what was cut, which
    template was not used.
    """

    story: Story
    place: Place
    first: str
    fields: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    action: str
    links: tuple[Link, ...]
    why: str
    footer: str
    image: str = ""
    body: str = ""
    """A user's own text in the place of fields and sections; what it may replace is the channel's affair."""
    cut: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines."""
        if not self.cut:
            return self.notes
        return f"Cut to fit: {', '.join(self.cut)} left out; all of it: {reasons.show(self.story)}", *self.notes

    @property
    def board(self) -> str:
        """The address of the dashboard; of the alarm's own page where no dashboard shows it."""
        return self.link("DASHBOARD") or self.link("ALARM")

    def link(self, name: str) -> str:
        """The address of one link, empty when there is none."""
        return next((link.url for link in self.links if link.name == name), "")


def compose(story: Story, place: Place, *, image: str = "") -> Document:
    """The whole message."""
    return Document(
        story=story,
        place=place,
        first=headline.first_line(story),
        fields=tuple((name, value) for name, value in _fields(story) if value),
        sections=sections.sections(story),
        action=reasons.action(story, place),
        links=tuple(link for link in _links(story, place) if link.url and len(link.url) <= MAX_LINK),
        why=reasons.why(story),
        footer=_footer(story, place),
        image=image,
    )


def smaller(document: Document) -> Document | None:
    """`document` without its least valuable section; None when all that is left must stay."""
    if not document.sections:
        return None
    least = min(document.sections, key=lambda section: section.worth)
    rest = tuple(section for section in document.sections if section is not least)
    return replace(document, sections=rest, cut=(*document.cut, least.title))


def _fields(story: Story) -> list[tuple[str, str]]:
    if story.reason is Reason.DIGEST:
        return _digest_fields(story)
    told, subject, lead = story.told, story.subject, story.lead
    variant = f", variant {subject.variant}" if subject.variant else ""
    where = f"{clean(subject.kind, MAX_NAME)} {subject.name}{variant}, {told.region}, account {told.account}"
    found = told.investigation.impact if told.investigation else None
    impact = sections.impact_text(found) if found else ""
    if story.resolved:
        ended = story.until or story.now
        return [
            ("Where", where),
            ("Began", date(story.since)),
            ("Ended", f"{date(ended)}, {age(story.now - ended)} ago"),
            ("Duration", age(story.lasted)),
            *([("Lowest" if lead.below else "Peak", lead.peaked.partition(" ")[2])] if lead else []),
            ("Impact", impact),
            ("Episodes", reasons.episodes(story)),
            ("Fixed by", _fixed(story)),
            ("Owner", story.owner),
        ]
    return [
        ("Where", where),
        ("Since", f"{date(story.since)}, {age(story.lasted)} ago"),
        ("Value", _value(lead) if lead else ""),
        ("No data", f"since {moment(lead.data_lost_at, story.now)}" if lead and lead.data_lost_at else ""),
        ("Detail", lead.detail if lead else ""),
        ("Episodes", reasons.episodes(story)),
        ("Impact", impact or "not measured"),
        ("Owner", story.owner),
    ]


def _value(item: Item) -> str:
    return f"{item.against}{f', {item.window}' if item.window else ''}" if item.against else ""


def _digest_fields(story: Story) -> list[tuple[str, str]]:
    told = story.told
    return [
        ("Receiver", clean(told.receiver, MAX_NAME)),
        ("Since", f"{date(story.since)}, {age(story.lasted)} ago"),
        ("Groups", f"{told.digest_count:,}"),
        ("Firing", f"{told.firing_count:,} alerts"),
        ("Resolved", f"{told.resolved_count:,} alerts"),
    ]


def _fixed(story: Story) -> str:
    if story.fix is not None:
        return f"{sections.deployed(story.fix)}, {age((story.until or story.now) - story.fix.at)} before the end"
    if story.over and all(item.deleted for item in story.over):
        return "the alarm was deleted"
    seen = "; no deployment was seen meanwhile" if story.subject.kind == "endpoint" else ""
    return f"not known{seen}"


def _links(story: Story, place: Place) -> list[Link]:
    told = story.told
    start, end = story.since - LEAD_IN, (story.until or story.now) + LEAD_OUT
    name = dashboard_name(place.stage, story.subject) if story.catalogued else f"mlwarden-{place.stage}-fleet"
    board = Link("DASHBOARD", links.dashboard(told.region, name, start=start, end=end))
    if story.subject.kind == UNKNOWN_SUBJECT and story.lead is not None and not story.catalogued:
        # No dashboard shows it.
        board = Link("ALARM", links.alarm(told.region, story.lead.alarm))
    group = _log_group(story)
    change = max(told.changes, key=lambda change: change.at, default=None)
    acting = story.reason not in {Reason.DIGEST, Reason.UNGROUPED, Reason.TEST} and not story.resolved
    return [
        Link("RUNBOOK", links.runbook(place.runbooks, story.runbook)),
        board,
        Link("LOGS", links.logs(told.region, group, start=start, end=end) if group else ""),
        Link("CHANGE", links.endpoint_config(told.region, change.config) if change else ""),
        Link("SILENCE", links.action(place.actions, told.incident) if acting else ""),
    ]


def _log_group(story: Story) -> str:
    if story.reason is Reason.DIGEST:
        return ""
    if story.subject.kind == "job":
        return next((group for name, group in _JOB_LOGS.items() if story.condition.startswith(name)), "")
    return _LOG_GROUPS.get(story.subject.kind, "").format(name=story.subject.name)


def _footer(story: Story, place: Place) -> str:
    told = story.told
    name = "Digest" if story.reason is Reason.DIGEST else "Incident"
    parts = [f"{name} {told.incident}"] if told.incident else []
    parts += [f"group {clean(told.group, MAX_GROUP)}", f"stage {place.stage}", f"written {date(story.now)}"]
    return f"{', '.join(parts)}."
