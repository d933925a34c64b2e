"""The actions page: what it shows before and after a person acts. Everything that came from elsewhere is escaped."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from html import escape

from core.channels.listing import Line, span
from core.incidents import instants

STYLE = "body{font-family:sans-serif;max-width:40em;margin:2em auto;padding:0 1em}dt{font-weight:bold}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""So that no other style is applied."""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer: no script, nothing from elsewhere, no frame around it, and no copy kept."""


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer."""

    status: int
    body: str


def confirm(line: Line, matchers: tuple[str, ...], nonce: str, *, until: datetime, now: datetime) -> Page:
    """What would happen, and the one button that makes it happen; asking for this page changes nothing."""
    rows = _rows(line, now)
    fits = "".join(f"<li><code>{escape(matcher)}</code></li>" for matcher in matchers)
    form = (
        '<form method="post"><input type="hidden" name="nonce" value="' + escape(nonce) + '">'
        '<p><label>Your name <input name="by" maxlength="64" required></label></p>'
        "<p><button>Silence for one hour</button></p></form>"
    )
    said = f"Nobody would be told of alerts that fit all of these until {instants.show(until)}:"
    return _page(200, f"Silence {line.id}?", f"{rows}<p>{escape(said)}</p><ul>{fits}</ul>{form}")


def done(line: Line, silence: str, *, until: datetime) -> Page:
    """The silence stands."""
    said = f"Silence {silence} stands until {instants.show(until)}."
    end = f"mlwarden incidents silence expire {silence}"
    return _page(200, f"{line.id} is silenced", f"<p>{escape(said)}</p><p>End it early: <code>{escape(end)}</code></p>")


def problem(status: int, title: str, said: str) -> Page:
    """Nothing was done, and why."""
    return _page(status, title, f"<p>{escape(said)}</p><p>Nothing was changed.</p>")


def _rows(line: Line, now: datetime) -> str:
    shown = (
        ("subject", line.subject),
        ("what", line.title),
        ("severity", line.severity),
        ("owner", line.owner or "-"),
        ("age", span(line.age(now))),
        ("cause", line.cause or "not determined"),
    )
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in shown) + "</dl>"


def _page(status: int, title: str, body: str) -> Page:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return Page(
        status,
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>",
    )
