"""A message for OpsCenter: an OpsItem that is opened once an incident and closed with it.

SSM CreateOpsItem and UpdateOpsItem:
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html
"""

from typing import Any

from core.catalogue.alarm import Severity
from core.messages import data, graphemes
from core.messages.document import Document
from core.messages.fit import fit
from core.messages.limits import MAX_OPS_DESCRIPTION, MAX_OPS_TITLE, MAX_OPS_VALUE
from core.messages.pagerduty import key
from core.messages.story import MAX_LISTED

SOURCE = "mlwarden"
RESOLVED = "Resolved"
MAX_FIELD = 200
"""Characters of a field, so that all of them fit."""

_SEVERITIES = {Severity.CRITICAL: "1", Severity.WARNING: "3", Severity.INFO: "4"}
"""OpsCenter counts from 1, critical, to 4, low."""


def write(document: Document, *, limit: int = MAX_OPS_DESCRIPTION) -> str:
    """The JSON `{"open": item}`, at the end of an incident `{"close": item}`.

    `item` are the parameters of CreateOpsItem; one whose `/aws/dedup` is open already is not made twice. An end has the
    Status that UpdateOpsItem gives the open one.
    """
    story = document.story
    description, _ = fit(document, _description, limit, size=len)
    item = {
        "Title": graphemes.shorten(document.first, MAX_OPS_TITLE),
        "Description": graphemes.shorten(description, limit),
        "Source": SOURCE,
        "Category": "Availability",
        "Severity": _SEVERITIES[story.severity],
        "OperationalData": _operational(document),
    }
    return data.dumps({"close": {**item, "Status": RESOLVED}} if story.resolved else {"open": item})


def _operational(document: Document) -> dict[str, Any]:
    told = document.story.told
    arns = dict.fromkeys(alert.arn for alert in (*told.firing, *told.resolved)[:MAX_LISTED] if alert.arn)
    values = {
        "/aws/dedup": data.dumps({"dedupString": key(told)}),
        "/aws/resources": data.dumps([{"arn": arn} for arn in arns]) if arns else "",
        "incident": told.incident,
        "figures": data.figures(document, limit=MAX_OPS_VALUE),
        **{link.name.lower(): link.url for link in document.links},
    }
    searchable = {"/aws/dedup", "/aws/resources", "incident"}
    return {
        name: {"Value": value, "Type": "SearchableString" if name in searchable else "String"}
        for name, value in values.items()
        if value
    }


def _description(document: Document) -> str:
    lines = [document.body] if document.body else [_field(name, value) for name, value in document.fields]
    for section in document.sections if not document.body else ():
        lines += ["", section.title, *(f"- {line}" for line in section.lines)]
    return "\n".join([*lines, "", f"ACTION: {document.action}", document.why, document.footer, *document.last])


def _field(name: str, value: str) -> str:
    return f"{name}: {graphemes.shorten(value, MAX_FIELD)}"
