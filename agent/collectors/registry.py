"""Every collector, one line each."""

from collections.abc import Callable

from agent.collectors.cpu import Cpu
from agent.collectors.disk import Disk
from agent.collectors.diskio import DiskIO
from agent.collectors.gpu import Gpu
from agent.collectors.load import Load
from agent.collectors.memory import Memory
from agent.collectors.network import Network
from agent.collectors.swap import Swap
from agent.context import Context
from agent.sample import Collector

COLLECTORS: dict[str, Callable[[Context], Collector]] = {
    "cpu": Cpu,
    "load": Load,
    "memory": Memory,
    "swap": Swap,
    "disk": Disk,
    "diskio": DiskIO,
    "network": Network,
    "gpu": Gpu,
}
