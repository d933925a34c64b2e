"""Which series are sent: the tier's, those of devices while they are unhealthy, and never more than the limit."""

from collections.abc import Callable, Iterator

from agent.sample import Dimensions, NoData, Sample
from core.catalogue import gpu, host, tiers
from core.catalogue.tiers import JUDGED, Tier, unhealthy

UNHEALTHY_SECONDS = 900.0
"""A device's own series go on for so long after the last sign that it was unhealthy."""

LIMIT_SECONDS = 3600.0
"""CloudWatch charges a series by the hour in which it has data: the limit is on an hour's."""

_FAULT, _APPLICATION, _PROMOTED = -1, 1.5, 2.5
_UNKNOWN = -2.0
_RANK = {tier: float(rank) for rank, tier in enumerate(Tier)}  # lean 0, standard 1, full 2; lower goes first


class Selection:
    """Asked about each sample; as a collector, tells how many series the limit keeps out."""

    def __init__(self, tier: Tier, *, most: int, monotonic: Callable[[], float]) -> None:
        """`most` series may be sent within an hour."""
        self._tier = tier
        self._most = most
        self._monotonic = monotonic
        self._ranks: dict[tuple[str, Dimensions], float | None] = {}
        self._unhealthy: dict[Dimensions, float] = {}
        self._sent: dict[tuple[str, Dimensions], float] = {}
        self._kept_out: set[tuple[str, Dimensions]] = set()
        self._gpus = False
        self._hour_ends = monotonic() + LIMIT_SECONDS

    def admits(self, sample: Sample) -> bool:
        """Whether the sample is sent."""
        metric, value, dimensions, _ = sample
        name = metric.name
        if dimensions and name in JUDGED and unhealthy(metric, value):
            self._unhealthy[_device(dimensions)] = self._monotonic() + UNHEALTHY_SECONDS
        if not self._gpus and value and name == gpu.GPU_EXPECTED_COUNT.name:
            self._gpus, self._ranks = True, {}
        key = (name, dimensions)
        rank = self._ranks.get(key, _UNKNOWN)
        if rank == _UNKNOWN:
            rank = self._ranks[key] = self._rank(sample)
        if rank is None:
            if not self._unhealthy or not dimensions or not self._is_unhealthy(_device(dimensions)):
                return False
            rank = _PROMOTED
        return key in self._sent or (key not in self._kept_out and self._take(key, rank))

    def collect(self) -> Iterator[Sample]:
        """How many series were kept out in the last hour; raises NoData while none is."""
        if self._monotonic() >= self._hour_ends:
            self._hour_ends = self._monotonic() + LIMIT_SECONDS
            self._sent, self._kept_out, self._ranks = {}, set(), {}
        if not self._kept_out:
            raise NoData
        yield Sample(host.AGENT_SERIES_SUPPRESSED, len(self._kept_out))

    def _rank(self, sample: Sample) -> float | None:
        """What goes first within the limit; None for what the tier does not have."""
        least = tiers.least(sample.metric.name, tuple(name for name, _ in sample.dimensions), gpus=self._gpus)
        if least is None:
            return _APPLICATION
        if not tiers.has(self._tier, least):
            return None
        own = sample.metric in (host.AGENT_HEARTBEAT, host.AGENT_SERIES_SUPPRESSED)
        return _FAULT if own or (sample.metric.fault and _RANK[least] == 0) else _RANK[least]

    def _is_unhealthy(self, device: Dimensions) -> bool:
        until = self._unhealthy.get(device)
        if until is None:
            return False
        if self._monotonic() < until:
            return True
        del self._unhealthy[device]
        return False

    def _take(self, key: tuple[str, Dimensions], rank: float) -> bool:
        if len(self._sent) >= self._most:
            worst = max(self._sent, key=lambda one: self._sent[one])  # the oldest of the last in order
            if self._sent[worst] <= rank:
                self._kept_out.add(key)
                return False
            del self._sent[worst]
            self._kept_out.add(worst)
        self._sent[key] = rank
        return True


def _device(dimensions: Dimensions) -> Dimensions:
    """A GPU's series may have more dimensions than its index: they are of the same device."""
    return dimensions[:1] if dimensions[0][0] == "index" else dimensions
