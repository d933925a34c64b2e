"""Disk traffic from /proc/diskstats, folded over the host's disks."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from agent.collectors.counters import Counters, Deltas, total
from agent.context import Context
from agent.proc import ProcFile
from agent.sample import Look, NoData, Sample
from core.catalogue import host

SECTOR_BYTES = 512
"""The kernel counts sectors of 512 bytes, whatever the device's own (Documentation/admin-guide/iostats.rst)."""

COUNTED = (
    host.DISKIO_READ_BYTES,
    host.DISKIO_WRITE_BYTES,
    host.DISKIO_READS,
    host.DISKIO_WRITES,
    host.DISKIO_READ_TIME,
    host.DISKIO_WRITE_TIME,
    host.DISKIO_IO_TIME,
)


def parse_diskstats(text: str, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, tuple[Counters, int]]:
    """By device that is wanted: what COUNTED names, since boot, and the requests in flight."""
    devices: dict[str, tuple[Counters, int]] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 14 and wanted(fields[2]):
            _, _, name, reads, _, read, read_ms, writes, _, written, write_ms, flying, busy_ms, *_ = fields
            devices[name] = (
                (
                    int(read) * SECTOR_BYTES,
                    int(written) * SECTOR_BYTES,
                    int(reads),
                    int(writes),
                    int(read_ms),
                    int(write_ms),
                    int(busy_ms),
                ),
                int(flying),
            )
    return devices


class DiskIO:
    """Counts whole disks with hardware behind them: partitions, RAID and LVM would count the same bytes again."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "diskstats")
        self._blocks = context.sys_root / "block"
        self._full = context.full
        self._disks: dict[str, bool] = {}
        self._deltas = Deltas()

    def look(self) -> Look:
        """The counters as they stand."""
        return partial(self._samples, self._file.read())

    def collect(self) -> Iterable[Sample]:
        """What was read and written since the previous look, and how long a request took on each disk."""
        return self.look()()

    def _samples(self, text: str) -> Iterator[Sample]:
        devices = parse_diskstats(text, self._is_disk)
        by_disk = self._deltas.by_device({name: counters for name, (counters, _) in devices.items()})
        grown = total(by_disk)
        if grown is None:
            raise NoData
        for metric, value in zip(COUNTED, grown, strict=True):
            yield Sample(metric, value)
        yield Sample(host.DISKIO_IOPS_IN_PROGRESS, sum(flying for _, flying in devices.values()))
        for name, (_, _, reads, writes, read_ms, write_ms, _) in by_disk.items():
            if reads + writes:
                each = (read_ms + write_ms) / (reads + writes)
                yield Sample(host.DISKIO_REQUEST_TIME, each)
                if self._full:
                    yield Sample(host.DISKIO_REQUEST_TIME, each, (("name", name),))
        if self._full:
            for name, growth in by_disk.items():
                for metric, value in zip(COUNTED, growth, strict=True):
                    yield Sample(metric, value, (("name", name),))

    def _is_disk(self, name: str) -> bool:
        if name not in self._disks:
            self._disks[name] = _has_device(self._blocks / name.replace("/", "!"))
        return self._disks[name]


def _has_device(block: Path) -> bool:
    return (block / "device").exists()
