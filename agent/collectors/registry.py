"""Every collector, one line each, in their order: with GPUs, of which the first looks, less is sent of the host."""

from collections.abc import Callable

from agent.collectors.allowances import Allowances
from agent.collectors.amd import Amd
from agent.collectors.container import Container
from agent.collectors.cpu import Cpu
from agent.collectors.disk import Disk
from agent.collectors.diskio import DiskIO
from agent.collectors.files import Files
from agent.collectors.gpu import Gpu
from agent.collectors.kubernetes import Kubernetes
from agent.collectors.load import Load
from agent.collectors.memory import Memory
from agent.collectors.network import Network
from agent.collectors.neuron import Neuron
from agent.collectors.pressure import Pressure
from agent.collectors.processes import Processes
from agent.collectors.swap import Swap
from agent.collectors.tcp import Tcp
from agent.collectors.timekeeping import Timekeeping
from agent.context import Context
from agent.sample import Collector

COLLECTORS: dict[str, Callable[[Context], Collector]] = {
    "gpu": Gpu,
    "cpu": Cpu,
    "load": Load,
    "pressure": Pressure,
    "memory": Memory,
    "swap": Swap,
    "disk": Disk,
    "diskio": DiskIO,
    "network": Network,
    "tcp": Tcp,
    "processes": Processes,
    "clock": Timekeeping,
    "allowances": Allowances,
    "files": Files,
    "container": Container,
    "kubernetes": Kubernetes,
    "amd": Amd,
    "neuron": Neuron,
}
SECONDS = {
    "load": 5.0,  # the kernel works it out each 5 s
    "pressure": 5.0,  # the share of the last 10 s
    "swap": 5.0,
    "tcp": 5.0,
    "processes": 5.0,
    "container": 5.0,
    "kubernetes": 5.0,
    "amd": 5.0,
    "neuron": 5.0,
    "disk": 15.0,
    "clock": 15.0,
    "allowances": 15.0,
    "files": 15.0,
}
"""Between looks of those that need not look at each round: what they see moves slowly, is a mean over longer, or comes
from elsewhere at a pace of its own. What is counted loses nothing by it: its sums are the same."""
