"""Starts the embedded AWS: one world, served on 127.0.0.1 until it is stopped."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from local import control, expiry, moto_time, partitions, transactions
from local.access import Access
from local.application import Application
from local.clock import Clock
from local.cloudwatch.service import CloudWatch
from local.deployer.stacks import Stacks
from local.events import EventBus
from local.functions.registry import Functions
from local.logs import Logs
from local.messages import Messages
from local.queues import Queues
from local.services.sagemaker import SageMaker
from local.topics import Topics
from local.world import PLAIN, Conditions, World

HOST = "127.0.0.1"

POLL_SECONDS = 0.05
"""How soon the server notices that it is to stop."""

_one_world = threading.Lock()


class _Handler(MotoRequestHandler):
    """HTTP/1.1 without an access log."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a demo's terminal belongs to the demo."""


class _Server(ThreadedWSGIServer):
    """One thread a connection, and none left when it has stopped."""

    daemon_threads = False

    def __init__(self, listening: socket.socket, app: Application) -> None:
        self._open: set[Any] = set()
        self._guard = threading.Lock()
        super().__init__(HOST, listening.getsockname()[1], app, _Handler, fd=listening.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can end it."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Accept nothing more, end what is idle, wait for what is being answered."""
        self.shutdown()
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)


@dataclass(frozen=True, slots=True)
class Started:
    """What a world was started with, so that it can be had again."""

    region: str
    conditions: Conditions
    prepare: Callable[[World], object]
    instant: Callable[[], datetime]


class Running:
    """A served world; a context manager that stops it."""

    def __init__(self, world: World, server: _Server, application: Application, started: Started) -> None:
        self.world = world
        self._server = server
        self._application = application
        self._started = started
        self._thread = threading.Thread(
            target=server.serve_forever, args=(POLL_SECONDS,), name="embedded-aws", daemon=True
        )
        self._stopped = False
        self._resetting = threading.Lock()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return self.world.url

    def begin(self) -> None:
        """Serve, and start what runs on the clock."""
        self._thread.start()
        self._wind_up()

    def reset(self) -> datetime:
        """Return to the state just after the start, with a world of its own; the instant where its clock stands.

        Not to be called by due work, nor with the world's lock held. Calls that are being answered finish first.
        """
        with self._resetting:
            started, old = self._started, self.world
            old.clock.restart(started.instant())
            _close(old)
            with old.lock:
                self.world = _world(old.clock, started.region, started.conditions)
                self.world.url = old.url
                self._application.serve(self.world)
            self._wind_up()
            return self.world.clock.now()

    def _wind_up(self) -> None:
        self.world.queues.start()
        self.world.cloudwatch.start()
        expiry.start(self.world)
        self._started.prepare(self.world)

    def stop(self) -> None:
        """Stop serving, end the functions' workers, close every connection. A second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        _close(self.world)
        self._server.stop()
        self._thread.join()
        moto_time.release()
        transactions.release()
        partitions.release()
        _one_world.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    *,
    clock: Clock,
    port: int = 0,
    region: str = "us-east-1",
    conditions: Conditions = PLAIN,
    prepare: Callable[[World], object] = lambda _: None,
    restart: Callable[[], datetime] | None = None,
    no_reset: str = "",
    keep: Callable[[World], dict[str, Any]] = control.no_store,
) -> Running:
    """Serve a fresh world on 127.0.0.1:`port` (0: a free one).

    `prepare` fills it, now and after each reset; a reset puts the clock where `restart` says, or where it stands now.
    `no_reset` is why the control route refuses a reset, for whoever holds on to the world. `keep` writes what outlives
    the process, when the control route is asked to.
    The clock stands still until it is told to move. moto's state is one per process, so only one world can run in a
    process at a time: RuntimeError otherwise. OSError, with one line that says so, when the port is in use.
    """
    if not _one_world.acquire(blocking=False):
        raise RuntimeError("a world is already running in this process; stop it before starting another")
    try:
        listening = _listen(port)
        try:
            world = _world(clock, region, conditions)
            application = Application(world)
            server = _Server(listening, application)
        finally:
            listening.close()
    except BaseException:
        moto_time.release()
        transactions.release()
        partitions.release()
        _one_world.release()
        raise
    world.url = f"http://{HOST}:{server.port}"
    start = clock.now()
    started = Started(region, conditions, prepare, restart or (lambda: start))
    running = Running(world, server, application, started)
    application.keep = keep
    application.reset = running.reset if not no_reset else lambda: _refuse(no_reset)
    try:
        running.begin()
    except BaseException:
        running.stop()
        raise
    return running


def _refuse(why: str) -> datetime:
    raise control.Refused(why, 409)


def _world(clock: Clock, region: str, conditions: Conditions) -> World:
    BackendDict.reset()
    moto_time.follow(clock)
    transactions.follow()
    partitions.follow()
    world = World(clock=clock, region=region, conditions=conditions)
    world.messages = Messages()
    world.access = Access(world)
    world.open = _open_region
    _attach(world)
    return world


def _open_region(world: World) -> None:
    world.access = world.access.at(world)
    dashboards = world.cloudwatch.dashboards.by_name
    _attach(world)
    world.cloudwatch.dashboards.by_name = dashboards  # the account's, in every region
    world.cloudwatch.start()


def _attach(world: World) -> None:
    """Give a region's world the services that are the region's own."""
    world.events = EventBus(world)
    world.queues = Queues(world)
    world.topics = Topics(world)
    world.logs = Logs(world)
    world.sagemaker = SageMaker(world)
    world.functions = Functions(world)
    world.cloudwatch = CloudWatch(world)
    world.cloudwatch.ingestion_delay = world.conditions.ingestion_delay
    world.stacks = Stacks(world)


def _close(world: World) -> None:
    for each in list(world.regions.values()):
        each.stacks.close()
    for each in list(world.regions.values()):
        each.functions.close()
    world.queues.stop()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f"port {port} on {HOST} is in use; choose another one, or 0 for any") from None
        raise
    return listening
