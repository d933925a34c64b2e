"""Messages made to fit: whole sections go, the least valuable first, and the last lines say which."""

from collections.abc import Callable

from core.messages.document import Document, smaller


def octets(text: str) -> int:
    """The size in UTF-8."""
    return len(text.encode())


def fit(
    document: Document, write: Callable[[Document], str], limit: int, *, size: Callable[[str], int] = octets
) -> tuple[str, bool]:
    """What `write` makes of `document`, or of as much of it as takes at most `limit`; and whether it does.

    What must stay may be too large: then the second answer is False.
    """
    text = write(document)
    while size(text) > limit:
        less = smaller(document)
        if less is None:
            return text, False
        document = less
        text = write(document)
    return text, True
