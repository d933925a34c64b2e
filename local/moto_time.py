"""Puts moto on the world's clock: its timestamps, visibility timeouts and identifiers follow virtual time.

moto's own notion of the present is `moto.core.utils.utcnow`; `unix_time` and `unix_time_millis` are computed from it.
Modules import it by name, so it is replaced wherever a loaded moto module holds it. `tests/local/engine/
test_moto_hooks.py` holds moto to the shape this relies on.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import moto.core.utils
import moto.sqs.models
from moto.moto_api._internal import mock_random

from local.clock import Clock

SEED = 20261121
"""Where moto's identifiers start from, so that two runs give the same ones."""

_original: Callable[[], datetime] = moto.core.utils.utcnow
_clock: Clock | None = None


def _utcnow() -> datetime:
    return _original() if _clock is None else _clock.now().replace(tzinfo=None)


def follow(clock: Clock) -> None:
    """Put moto on `clock` and its identifiers on a fixed seed."""
    global _clock  # noqa: PLW0603  # moto is one per process, and so is its clock
    _clock = clock
    mock_random.seed(SEED)
    for name, module in list(sys.modules.items()):
        if (name == "moto" or name.startswith("moto.")) and vars(module).get("utcnow") is _original:
            module.utcnow = _utcnow  # type: ignore[attr-defined]
    moto.sqs.models.Message.visible = property(_visible)  # type: ignore[method-assign,assignment]
    moto.sqs.models.Message.delayed = property(_delayed)  # type: ignore[method-assign,assignment]


def release() -> None:
    """Give moto back to wall time. Its modules keep asking `_utcnow`, which then answers as moto's own would."""
    global _clock  # noqa: PLW0603
    _clock = None


def from_milliseconds(value: float) -> datetime:
    """moto's epoch milliseconds as an aware instant, to the millisecond."""
    return datetime.fromtimestamp(round(value) / 1000, tz=UTC)


def _milliseconds() -> int:
    """The present as moto counts it; asked for every message of a queue by each look at that queue."""
    if _clock is None:
        return round(moto.core.utils.unix_time_millis())
    return _in_milliseconds(_clock.now())


@lru_cache(maxsize=1)
def _in_milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


# moto compares strictly, which only works where time moves by itself: a message that becomes visible at T would not be
# visible at T, and one returned with a timeout of 0 never while the clock stands.


def _visible(message: Any) -> bool:
    return bool(_milliseconds() >= round(message.visible_at))


def _delayed(message: Any) -> bool:
    return bool(_milliseconds() < round(message.delayed_until))
