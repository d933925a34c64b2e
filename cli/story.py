"""The demo as it is told: virtual time passes, and what happens is printed as it happens."""

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TextIO

from core.config import Endpoint
from local.journal import Entry
from local.messages import Message
from local.world import World

STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)


class Told:
    """Where the story is printed; quiet when only JSON is wanted."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._colour = not quiet and stream.isatty()

    def note(self, text: str) -> None:
        """A line that belongs to no instant."""
        self._print(f"         {text}")

    def line(self, at: datetime, kind: str, text: str, colour: str = "") -> None:
        """A line of the timeline."""
        mark = f"\033[{colour}m" if self._colour and colour else ""
        self._print(f"{at:%H:%M:%S} {mark}{kind:<9}{text}" + ("\033[0m" if mark else ""))

    def block(self, text: str) -> None:
        """A message as its reader sees it."""
        for line in text.splitlines():
            self._print(f"         │ {line}")

    def summary(self, told: dict[str, Any]) -> None:
        """The last lines: what was shown, in figures."""
        self._print("")
        if told["fire"] and told["resolve"]:
            self.note(
                f"from fault to page {told['fault_to_message_seconds']:.0f} s, from rollback to resolve "
                f"{told['rollback_to_resolve_seconds']:.0f} s of virtual time; {told['wall_seconds']:.0f} s in all"
            )
        else:
            self.note("no message came for the fault or for the recovery: this is a defect")

    def _print(self, text: str) -> None:
        if not self._quiet:
            print(text, file=self._stream, flush=True)


class Story:
    """Moves the clock at a pace that a person can follow, and tells the journal's entries."""

    def __init__(
        self, world: World, endpoint: Endpoint, *, speed: float, before: Callable[[datetime], None], out: Told
    ) -> None:
        """`speed` is virtual seconds a second; `before` is asked before each step, and may hold time up until then."""
        self._world = world
        self._before = before
        self._endpoint = endpoint
        self._speed = speed
        self._out = out
        self._told = 0
        self._heard = 0
        self._entries: list[Entry] = []

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self._endpoint.name

    def now(self) -> datetime:
        """The present virtual instant."""
        return self._world.clock.now()

    def chapter(self, text: str) -> None:
        """Say what is being done to the endpoint."""
        self._out.line(self.now(), "━━━", text, "1")

    def advance(self, duration: timedelta) -> None:
        """Let time pass and tell what happens."""
        end = self.now() + duration
        while self.now() < end:
            self._step()

    def until_message(self, patience: timedelta) -> Message | None:
        """Let time pass until a message about the endpoint arrives; None when none does."""
        end = self.now() + patience
        while self.now() < end:
            self._step()
            messages = self._world.messages.all()
            fresh, self._heard = messages[self._heard :], len(messages)
            for message in fresh:
                if self._endpoint.name in message.subject:
                    return message
        return None

    def transitions(self) -> list[dict[str, object]]:
        """Each change of an alarm's state."""
        return [{"time": _text(entry.time), **entry.facts} for entry in self._entries if entry.kind == "alarm"]

    def invocations(self) -> dict[str, int]:
        """How often each function ran."""
        return dict(Counter(function_name(entry) for entry in self._entries if entry.kind == "function"))

    def message_count(self) -> int:
        """How many messages subscribers got."""
        return len(self._world.messages.all())

    def as_json(self, message: Message | None) -> dict[str, str] | None:
        """A message as JSON, or None."""
        if message is None:
            return None
        return {
            "time": _text(message.time),
            "protocol": message.protocol,
            "endpoint": message.endpoint,
            "subject": message.subject,
            "body": message.body,
        }

    def _step(self) -> None:
        started = time.monotonic()
        before = self.now()
        self._before(before + STEP)
        self._world.clock.run_until(before + STEP)
        self._tell_entries()
        if before.minute != self.now().minute:
            self._tell_metrics()
        rest = STEP.total_seconds() / self._speed - (time.monotonic() - started)
        if rest > 0:
            time.sleep(rest)

    def _tell_metrics(self) -> None:
        shown = endpoint_figures(self._world, self._endpoint)
        if shown:
            self._out.line(self.now(), "metric", f"{self.endpoint}  {shown}")

    def _tell_entries(self) -> None:
        entries = self._world.journal.since(self._told)
        self._told += len(entries)
        self._entries += entries
        alike = Counter(_key(entry) for entry in entries)
        for entry in entries:
            times = alike.pop(_key(entry), 0)
            if times:
                self._tell(entry, times)

    def _tell(self, entry: Entry, times: int) -> None:
        facts = entry.facts
        again = f"  ({times} times)" if times > 1 else ""
        if entry.kind == "alarm":
            colour = {"ALARM": "31", "OK": "32"}.get(str(facts["new"]), "2")
            if "INSUFFICIENT_DATA" not in (facts["old"], facts["new"]) or facts["new"] == "ALARM":
                self._out.line(entry.time, "alarm", f"{facts['name']}  {facts['old']} → {facts['new']}", colour)
        elif entry.kind == "rule" and facts["detail_type"] != "Scheduled Event":
            self._out.line(entry.time, "rule", f"{_plain(facts['name'])} matched “{facts['detail_type']}”{again}", "2")
        elif entry.kind == "function" and (facts["records"] or facts["error"]):
            outcome = f"failed: {facts['error']}" if facts["error"] else f"{facts['duration_ms']:.0f} ms"
            self._out.line(entry.time, "function", f"{function_name(entry)}  {outcome}{again}", "2")
        elif entry.kind == "message":
            self._out.line(entry.time, "message", f"{facts['protocol']} to {facts['endpoint']}", "1;36")
            self._out.block(f"Subject: {facts['subject']}\n\n{facts['body']}")
        elif entry.kind == "refused":
            self._out.line(entry.time, "refused", str(facts["reason"]), "31")


def _key(entry: Entry) -> tuple[object, ...]:
    """Entries of one step that would read the same are told once."""
    match entry.kind:
        case "rule":
            return (entry.time, "rule", entry.facts["name"], entry.facts["detail_type"])
        case "function":
            return (entry.time, "function", entry.facts["name"], entry.facts["error"])
        case _:
            return (entry.time, entry.kind, id(entry))


def function_name(entry: Entry) -> str:
    """`router` for the handler `lambdas.router.handle`."""
    return str(entry.facts["handler"]).split(".")[-2]


def _plain(name: object) -> str:
    """A generated physical name without its stack and hashes: `AlarmChanges`."""
    return re.sub(r"^mlwarden-[a-z0-9-]+?-reactions-|[0-9A-F]{8}-[0-9a-f]+$", "", str(name))


def endpoint_figures(world: World, endpoint: Endpoint) -> str:
    """The last whole minute of an endpoint: requests, p99 and 5xx rate; empty when nothing was published."""
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint.name},
        {"Name": "VariantName", "Value": endpoint.variant},
    ]

    def stat(identifier: str, name: str, statistic: str) -> dict[str, Any]:
        metric = {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": dimensions}
        return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}

    end = world.clock.now().replace(second=0, microsecond=0)
    with world.lock:
        answer = world.cloudwatch.handle(
            "GetMetricData",
            {
                "MetricDataQueries": [
                    stat("requests", "Invocations", "Sum"),
                    stat("latency", "ModelLatency", "p99"),
                    stat("errors", "Invocation5XXErrors", "Sum"),
                ],
                "StartTime": (end - MINUTE).timestamp(),
                "EndTime": end.timestamp(),
            },
        )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    if not all(values.get(name) for name in ("requests", "latency", "errors")):
        return ""
    requests, errors = values["requests"][0], values["errors"][0]
    return (
        f"{requests:.0f} requests  p99 {values['latency'][0] / 1000:,.0f} ms"
        f" (objective {endpoint.p99_ms:g})  5xx {100 * errors / requests:.1f} %"
    )


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
