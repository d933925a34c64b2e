"""Plain-text layout for mail: 78 columns, one URL a line, subjects in ASCII, nothing secret."""

import re
import unicodedata
from collections.abc import Sequence

from core.messages import graphemes
from core.messages.graphemes import ZWJ, ZWNJ, columns

COLUMNS = 78

_SPELLED = {"°": "deg ", "\u00b5": "u", "\u2013": "-", "\u2014": "-", "…": "...", "≥": ">=", "≤": "<="}
_BLANK = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Controls, bidirectional overrides, halves of surrogate pairs and every kind of space become one space."""
_NOT_CHARACTERS = range(0xFDD0, 0xFDF0)
"""With the last two of every plane: no text for XML, and so refused by SNS and SQS."""

_SECRETS = (
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "[access key removed]"),
    (re.compile(r"(?i)\b(X-Amz-(?:Signature|Security-Token|Credential))=[^&\s]+"), r"\1=[removed]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{16,}"), r"\1 [removed]"),
    (re.compile(r"https://hooks\.slack\.com/\S+"), "[webhook removed]"),
    (re.compile(r"\bxox[abeprs]-[\w-]{8,}"), "[token removed]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"), "[token removed]"),
    (re.compile(r"(?i)\b(password|passwd|secret|token|api[_-]?key)(\s*[=:]\s*)[^\s,;&]+"), r"\1\2[removed]"),
)


def paragraph(text: str, *, indent: str = "", hanging: str | None = None) -> list[str]:
    """`text` on lines of at most 78 columns; words longer than a line are broken."""
    following = indent if hanging is None else hanging
    widest = COLUMNS - max(columns(indent), columns(following))
    lines: list[str] = []
    line, taken = "", 0
    for word in one_line(text).split():
        for number, piece in enumerate(graphemes.split(word, widest)):
            wide = columns(piece)
            room = COLUMNS - columns(following if lines else indent)
            if line and (number or taken + 1 + wide > room):
                lines.append((following if lines else indent) + line)
                line, taken = piece, wide
            else:
                line, taken = (f"{line} {piece}", taken + 1 + wide) if line else (piece, wide)
    return [*lines, (following if lines else indent) + line] if line else lines


def bullets(texts: Sequence[str]) -> list[str]:
    """Each text as an indented item."""
    return [line for text in texts for line in paragraph(text, indent="  - ", hanging="    ")]


def section(title: str, lines: list[str]) -> list[str]:
    """A titled block with the empty line before it; nothing when it has no lines."""
    return ["", title, *lines] if lines else []


def fields(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    """Names and values in two columns; empty values are left out."""
    width = max((len(name) for name, _ in pairs), default=0) + 2
    return [
        line
        for name, value in pairs
        if value
        for line in paragraph(value, indent=f"{name:<{width}}", hanging=" " * width)
    ]


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and bidirectional overrides; joiners of emoji and scripts stay."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(" " if _blank(character) else character for character in text).split())


def _blank(character: str) -> bool:
    code = ord(character)
    if code & 0xFFFE == 0xFFFE or code in _NOT_CHARACTERS:
        return True
    return unicodedata.category(character) in _BLANK and character not in {ZWJ, ZWNJ}


def clean(text: str, length: int) -> str:
    """Free text from outside as a message may show it: one line, no credentials, at most `length` characters."""
    # Enough of it to fill the room; what follows is not even looked at.
    told = one_line(text[: 4 * length])
    for pattern, instead in _SECRETS:
        told = pattern.sub(instead, told)
    return graphemes.shorten(told, length)


def ascii_only(text: str) -> str:
    """`text` in ASCII: accents dropped, units spelled, anything else a question mark."""
    spelled = "".join(_SPELLED.get(character, character) for character in one_line(text))
    decomposed = unicodedata.normalize("NFKD", spelled)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return bare.encode("ascii", "replace").decode("ascii")
