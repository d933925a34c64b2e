"""Text as people see it: clusters that must not be cut apart, and the columns they take.

A cluster is a character with what is joined to it: combining marks, emoji modifiers and sequences, flags, Hangul
syllables in parts. An approximation of Unicode's extended grapheme clusters (UAX #29) from the standard library's
tables; it never cuts what they join in the scripts and emoji that names and descriptions are written in.
"""

import unicodedata
from collections.abc import Callable

ZWJ, ZWNJ = "\u200d", "\u200c"
_EMOJI_VARIANT = "\ufe0f"
_MARKS = frozenset({"Mn", "Me", "Mc"})
_FLAGS = range(0x1F1E6, 0x1F200)
_SKIN = range(0x1F3FB, 0x1F400)
_HANGUL = (range(0x1100, 0x1200), range(0xAC00, 0xD7A4))
_HANGUL_TAIL = range(0x1160, 0x1200)


def clusters(text: str) -> list[str]:
    """`text` in clusters; joined they are `text` again."""
    if text.isascii():
        return list(text)
    found: list[str] = []
    for character in text:
        if found and _joins(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _joins(before: str, character: str) -> bool:
    code, last = ord(character), ord(before[-1])
    if character in {ZWJ, ZWNJ} or before[-1] == ZWJ or code in _SKIN:
        return True
    if code in _FLAGS:
        return len(before) == 1 and last in _FLAGS
    if code in _HANGUL_TAIL:
        return any(last in part for part in _HANGUL)
    return unicodedata.category(character) in _MARKS


def columns(text: str) -> int:
    """How many columns `text` takes in a fixed-width font: two for CJK and emoji."""
    return len(text) if text.isascii() else sum(_wide(cluster) for cluster in clusters(text))


def _wide(cluster: str) -> int:
    return 2 if unicodedata.east_asian_width(cluster[0]) in {"W", "F"} or _EMOJI_VARIANT in cluster else 1


def shorten(text: str, length: int) -> str:
    """`text` in at most `length` characters, its end replaced by dots when it is cut."""
    return text if len(text) <= length else _cut(text, length, len)


def shorten_bytes(text: str, size: int) -> str:
    """`text` in at most `size` bytes of UTF-8, its end replaced by dots when it is cut."""
    return text if len(text.encode()) <= size else _cut(text, size, lambda part: len(part.encode()))


def _cut(text: str, room: int, measure: Callable[[str], int]) -> str:
    left = room - len("...")
    if left < 0:
        return "..."[:room]
    kept: list[str] = []
    for cluster in clusters(text):
        left -= measure(cluster)
        if left < 0:
            break
        kept.append(cluster)
    return f"{''.join(kept).rstrip()}..."


def split(word: str, width: int) -> list[str]:
    """`word` in pieces of at most `width` columns; a cluster wider than that stands alone."""
    pieces, taken = [""], 0
    for cluster in clusters(word):
        wide = _wide(cluster)
        if taken + wide > width and pieces[-1]:
            pieces.append("")
            taken = 0
        pieces[-1] += cluster
        taken += wide
    return pieces
