"""The table's silences: all in one partition, since every flush reads all of them."""

from core.incidents import keys, record
from core.incidents.silences import Silence
from lambdas.adapters import items
from lambdas.adapters.items import expiry, text

SILENCE_DAYS = 30
"""How long a silence is kept after its end."""


def load(table: str) -> tuple[Silence, ...]:
    """Every silence that is kept, ended ones included."""
    found = items.query(table, keys.SILENCES, prefix=keys.SILENCE)
    return tuple(record.decode_silence(item["document"]["S"]) for item in found)


def put(table: str, kept: Silence) -> None:
    """Keep a silence, in place of the one with its id."""
    item = {
        **items.key(keys.silence(kept.id)),
        "document": text(record.encode_silence(kept)),
        "expires_at": expiry(kept.ends_at, SILENCE_DAYS),
    }
    items.put(table, item)
