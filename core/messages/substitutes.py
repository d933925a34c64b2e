"""The fields that a user's template may name, as text."""

from core.messages.document import Document
from core.messages.figures import age, date
from core.messages.layout import clean
from core.messages.limits import MAX_FREE, MAX_NAME
from core.messages.sections import Worth, impact_text


def gather(document: Document) -> dict[str, str]:
    """A text for every name of `templates.FIELDS`; empty where the message has nothing to say of it."""
    story, place = document.story, document.place
    told, lead = story.told, story.lead
    found = told.investigation
    cause = found.cause if found else None
    lists = {
        section.worth: "\n".join(f"- {line}" for line in section.lines)
        for section in document.sections
        if section.worth in {Worth.ALERTS, Worth.SYMPTOMS, Worth.EVIDENCE}
    }
    return {
        "account": told.account,
        "action": document.action,
        "age": age(story.lasted),
        "alerts": lists.get(Worth.ALERTS, ""),
        "cause": clean(cause.text, MAX_FREE) if cause else "not determined",
        "change": document.link("CHANGE"),
        "confidence": cause.confidence.value if cause else "",
        "dashboard": document.board,
        "detail": lead.detail if lead else "",
        "evidence": lists.get(Worth.EVIDENCE, ""),
        "firing": f"{told.firing_count:,}",
        "first_line": document.first,
        "group": clean(told.group, MAX_FREE),
        "impact": impact_text(found.impact) if found and found.impact else "",
        "incident": told.incident,
        "kind": story.subject.kind,
        "logs": document.link("LOGS"),
        "name": story.where,
        "notification": told.id,
        "owner": story.owner,
        "peak": lead.peak.text if lead and lead.peak else "",
        "reason": story.reason.value,
        "receiver": clean(told.receiver, MAX_NAME),
        "region": told.region,
        "resolved": f"{told.resolved_count:,}",
        "runbook": document.link("RUNBOOK"),
        "severity": story.severity.value,
        "silence": document.link("SILENCE"),
        "since": date(story.since),
        "stage": place.stage,
        "state": "resolved" if story.resolved else "firing",
        "symptoms": lists.get(Worth.SYMPTOMS, ""),
        "threshold": lead.threshold.text if lead and lead.threshold else "",
        "title": lead.title if lead else story.reason.value,
        "until": date(story.until) if story.until else "",
        "value": lead.value.text if lead and lead.value else "",
        "variant": story.subject.variant,
        "why": document.why,
    }
