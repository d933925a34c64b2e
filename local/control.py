"""The control routes under /_mlwarden/: the clock, the recorded messages, faults, reset, the store, health."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.request import Request

from core.cloudwatch.expression import ExpressionError
from local import faults
from local.answers import Answer
from local.world import World

PREFIX = "/_mlwarden/"

_CLOCK_BODY = 'the body must be {"advance_seconds": N} or {"now": "2026-11-20T10:00:00Z"}'


class Refused(Exception):
    """A control request that cannot be carried out; says what would be right."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def respond(
    world: World, request: Request, reset: Callable[[], datetime], keep: Callable[[World], dict[str, Any]]
) -> Answer:
    """Answer a control request.

    POST clock answers when everything due until then has run; GET clock says what time it is; GET messages lists what
    subscribers received; POST faults adds one, GET lists and DELETE forgets them; POST sources gives data to what
    metric math reads elsewhere; POST reset answers when the world is as it was just after the start; POST store when
    the store's file is written. The clock must not be asked while holding `world.lock`.
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
            case ("POST", "faults"):
                return _json(200, _add_fault(world, request.get_data()))
            case ("GET", "faults"):
                return _json(200, world.faults.listed())
            case ("DELETE", "faults"):
                return _json(200, {"cleared": world.faults.clear()})
            case ("POST", "sources"):
                return _json(200, _give(world, request.get_data()))
            case ("POST", "store"):
                return _json(200, keep(world))
            case ("POST", "reset"):
                return _json(200, {"now": iso(reset())})
            case (method, route):
                raise Refused(
                    f"no control route {method} {PREFIX}{route}; there are GET and POST {PREFIX}clock, "
                    f"GET {PREFIX}messages, GET, POST and DELETE {PREFIX}faults, POST {PREFIX}reset, "
                    f"POST {PREFIX}sources, POST {PREFIX}store, GET {PREFIX}health"
                )
    except Refused as refused:
        return _json(refused.status, {"error": str(refused)})


def no_store(_: World) -> dict[str, Any]:
    """The answer of a world that is kept nowhere."""
    raise Refused("there is no file to keep the store in; start with `mlwarden serve --store FILE`", 409)


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


def _add_fault(world: World, body: bytes) -> dict[str, Any]:
    try:
        wish = json.loads(body)
    except ValueError:
        raise Refused('the body must be {"service": ..., "operation": ..., "error": ...}') from None
    try:
        fault = faults.read(wish)
        world.faults.add(fault)
    except faults.WrongFault as wrong:
        raise Refused(str(wrong)) from None
    return faults.described(fault)


def _give(world: World, body: bytes) -> dict[str, Any]:
    """Data of LAMBDA, DB_PERF_INSIGHTS or INSIGHT_RULE_METRIC, in the first region."""
    form = 'the body must be {"call": "LAMBDA(\'f\')", "label": "a", "datums": [{"Timestamp": ..., "Value": 1}]}'
    try:
        wish = json.loads(body)
    except ValueError:
        raise Refused(form) from None
    match wish:
        case {"call": str(call), "datums": [*datums], **rest} if rest.keys() <= {"label"}:
            try:
                world.cloudwatch.give(call, str(rest.get("label", "")), datums)
            except ExpressionError as error:
                raise Refused(f"call: {error.message}") from None
            except ValueError as error:
                raise Refused(f"datums: {error}") from None
            return {"given": len(datums)}
        case _:
            raise Refused(form)


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
