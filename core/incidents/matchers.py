"""Matchers as text, as Alertmanager writes them: `severity="critical"`, `{team=~"gpu|ml", stage!=dev}`."""

import re

from core.incidents.policy import Matcher, Op, pattern

_NAME = r"[A-Za-z_][A-Za-z0-9_.:-]*"
_ONE = re.compile(rf'\s*({_NAME})\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",{{}}]*))\s*', re.DOTALL)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def parse(text: str) -> tuple[Matcher, ...]:
    """The matchers of a text, separated by commas, with or without braces; raises ValueError saying what is wrong."""
    inner = text.strip()
    if inner.startswith("{") != inner.endswith("}") or (inner == "{"):
        raise ValueError(f"{text!r}: a brace is missing")
    inner = inner[1:-1] if inner.startswith("{") else inner
    found: list[Matcher] = []
    place = 0
    while place < len(inner) and inner[place:].strip():
        match = _ONE.match(inner, place)
        if match is None:
            raise ValueError(
                f'{text!r}: {inner[place:].strip()!r} is no matcher; one such as severity="critical" would be right'
            )
        place = match.end()
        if place < len(inner):
            if inner[place] != ",":
                raise ValueError(f"{text!r}: a comma is needed before {inner[place:].strip()!r}")
            place += 1
        found.append(
            _matcher(
                match[1], Op(match[2]), match[3] if match[3] is not None else match[4], quoted=match[3] is not None
            )
        )
    return tuple(found)


def one(text: str) -> Matcher:
    """The one matcher of a text; raises ValueError for none or several."""
    found = parse(text)
    if len(found) != 1:
        raise ValueError(f'{text!r}: one matcher is needed, such as severity="critical"')
    return found[0]


def _matcher(label: str, op: Op, value: str, *, quoted: bool) -> Matcher:
    if quoted:
        value = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[0]), value, flags=re.DOTALL)
    if op in {Op.MATCHES, Op.MATCHES_NOT}:
        pattern(value)
    return Matcher(label, op, value)
