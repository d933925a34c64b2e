"""The actions page, behind a function URL: GET shows what would happen, POST with a nonce of that page does it.

Mail scanners and chat previews open links, so a GET changes no silence; its one write is the nonce, and only for an
incident that runs. Whoever has an incident's link may silence its group for an hour, and the audit trail says so.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools import Logger

from core.channels import pages
from core.channels.listing import Line
from core.channels.pages import Page
from core.incidents import silences
from core.incidents.group import Group
from core.incidents.policy import Matcher, Op
from core.incidents.silences import Silence
from core.settings import Actions
from lambdas.adapters import audit, groups, nonces

LENGTH = timedelta(hours=1)
MAX_BODY = 4_096
MAX_FIELDS = 20
MAX_NAME = 64
SILENCE = "silence"
_GONE = "The page is older than ten minutes, or its button was pressed before. Open the link again."

log = Logger(service="actions")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one HTTP request (payload format 2.0 of function URLs)."""
    settings = Actions.from_environment(os.environ)
    now = datetime.now(UTC)
    method = event.get("requestContext", {}).get("http", {}).get("method", "")
    match method:
        case "GET":
            page = _show(_fields(str(event.get("rawQueryString") or "")), settings, now)
        case "POST":
            page = _act(_fields(_body(event)), settings, now)
        case "HEAD":
            page = Page(200, "")
        case _:
            page = pages.problem(405, "Not here", "This page takes GET and POST.")
    log.info("request answered", extra={"method": method, "status": page.status})
    return {"statusCode": page.status, "headers": dict(pages.HEADERS), "body": page.body}


def _show(fields: Mapping[str, str], settings: Actions, now: datetime) -> Page:
    if fields.get("act") != SILENCE:
        return pages.problem(400, "Nothing to do", "The link names no action that this page knows.")
    found = _running(fields.get("incident", ""), settings)
    if isinstance(found, Page):
        return found
    line, group = found
    nonce = secrets.token_urlsafe(32)
    nonces.give(settings.table, nonce, line.id, now=now)
    fits = tuple(str(matcher) for matcher in _matchers(group))
    return pages.confirm(line, fits, nonce, until=now + LENGTH, now=now)


def _act(fields: Mapping[str, str], settings: Actions, now: datetime) -> Page:
    nonce, by = fields.get("nonce", ""), fields.get("by", "").strip()[:MAX_NAME]
    right = nonces.find(settings.table, nonce, now=now) if nonce else None
    if right is None:
        return pages.problem(409, "Too late", _GONE)
    if not by:
        return pages.problem(400, "Who?", "A name is needed: the audit trail says who silenced.")
    found = _running(right.incident, settings)
    if isinstance(found, Page):
        return found
    line, group = found
    made = _silence(line, group, by, now)
    if not nonces.use(settings.table, nonce, group.key, right, made, now=now, audit_days=settings.audit_days):
        return pages.problem(409, "Too late", _GONE)
    log.info("group silenced", extra={"group": group.key, "incident": line.id, "silence": made.id})
    return pages.done(line, made.id, until=made.ends_at)


def _running(identity: str, settings: Actions) -> tuple[Line, Group] | Page:
    """The incident and its group while it runs and can be silenced; else the page that says why not."""
    line = audit.find(settings.table, identity) if _plausible(identity) else None
    if line is None:
        return pages.problem(404, "No such incident", "The link names no incident that is kept.")
    if line.resolved_at is not None:
        return pages.problem(410, f"{line.id} is over", "There is nothing to silence.")
    group = groups.group(settings.table, line.group)
    if group is None or not _matchers(group):
        return pages.problem(409, "Not from here", "Its group has no labels to silence by: use the command line.")
    return line, group


def _plausible(identity: str) -> bool:
    """`INC-YYYYMMDD-xxxxxxxx`: what else a link may carry is not looked up."""
    return len(identity) == 21 and identity.startswith("INC-") and identity.isascii() and identity.isprintable()


def _matchers(group: Group) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, Op.EQUAL, value) for name, value in group.labels if value)


def _silence(line: Line, group: Group, by: str, now: datetime) -> Silence:
    return silences.create(
        _matchers(group),
        starts_at=now,
        ends_at=now + LENGTH,
        created_by=by,
        comment=f"{line.id}, from the actions page",
        now=now,
    )


def _body(event: Mapping[str, Any]) -> str:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _fields(text: str) -> dict[str, str]:
    """The first value of each field; nothing where the text holds more than any form of ours."""
    if len(text) > MAX_BODY:
        return {}
    try:
        return {name: values[0] for name, values in parse_qs(text, max_num_fields=MAX_FIELDS).items()}
    except ValueError:
        return {}
