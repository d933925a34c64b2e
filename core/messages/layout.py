"""Plain-text layout for mail: 78 columns, one URL a line, subjects in ASCII."""

import textwrap
import unicodedata

COLUMNS = 78
MAX_SUBJECT = 99  # SNS: fewer than 100 characters
MAX_FIRST_LINE = 100

_SPELLED = {"°": "deg ", "\u00b5": "u", "\u2013": "-", "\u2014": "-", "…": "...", "≥": ">=", "≤": "<="}


def paragraph(text: str, *, indent: str = "", hanging: str | None = None) -> list[str]:
    """`text` on lines of at most 78 columns; words longer than a line are broken."""
    following = indent if hanging is None else hanging
    return textwrap.wrap(
        one_line(text),
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=following,
        break_on_hyphens=False,
    )


def bullets(texts: list[str]) -> list[str]:
    """Each text as an indented item."""
    return [line for text in texts for line in paragraph(text, indent="  - ", hanging="    ")]


def section(title: str, lines: list[str]) -> list[str]:
    """A titled block with the empty line before it; nothing when it has no lines."""
    return ["", title, *lines] if lines else []


def fields(pairs: list[tuple[str, str]]) -> list[str]:
    """Names and values in two columns; empty values are left out."""
    width = max((len(name) for name, _ in pairs), default=0) + 2
    return [
        line
        for name, value in pairs
        if value
        for line in paragraph(value, indent=f"{name:<{width}}", hanging=" " * width)
    ]


def one_line(text: str) -> str:
    """`text` without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, length: int) -> str:
    """`text` in at most `length` characters, its end replaced by dots when it is cut."""
    return text if len(text) <= length else f"{text[: max(length - 3, 0)].rstrip()}..."[:length]


def ascii_only(text: str) -> str:
    """`text` in ASCII: accents dropped, units spelled, anything else a question mark."""
    spelled = "".join(_SPELLED.get(character, character) for character in one_line(text))
    decomposed = unicodedata.normalize("NFKD", spelled)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return bare.encode("ascii", "replace").decode("ascii")
