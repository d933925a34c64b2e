"""Disk traffic from /proc/diskstats, folded over the host's disks."""

from collections.abc import Iterator
from pathlib import Path

from agent.collectors.counters import Counters, Deltas
from agent.context import Context
from agent.proc import ProcFile
from agent.sample import NoData, Sample
from core.catalogue import host

SECTOR_BYTES = 512
"""The kernel counts sectors of 512 bytes, whatever the device's own (Documentation/admin-guide/iostats.rst)."""


def parse_diskstats(text: str) -> dict[str, Counters]:
    """By device: bytes read, bytes written, reads, writes, milliseconds with requests in flight; since boot."""
    devices: dict[str, Counters] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 14:
            reads, sectors_read = int(fields[3]), int(fields[5])
            writes, sectors_written = int(fields[7]), int(fields[9])
            devices[fields[2]] = (
                sectors_read * SECTOR_BYTES,
                sectors_written * SECTOR_BYTES,
                reads,
                writes,
                int(fields[12]),
            )
    return devices


class DiskIO:
    """Counts whole disks with hardware behind them: partitions, RAID and LVM would count the same bytes again."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "diskstats")
        self._blocks = context.sys_root / "block"
        self._disks: dict[str, bool] = {}
        self._deltas = Deltas()

    def collect(self) -> Iterator[Sample]:
        """What was read and written since the previous look."""
        devices = parse_diskstats(self._file.read())
        grown = self._deltas.since({name: counters for name, counters in devices.items() if self._is_disk(name)})
        if grown is None:
            raise NoData
        bytes_read, bytes_written, reads, writes, busy = grown
        yield Sample(host.DISKIO_READ_BYTES, bytes_read)
        yield Sample(host.DISKIO_WRITE_BYTES, bytes_written)
        yield Sample(host.DISKIO_READS, reads)
        yield Sample(host.DISKIO_WRITES, writes)
        yield Sample(host.DISKIO_IO_TIME, busy)

    def _is_disk(self, name: str) -> bool:
        if name not in self._disks:
            self._disks[name] = _has_device(self._blocks / name.replace("/", "!"))
        return self._disks[name]


def _has_device(block: Path) -> bool:
    return (block / "device").exists()
