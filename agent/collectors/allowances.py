"""What EC2's allowances held back: the network's, from the ENA driver, and EBS's, from the volumes themselves.

Sources: EC2 user guide, "Monitor network performance for ENA settings on your EC2 instance"; EBS user guide, "Amazon
EBS detailed performance statistics". The first anyone may read; the second is an NVMe command, which takes
CAP_SYS_ADMIN, so that without it the volumes stay silent.
"""

import array
import ctypes
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.collectors.counters import Deltas, total
from agent.context import Context
from agent.sample import SELDOM, NoData, Sample
from core.catalogue import host

log = logging.getLogger(__name__)

ALLOWANCES = {
    "bw_in_allowance_exceeded": host.ETHTOOL_BW_IN_ALLOWANCE_EXCEEDED,
    "bw_out_allowance_exceeded": host.ETHTOOL_BW_OUT_ALLOWANCE_EXCEEDED,
    "pps_allowance_exceeded": host.ETHTOOL_PPS_ALLOWANCE_EXCEEDED,
    "conntrack_allowance_exceeded": host.ETHTOOL_CONNTRACK_ALLOWANCE_EXCEEDED,
    "linklocal_allowance_exceeded": host.ETHTOOL_LINKLOCAL_ALLOWANCE_EXCEEDED,
}
EXCEEDED = (
    host.EBS_VOLUME_EXCEEDED_IOPS,
    host.EBS_VOLUME_EXCEEDED_TP,
    host.EBS_INSTANCE_EXCEEDED_IOPS,
    host.EBS_INSTANCE_EXCEEDED_TP,
)

# linux/sockios.h, linux/ethtool.h
_SIOCETHTOOL, _GSTRINGS, _GSTATS, _GSSET_INFO, _SS_STATS, _NAME_BYTES = 0x8946, 0x1B, 0x1D, 0x37, 1, 32

# linux/nvme_ioctl.h; the log page is EBS's own
_NVME_ADMIN, _GET_LOG_PAGE, _EBS_PAGE, _PAGE_BYTES, _EBS_MAGIC = 0xC0484E41, 0x02, 0xD0, 4096, 0x3C23B510
_PAGE = struct.Struct("<I4x11Q")


class Allowances:
    """Silent off EC2; the volumes also where the agent may not ask them."""

    def __init__(
        self,
        context: Context,
        ethtool: Callable[[str], dict[str, int]] | None = None,
        ebs: Callable[[Path], bytes] | None = None,
    ) -> None:
        """`ethtool` and `ebs` are for tests."""
        self._context = context
        self._ethtool = ethtool or statistics
        self._ebs = ebs or read_page
        self._network, self._volumes = Deltas(), Deltas()
        self._drivers: dict[str, str] = {}
        self._forbidden = False

    def collect(self) -> Iterator[Sample]:
        """What was held back since the previous look; raises what went wrong with a volume after the rest was told."""
        failures: list[OSError | ValueError] = []
        samples = [*self._interfaces(), *self._disks(failures)]
        if not samples and not failures:
            first = not (self._network.seen or self._volumes.seen)
            raise NoData(SELDOM if first else 0.0)
        yield from samples
        if failures:
            raise failures[0]

    def _interfaces(self) -> Iterator[Sample]:
        found = {}
        for folder in sorted((self._context.sys_root / "class/net").glob("*")):
            if self._driver(folder) == "ena":
                told = self._ethtool(folder.name)
                found[folder.name] = tuple(told.get(name, 0) for name in ALLOWANCES)
        grown = total(self._network.by_device(found))
        if grown is not None:
            for metric, value in zip(ALLOWANCES.values(), grown, strict=True):
                yield Sample(metric, value)

    def _driver(self, interface: Path) -> str:
        if interface.name not in self._drivers:
            self._drivers[interface.name] = (interface / "device/driver").resolve().name
        return self._drivers[interface.name]

    def _disks(self, failures: list[OSError | ValueError]) -> Iterator[Sample]:
        pages = {} if self._forbidden else dict(self._pages(failures))
        for volume, page in pages.items():
            yield Sample(host.EBS_VOLUME_QUEUE_LENGTH, page[4])
            yield Sample(host.EBS_VOLUME_QUEUE_LENGTH, page[4], (("VolumeId", volume),))
        grown = self._volumes.by_device({volume: page[:4] for volume, page in pages.items()})
        for volume, growth in grown.items():
            for metric, value in zip(EXCEEDED, growth, strict=True):
                yield Sample(metric, value)
                yield Sample(metric, value, (("VolumeId", volume),))

    def _pages(self, failures: list[OSError | ValueError]) -> Iterator[tuple[str, tuple[int, ...]]]:
        for folder in sorted((self._context.sys_root / "class/nvme").glob("nvme*")):
            try:
                if (folder / "model").read_text().strip() != "Amazon Elastic Block Store":
                    continue
                serial = (folder / "serial").read_text().strip()
                yield _volume_id(serial), parse_page(self._ebs(self._context.dev_root / folder.name))
            except PermissionError:
                self._forbidden = True
                log.info("EBS volumes are not asked for their limits", extra={"needs": "CAP_SYS_ADMIN"})
                return
            except OSError as error:
                failures.append(error)
            except ValueError as error:
                failures.append(ValueError(f"{folder.name}: {error}"))


def _volume_id(serial: str) -> str:
    """The serial number is the volume's id without its dash."""
    return serial if serial.startswith("vol-") else serial.replace("vol", "vol-", 1)


def parse_page(page: bytes) -> tuple[int, ...]:
    """What EXCEEDED names, then the queue's length. Raises ValueError for another log page."""
    magic, *figures = _PAGE.unpack_from(page)
    if magic != _EBS_MAGIC:
        raise ValueError(f"an EBS log page begins with {_EBS_MAGIC:#x}, found {magic:#x}")
    return tuple(figures[6:11])


def read_page(device: Path) -> bytes:
    """The volume's statistics, by NVMe's Get Log Page. Raises OSError."""
    page = ctypes.create_string_buffer(_PAGE_BYTES)
    command = struct.pack(
        "=BBHIIIQQIIIIIIIIII",
        _GET_LOG_PAGE,
        *(0, 0, 1, 0, 0, 0),
        ctypes.addressof(page),
        *(0, _PAGE_BYTES, _EBS_PAGE | (_PAGE_BYTES // 4 - 1) << 16),
        *(0, 0, 0, 0, 0, 0, 0),
    )
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if fcntl.ioctl(descriptor, _NVME_ADMIN, command):
            raise OSError(5, "the volume refused the command", str(device))
    finally:
        os.close(descriptor)
    return page.raw


def statistics(interface: str) -> dict[str, int]:
    """A driver's statistics by name, as `ethtool -S` has them. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        header = struct.pack("=IIQI", _GSSET_INFO, 0, 1 << _SS_STATS, 0)
        count = struct.unpack_from("=I", _ethtool(control, interface, header), 16)[0]
        names = _ethtool(control, interface, struct.pack("=III", _GSTRINGS, _SS_STATS, count), _NAME_BYTES * count)
        values = _ethtool(control, interface, struct.pack("=II", _GSTATS, count), 8 * count)
    return parse_statistics(names[12:], values[8:])


def parse_statistics(names: bytes, values: bytes) -> dict[str, int]:
    """Names of 32 bytes each, and a number of 8 bytes for each."""
    found = {}
    for at, (value,) in enumerate(struct.iter_unpack("=Q", values)):
        name = names[at * _NAME_BYTES : (at + 1) * _NAME_BYTES]
        found[name.split(b"\0", 1)[0].decode("ascii", "replace")] = value
    return found


def _ethtool(control: socket.socket, interface: str, header: bytes, space: int = 0) -> bytes:
    answer = array.array("B", header + bytes(space))
    request = struct.pack("16sP16x", interface.encode(), answer.buffer_info()[0])
    fcntl.ioctl(control, _SIOCETHTOOL, request)
    return answer.tobytes()
