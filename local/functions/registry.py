"""Lambda in one world: its functions, their workers, their resource policies and event source mappings."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import ServiceError
from local.functions.asynchronous import Asynchronous
from local.functions.environment import log_stream, start
from local.functions.model import Function, FunctionUrl, Invocation, Layer, Mapping
from local.functions.packages import default_cache
from local.functions.reporting import Reporting
from local.functions.runner import Reply, Worker
from local.world import World


@dataclass(slots=True)
class _Entry:
    function: Function
    access_key: str
    statements: list[dict[str, Any]] = field(default_factory=list)
    worker: Worker | None = None
    stream: str = ""
    running: threading.Lock = field(default_factory=threading.Lock)


class Functions:
    """All functions of one world. Invoke without holding the world's lock: workers call back."""

    def __init__(self, world: World, *, cache: Path | None = None) -> None:
        """`cache` is where packages are unpacked; by default a folder that later runs find again."""
        self._world = world
        self._cache = cache
        self._entries: dict[str, _Entry] = {}
        self._reporting = Reporting(world)
        self._asynchronous = Asynchronous(world, self, self._reporting)
        self._closed = False
        self._created = 0
        self.mappings: list[Mapping] = []
        self.layers: list[Layer] = []
        self.urls: list[FunctionUrl] = []

    def create(self, function: Function) -> str:
        """Add a function and give it credentials of its role; its ARN. ResourceConflictException if it exists."""
        with self._world.lock:
            if function.name in self._entries:
                raise ServiceError("ResourceConflictException", f"Function already exist: {function.name}", 409)
            self._created += 1
            number = self._created
            access_key = f"ASIAFUNCTION{number:08d}"
            if self._world.access.role_of(access_key):  # another region's
                access_key = f"ASIAFUNCTION{self._world.region.replace('-', '').upper()}{number:08d}"
            self._entries[function.name] = _Entry(function, access_key)
            self._world.access.register(access_key, function.role_arn, session=function.name)
        return self.arn(function.name)

    def replace(self, function: Function) -> None:
        """Put another version in place of a function of the same name; its worker ends."""
        entry = self._entry(function.name)
        with entry.running:
            self._retire(entry)
            entry.function = function
            self._world.access.register(entry.access_key, function.role_arn, session=function.name)

    def delete(self, name_or_arn: str) -> None:
        """Take a function away with its policy and URL; its worker ends. One that is not there counts as deleted."""
        name = name_of(name_or_arn)
        with self._world.lock:
            entry = self._entries.pop(name, None)
            self.urls[:] = [url for url in self.urls if url.function_name != name]
        if entry is not None:
            with entry.running:
                self._retire(entry)

    def get(self, name_or_arn: str) -> Function:
        """A function by name, ARN or qualified ARN. ResourceNotFoundException if there is none."""
        return self._entry(name_or_arn).function

    def all(self) -> tuple[Function, ...]:
        """Every function, in the order of creation."""
        return tuple(entry.function for entry in self._entries.values())

    def arn(self, name: str) -> str:
        """The ARN of the function called `name`."""
        return f"arn:aws:lambda:{self._world.region}:{self._world.account}:function:{name}"

    def access_key(self, name: str) -> str:
        """The access key that a function's worker signs with."""
        return self._entry(name).access_key

    def grant(self, name: str, statement: dict[str, Any]) -> None:
        """Add a statement to a function's resource policy."""
        self._entry(name).statements.append(statement)

    def revoke(self, name_or_arn: str, sid: str) -> None:
        """Remove a statement from a function's resource policy, if both are there."""
        entry = self._entries.get(name_of(name_or_arn))
        if entry is not None:
            entry.statements[:] = [each for each in entry.statements if each["Sid"] != sid]

    def policy(self, name_or_arn: str) -> dict[str, Any]:
        """A function's resource policy; {} when it has none or there is no such function."""
        entry = self._entries.get(name_of(name_or_arn))
        if entry is None or not entry.statements:
            return {}
        return {"Version": "2012-10-17", "Id": "default", "Statement": list(entry.statements)}

    def invoke(self, name_or_arn: str, payload: object) -> Invocation:
        """Run a function now and wait for it. A failing handler is a result, not an exception.

        One run of a function at a time; a function that invokes itself and waits ends by its timeout, as its worker
        cannot answer itself.
        """
        entry = self._entry(name_or_arn)
        function = entry.function
        if function.reserved_concurrency == 0:
            self._reporting.metrics(function.name, {"Throttles": 1, "ConcurrentExecutions": 0})
            raise ServiceError("TooManyRequestsException", "Rate Exceeded.", 429)
        request_id = self._world.next_id("invocation")
        with entry.running:
            reply = self._run(entry, request_id, payload)
            stream = entry.stream
        self._reporting.logs(function, stream, reply.lines)
        failed = reply.failure is not None
        self._reporting.metrics(
            function.name,
            {"Invocations": 1, "Errors": failed, "Throttles": 0, "Duration": reply.duration_ms},
        )
        value = reply.failure if failed else reply.value
        reason = str((reply.failure or {}).get("errorMessage", "")) if failed else ""
        self._world.journal.record(
            "function",
            name=function.name,
            handler=function.handler,
            records=len(payload.get("Records", ())) if isinstance(payload, dict) else 0,
            error=reason,
            duration_ms=reply.duration_ms,
        )
        return Invocation(value, "Unhandled" if failed else "", reply.lines, reply.duration_ms, request_id)

    def invoke_later(self, name_or_arn: str, payload: object) -> None:
        """Invoke asynchronously: at the present instant, with Lambda's retries, destinations and dead letters."""
        self._asynchronous.accept(self.get(name_or_arn).name, payload)

    def close(self) -> None:
        """End every worker. Nothing runs after."""
        self._closed = True
        for entry in self._entries.values():
            if entry.worker is not None:
                entry.worker.kill()
            with entry.running:
                self._retire(entry)
        self._asynchronous.close()

    def _run(self, entry: _Entry, request_id: str, payload: object) -> Reply:
        if self._closed:
            raise ServiceError("ServiceException", "the embedded AWS has stopped", 500)
        now = self._world.clock.now()
        function = entry.function
        if entry.worker is None or not entry.worker.alive:
            self._retire(entry)
            entry.stream = log_stream(now, self._world.next_id("log stream"))
            cache = self._cache or default_cache()
            key = entry.access_key
            started = start(self._world, function, access_key=key, stream=entry.stream, cache=cache)
            entry.worker = Worker(started, now=now.timestamp())
        return entry.worker.ask(
            {
                "request_id": request_id,
                "arn": self.arn(function.name),
                "event": payload,
                "now": now.timestamp(),
                "timeout_seconds": function.timeout.total_seconds(),
            }
        )

    def _retire(self, entry: _Entry) -> None:
        if entry.worker is not None:
            entry.worker.stop()
            entry.worker = None

    def _entry(self, name_or_arn: str) -> _Entry:
        name = name_of(name_or_arn)
        if name not in self._entries:
            raise ServiceError("ResourceNotFoundException", f"Function not found: {self.arn(name)}", 404)
        return self._entries[name]


def name_of(name_or_arn: str) -> str:
    """The name in a function's name, ARN, partial ARN, or any of them with a qualifier."""
    parts = name_or_arn.split(":")
    if "function" in parts:
        return parts[parts.index("function") + 1]
    return parts[0]
