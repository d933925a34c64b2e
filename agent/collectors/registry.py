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
    "load": 10.0,  # over a minute and more
    "pressure": 10.0,  # the share of the last 10 s
    "swap": 10.0,
    "tcp": 10.0,
    "processes": 10.0,
    "container": 10.0,
    "kubernetes": 10.0,
    "amd": 10.0,
    "neuron": 10.0,
    "disk": 30.0,
    "clock": 30.0,
    "allowances": 30.0,
    "files": 30.0,
}
"""Between looks of those that need not look at each round: what they see moves slowly, is a mean over longer, or comes
from elsewhere at a pace of its own. What is counted loses nothing by it: its sums are the same."""
