"""Messages in a user's own words: a folder of templates, each for one part of one channel's message.

A template is text with `$name` or `${name}` where a field goes (`$$` is a dollar sign): Python's string.Template, which
runs nothing. What cannot be used (a field that does not exist, nothing in it, too long) is not: the message is then
mlwarden's own, and its last line says so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template

from core.messages import layout
from core.messages.limits import (
    MAX_CHAT_DESCRIPTION,
    MAX_MAIL,
    MAX_OPS_DESCRIPTION,
    MAX_PAGER_SUMMARY,
    MAX_SLACK_SECTION,
    MAX_SMS,
    MAX_SUBJECT,
    MAX_TEAMS,
    MAX_TEMPLATE,
)

PARTS = {
    "subject": MAX_SUBJECT,
    "mail": MAX_MAIL // 4,
    "sms": MAX_SMS,
    "slack": MAX_SLACK_SECTION,
    "teams": MAX_TEAMS // 4,
    "amazon-q": MAX_CHAT_DESCRIPTION // 2,
    "pagerduty": MAX_PAGER_SUMMARY,
    "opscenter": MAX_OPS_DESCRIPTION // 2,
}
"""What can be put in other words, and the most characters it may take when it is filled in.

subject and sms: the line. mail: the whole text. pagerduty: the summary. The others: what stands between the first line
and the action, the links and the reason, which always stay.
"""

FIELDS = {
    "account": "the AWS account",
    "action": "what mlwarden did, and how to quieten it",
    "age": "how long ago it began, or how long it lasted",
    "alerts": "the FIRING list, one alert a line",
    "cause": "the likely cause, or `not determined`",
    "change": "link to the newest endpoint configuration",
    "confidence": "of the cause: high, medium or low",
    "dashboard": "link to the dashboard with its time range",
    "detail": "a contributor's attributes, or the source's own reason",
    "evidence": "what was looked up, one thing a line",
    "firing": "how many alerts fire",
    "first_line": "mlwarden's own first line",
    "group": "the group's key",
    "impact": "failed and all requests",
    "incident": "the incident's id",
    "kind": "of the subject: endpoint, host, ...",
    "logs": "link to the logs with their time range",
    "name": "the subject's name",
    "notification": "the notification's id, the same for every attempt",
    "owner": "the owner",
    "peak": "the worst value",
    "reason": "first, new-alerts, repeat, all-resolved, ...",
    "receiver": "who is told",
    "region": "the AWS region",
    "resolved": "how many alerts have resolved",
    "runbook": "link to the runbook",
    "severity": "critical, warning or info",
    "silence": "link to the page where it is silenced",
    "since": "when it began",
    "stage": "the deployment",
    "state": "firing or resolved",
    "symptoms": "the SYMPTOMS list, one alert a line",
    "threshold": "what the value is held against",
    "title": "what is wrong",
    "until": "when it ended",
    "value": "the newest value",
    "variant": "the endpoint's variant",
    "why": "why this message is sent, and when the next one is",
}
"""Every field, and what it holds; one that is not known of a message is empty."""


@dataclass(frozen=True, slots=True)
class Templates:
    """Templates by part, each as its file has it."""

    texts: tuple[tuple[str, str], ...] = ()

    def of(self, part: str) -> str | None:
        """A part's template, None where there is none."""
        return next((text for name, text in self.texts if name == part), None)


NONE = Templates()


@dataclass(frozen=True, slots=True)
class Filled:
    """A template filled in, or `problem` says why it cannot be used. Both are empty where there is no template."""

    text: str = ""
    problem: str = ""


def parse(files: Mapping[str, str]) -> Templates:
    """The templates of a folder, by file name (`mail.txt`); raises ValueError naming a file that is for nothing."""
    texts: dict[str, str] = {}
    for name, text in sorted(files.items()):
        part = name.removesuffix(".txt")
        if part not in PARTS or not name.endswith(".txt"):
            known = ", ".join(f"{part}.txt" for part in PARTS)
            raise ValueError(f"{name}: no message has such a part; there are {known}")
        texts[part] = text
    return Templates(tuple(texts.items()))


def problems(templates: Templates) -> tuple[str, ...]:
    """What is wrong with each template whatever the message, as sentences that name the file."""
    found = ((part, _broken(text)) for part, text in templates.texts)
    return tuple(f"{part}.txt: {problem}" for part, problem in found if problem)


def fill(templates: Templates, part: str, fields: Mapping[str, str], *, escape: Callable[[str], str] = str) -> Filled:
    """The part's template with `fields` put in, each through `escape`."""
    text = templates.of(part)
    if text is None:
        return Filled()
    problem = _broken(text)
    if problem:
        return Filled(problem=_note(part, problem))
    filled = Template(text).substitute({name: escape(value) for name, value in fields.items()})
    if part in {"subject", "sms"}:
        filled = layout.one_line(filled)
    if not filled.strip():
        return Filled(problem=_note(part, "it is empty when it is filled in"))
    if len(filled) > PARTS[part]:
        told = f"it has {len(filled):,} characters when it is filled in; {PARTS[part]:,} is the most"
        return Filled(problem=_note(part, told))
    return Filled(filled)


def encode(templates: Templates) -> str:
    """JSON for the functions' layer."""
    return json.dumps(dict(templates.texts), sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def decode(text: str) -> Templates:
    """What `encode` wrote."""
    return Templates(tuple(sorted(json.loads(text).items())))


def _broken(text: str) -> str:
    if not text.strip():
        return "it is empty"
    if len(text) > MAX_TEMPLATE:
        return f"it has {len(text):,} characters; {MAX_TEMPLATE:,} is the most"
    template = Template(text)
    if not template.is_valid():
        return "a $ stands alone; $$ is a dollar sign"
    unknown = sorted(set(template.get_identifiers()) - set(FIELDS))
    return f"${unknown[0]} is not a field; there are {', '.join(FIELDS)}" if unknown else ""


def _note(part: str, problem: str) -> str:
    return f"The template {part}.txt was not used: {problem}."
