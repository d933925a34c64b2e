"""A message as plain text: lines of at most 78 columns but for the first and for URLs, which have one of their own."""

from core.messages import graphemes, layout
from core.messages.document import Document
from core.messages.fit import fit
from core.messages.limits import MAX_MAIL
from core.messages.sections import Section


def write(document: Document, *, limit: int = MAX_MAIL) -> str:
    """The text, of at most `limit` bytes."""
    text, _ = fit(document, _text, limit)
    return graphemes.shorten_bytes(text, limit)


def _text(document: Document) -> str:
    if document.body:
        return "\n".join([*document.body.rstrip("\n").split("\n"), *_notes(document)]) + "\n"
    lines = [document.first, "", *layout.fields(document.fields)]
    for section in document.sections:
        lines += _section(section)
    lines += layout.section("ACTION", layout.paragraph(document.action, indent="  "))
    for link in document.links:
        lines += layout.section(link.name, [link.url])
    lines += ["", *layout.paragraph(document.why), *layout.paragraph(document.footer), *_notes(document)]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> list[str]:
    if section.bulleted:
        return layout.section(section.title, layout.bullets(section.lines))
    return layout.section(
        section.title, [line for text in section.lines for line in layout.paragraph(text, indent="  ")]
    )


def _notes(document: Document) -> list[str]:
    return [line for note in document.last for line in layout.paragraph(note)]
