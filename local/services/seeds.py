"""What the doubles answer from: small invented figures in AWS's response shapes, brought to the world and its day."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from local.world import World

DATA = Path(__file__).parent / "data"

_SEED_ACCOUNT, _SEED_REGION = "123456789012", "us-east-1"


def load(name: str, world: World) -> dict[str, Any]:
    """A seed file with the world's account and region in it, and its instants as epoch seconds."""
    text = (DATA / name).read_text(encoding="utf-8")
    text = text.replace(_SEED_ACCOUNT, world.account).replace(_SEED_REGION, world.region)
    midnight = world.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    document: dict[str, Any] = _dated(json.loads(text), midnight)
    return document


def _dated(value: Any, midnight: datetime) -> Any:
    """Seeds are as fresh as the day the world started: their instants become its last midnight."""
    if isinstance(value, dict):
        return {
            key: midnight.timestamp()
            if isinstance(item, str) and key.lower().endswith(("timestamp", "time"))
            else _dated(item, midnight)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_dated(item, midnight) for item in value]
    return value


def page(items: list[Any], token: str | None, size: int | None, largest: int) -> tuple[list[Any], str | None]:
    """One page of a list, and the token of the next; a token is the position that a page starts at."""
    start = int(token) if token and token.isdigit() else 0
    end = start + min(size or largest, largest)
    return items[start:end], str(end) if end < len(items) else None
