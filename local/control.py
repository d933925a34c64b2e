"""The control routes under /_mlwarden/: the clock, the recorded messages, reset, health."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.request import Request

from local.answers import Answer
from local.world import World

PREFIX = "/_mlwarden/"

_CLOCK_BODY = 'the body must be {"advance_seconds": N} or {"now": "2026-11-20T10:00:00Z"}'


class Refused(Exception):
    """A control request that cannot be carried out; says what would be right."""


def respond(world: World, request: Request, reset: Callable[[], datetime]) -> Answer:
    """Answer a control request.

    POST clock answers when everything due until then has run; GET clock says what time it is; GET messages lists what
    subscribers received; POST reset answers when the world is as it was just after the start. The clock must not be
    asked while holding `world.lock`.
    """
    try:
        match (request.method, request.path.removeprefix(PREFIX).rstrip("/")):
            case ("GET", "health"):
                return _json(200, {"status": "ok", "now": iso(world.clock.now())})
            case ("GET", "clock"):
                return _json(200, {"now": iso(world.clock.now())})
            case ("POST", "clock"):
                return _json(200, {"now": iso(_move(world, request.get_data()))})
            case ("GET", "messages"):
                return _json(200, _messages(world))
            case ("POST", "reset"):
                return _json(200, {"now": iso(reset())})
            case (method, route):
                raise Refused(
                    f"no control route {method} {PREFIX}{route}; there are GET and POST {PREFIX}clock, "
                    f"GET {PREFIX}messages, POST {PREFIX}reset, GET {PREFIX}health"
                )
    except Refused as refused:
        return _json(400, {"error": str(refused)})


def iso(instant: datetime) -> str:
    """`2026-11-20T10:00:00Z`, with microseconds when there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _move(world: World, body: bytes) -> datetime:
    try:
        wish = json.loads(body)
    except ValueError:
        raise Refused(_CLOCK_BODY) from None
    for each in list(world.regions.values()):
        each.stacks.settle()  # a deployment under way is part of the present
    match wish:
        case {"advance_seconds": int() | float() as seconds, **rest} if not rest and not isinstance(seconds, bool):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise Refused(f"advance_seconds: {seconds} is not a number of seconds that is 0 or more")
            return world.clock.advance(timedelta(seconds=seconds))
        case {"now": str(text), **rest} if not rest:
            instant = _instant(text)
            if instant < world.clock.now():
                raise Refused(f"now: {text} is before the clock, which is at {iso(world.clock.now())}")
            world.clock.run_until(instant)
            return world.clock.now()
        case _:
            raise Refused(_CLOCK_BODY)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"now: {text!r} is not an ISO 8601 instant such as 2026-11-20T10:00:00Z") from None
    if instant.tzinfo is None:
        raise Refused(f"now: {text!r} has no time zone; write 2026-11-20T10:00:00Z")
    return instant.astimezone(UTC)


def _messages(world: World) -> list[dict[str, str]]:
    return [
        {
            "time": iso(message.time),
            "topic_arn": message.topic_arn,
            "protocol": message.protocol,
            "endpoint": message.endpoint,
            "subject": message.subject,
            "body": message.body,
        }
        for message in world.messages.all()
    ]


def _json(status: int, value: Any) -> Answer:
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(value).encode())
