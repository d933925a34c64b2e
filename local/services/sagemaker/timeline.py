"""An operation that takes its time: steps in order, each after a wait on the clock."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from local.clock import Order
from local.world import World


@dataclass(frozen=True, slots=True)
class Step:
    """`work` is done `after` the step before it, under the world's lock."""

    after: timedelta
    work: Callable[[], object]


class Timeline:
    """Runs steps until they are done, cancelled, or completed at once."""

    def __init__(self, world: World, steps: Iterable[Step]) -> None:
        self._world = world
        self._steps = deque(steps)
        self._arm()

    @property
    def done(self) -> bool:
        """Whether no step is left."""
        return not self._steps

    def cancel(self) -> None:
        """Leave out what has not happened yet."""
        self._steps.clear()

    def complete(self) -> None:
        """Do everything that is left now."""
        while self._steps:
            self._steps.popleft().work()

    def _arm(self) -> None:
        if self._steps:
            step = self._steps[0]
            at = self._world.clock.now() + step.after
            self._world.clock.schedule(at, lambda: self._run(step), Order.ACTIONS)

    def _run(self, step: Step) -> None:
        with self._world.lock:
            if self._steps and self._steps[0] is step:
                self._steps.popleft()
                step.work()
                self._arm()
