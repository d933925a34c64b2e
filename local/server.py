"""Starts the embedded AWS: one world, served on 127.0.0.1 until it is stopped."""

import contextlib
import errno
import socket
import threading
from types import TracebackType
from typing import Any, Self

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from local import moto_time
from local.access import Access
from local.application import Application
from local.clock import Clock
from local.cloudwatch.service import CloudWatch
from local.events import EventBus
from local.functions.registry import Functions
from local.messages import Messages
from local.queues import Queues
from local.services.sagemaker import SageMaker
from local.topics import Topics
from local.world import World

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


class Running:
    """A served world; a context manager that stops it."""

    def __init__(self, world: World, server: _Server, thread: threading.Thread) -> None:
        self.world = world
        self._server = server
        self._thread = thread
        self._stopped = False

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return self.world.url

    def stop(self) -> None:
        """Stop serving, end the functions' workers, close every connection. A second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self.world.functions.close()
        self._server.stop()
        self._thread.join()
        self.world.queues.stop()
        moto_time.release()
        _one_world.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(*, clock: Clock, port: int = 0, region: str = "us-east-1") -> Running:
    """Serve a fresh, empty world on 127.0.0.1:`port` (0: a free one).

    The clock stands still until it is told to move. moto's state is one per process, so only one world can run in a
    process at a time: RuntimeError otherwise. OSError, with one line that says so, when the port is in use.
    """
    if not _one_world.acquire(blocking=False):
        raise RuntimeError("a world is already running in this process; stop it before starting another")
    try:
        listening = _listen(port)
        try:
            world = _world(clock, region)
            server = _Server(listening, Application(world))
        finally:
            listening.close()
    except BaseException:
        moto_time.release()
        _one_world.release()
        raise
    world.url = f"http://{HOST}:{server.port}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="embedded-aws", daemon=True)
    thread.start()
    running = Running(world, server, thread)
    try:
        world.queues.start()
        world.cloudwatch.start()
    except BaseException:
        running.stop()
        raise
    return running


def _world(clock: Clock, region: str) -> World:
    BackendDict.reset()
    moto_time.follow(clock)
    world = World(clock=clock, region=region)
    world.messages = Messages()
    world.events = EventBus(world)
    world.queues = Queues(world)
    world.topics = Topics(world)
    world.sagemaker = SageMaker(world)
    world.access = Access(world)
    world.functions = Functions(world)
    world.cloudwatch = CloudWatch(world)
    return world


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
