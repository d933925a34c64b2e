"""Running until told to stop, and with another configuration when told to read it again."""

import logging
import queue
import signal
import threading
from collections.abc import Callable

from agent.clock import Bell, ClockError
from agent.config import Config, ConfigError
from agent.job import Job
from agent.notify import Notifier

log = logging.getLogger("agent")


class Signals:
    """SIGTERM and SIGINT stop; SIGHUP reads the configuration, and stops the present job for it if it can be used.

    Handlers only pass the number on to a thread: one that set an event itself could meet its lock held.
    """

    def __init__(self, read: Callable[[], Config], notifier: Notifier) -> None:
        self._read = read
        self._notifier = notifier
        self._numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._present: Config | None = None
        self._next: Config | None = None
        self._ending = False
        self._changing = threading.Lock()
        self.bell = Bell()

    def listen(self, present: Config) -> None:
        """Begin; from the main thread."""
        self._present = present
        threading.Thread(target=self._wait, name="signals", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: self._numbers.put(received))

    def take(self) -> Config | None:
        """What to run next, until `bell` is ended once more; None to end."""
        with self._changing:
            if self._ending:
                return None
            self.bell = Bell()
            if self._next is not None:
                self._present, self._next = self._next, None
            return self._present

    def runs(self, config: Config) -> None:
        """The one that was to be taken up does not start: this one is at work instead, and that one may come again."""
        with self._changing:
            self._present = config

    def _wait(self) -> None:
        while True:
            if self._numbers.get() != signal.SIGHUP:
                with self._changing:
                    self._ending = True
                    self.bell.end()
                return
            self._again()

    def _again(self) -> None:
        self._notifier.reloading()
        try:
            config = self._read()
        except ConfigError as error:
            log.error("configuration not reloaded: the present one stays", extra={"error": str(error)})  # noqa: TRY400
            self._notifier.ready()
            return
        except Exception:  # whatever it is, this thread must go on to hear SIGTERM
            log.exception("configuration not reloaded: the present one stays")
            self._notifier.ready()
            return
        if config == self._present:
            log.info("configuration is unchanged")
            self._notifier.ready()
            return
        with self._changing:
            self._next = config
            self.bell.end()


def run(config: Config, *, read: Callable[[], Config], notifier: Notifier) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigError or ClockError where it cannot start.

    `read` gives the configuration anew. One that turns out not to start (a port that is taken) gives way to the one
    before it.
    """
    signals = Signals(read, notifier)
    work = Job(config, round_taken=notifier.alive)
    signals.listen(config)
    while True:
        notifier.ready()
        work.run(signals.bell)
        wanted = signals.take()
        if wanted is None:
            notifier.stopping()
            return  # and the process ends: nothing waits for a request that is on its way
        work.close()
        try:
            work = Job(wanted, round_taken=notifier.alive)
            config = wanted
            log.info("configuration reloaded")
        except (ConfigError, ClockError) as error:
            log.error("configuration not reloaded: it does not start", extra={"error": str(error)})  # noqa: TRY400
            work = Job(config, round_taken=notifier.alive)
            signals.runs(config)
