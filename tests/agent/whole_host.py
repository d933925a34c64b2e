"""A host that has everything: in a container on EC2, in Kubernetes, with each maker's accelerators."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.aggregate import Aggregate
from agent.background import Background
from agent.collectors.allowances import Allowances
from agent.collectors.amd import Amd
from agent.collectors.gpu import Gpu
from agent.collectors.neuron import Neuron, Reports
from agent.collectors.registry import COLLECTORS
from agent.collectors.timekeeping import Keeping, Timekeeping
from agent.context import Context, Owners
from agent.kubernetes import cluster, node, objects
from agent.loop import Loop
from agent.nvml import Nvml
from agent.sample import Collector, Datum, Sample, Window
from tests.agent.fake_nvml import GIB, NOT_SUPPORTED, FakeGpu
from tests.agent.fakes import TESTDATA, FakeClock, context
from tests.agent.trees import group, nitro, page

ACCELERATORS, PAGES = TESTDATA / "accelerators", TESTDATA / "kubernetes"


def whole_gpu() -> FakeGpu:
    """A GPU of Hopper that supports everything, with one MIG instance, in good health."""
    return FakeGpu(
        fields={82: 71, 186: 310_000, 230: 0, 94: 0, 197: 0, 198: 0, 138: 0, 139: 0, 38: 0},
        activity={2: 95.0, 3: 40.0, 5: 60.0, 10: 30.0},
        parts=[(1, GIB, 2 * GIB)],
        fabric=3,
    )


def old_gpu() -> FakeGpu:
    """A GPU before Ampere."""
    return FakeGpu(errors={"nvmlDeviceGetRemappedRows": NOT_SUPPORTED})


class SameReports(Reports):
    """The same report of Neuron at each look."""

    def take(self) -> bytes:
        return (ACCELERATORS / "neuron_monitor.json").read_bytes()


class Sampled:
    """A collector of samples that are made elsewhere."""

    def __init__(self, make: Callable[[], Iterator[Sample]]) -> None:
        self._make = make

    def collect(self) -> Iterator[Sample]:
        yield from self._make()


class WholeHost:
    """`collectors` are its collectors by name; each second, its disks and processors have worked."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where its files are made."""
        self.clock = FakeClock()
        self._proc = folder / "proc"
        self._turns = 0
        roots = group(folder)
        nitro(roots["sys_root"])
        (roots["sys_root"] / "block/vda/device").mkdir(parents=True)
        for file in sorted(context().proc_root.rglob("*")):
            if file.is_file():
                (self._proc / file.relative_to(context().proc_root)).parent.mkdir(parents=True, exist_ok=True)
                (self._proc / file.relative_to(context().proc_root)).write_bytes(file.read_bytes())
        meminfo = (self._proc / "meminfo").read_text()
        (self._proc / "meminfo").write_text(
            meminfo.replace("SwapTotal:             0 kB", "SwapTotal:          1000 kB")
        )
        (folder / "beat").touch()
        self.context: Context = context(
            **roots, full=True, monotonic=self.clock.monotonic, files=(str(folder / "beat"),), owners=Owners()
        )
        self.source = Nvml(monotonic=self.clock.monotonic, driver_present=lambda: True, restart=lambda: None)
        here = self.context
        made: dict[str, Collector] = {name: make(here) for name, make in COLLECTORS.items()}
        self.host: dict[str, Collector] = made | {
            "allowances": Allowances(here, lambda _: {}, lambda _: page(0, 0, 0, 0)),
            "clock": Timekeeping(here, lambda: Keeping(offset=1.0, error=2.0, synchronised=True)),
        }
        self.others: dict[str, Collector] = {
            "gpu": Gpu(here, self.source),
            "amd": Amd(here, self._amd()),
            "neuron": Neuron(here, SameReports()),
            "kubernetes": self._kubernetes(),
        }

    def loop(self, collectors: dict[str, Collector], **changes: Any) -> tuple[Loop, list[Window]]:
        """A loop over some of the collectors, and the windows that it hands on."""
        windows: list[Window] = []
        arguments: dict[str, Any] = {
            "aggregate": Aggregate((("host", "h"),)),
            "clock": self.clock,
            "timer": lambda: 0.0,
            "sample_every": timedelta(seconds=20),
            "window_length": timedelta(minutes=10),
            "hand_on": windows.append,
        }
        return Loop(collectors, **(arguments | changes)), windows

    def rounds(self, loop: Loop, count: int) -> None:
        """So many rounds, with some work between them."""
        for _ in range(count):
            loop.round(self.clock.now())
            self._turns += 1
            for name in ("stat", "diskstats"):
                tree = context("second" if self._turns % 2 else "first")
                (self._proc / name).write_bytes((tree.proc_root / name).read_bytes())
            self.clock.advance(20)

    def _amd(self) -> Background[str]:
        return Background(
            "amd-smi",
            (ACCELERATORS / "amd_smi.json").read_text,
            every_seconds=1,
            monotonic=self.clock.monotonic,
            start=lambda _, work: work(),
        )

    def _kubernetes(self) -> Sampled:
        """Node and cluster mode at once, of the captured pages."""
        pods = tuple(map(objects.pod, json.loads((PAGES / "pods.json").read_text())["items"]))
        memory, cpu = node.parse_resources((PAGES / "resource.txt").read_text())
        of_node, of_cluster = node.Node(self.context.owners, self.clock.monotonic, cores=4), cluster.Cluster()
        workloads = (objects.Workload("ml", "train", desired=2, ready=2, available=1),)
        seen = node.Seen(pods, memory, cpu, {"GPU-0": {(pods[0].namespace, pods[0].name)}})
        whole = cluster.Seen(pods, workloads, ((True, 8),))

        def samples() -> Iterator[Sample]:
            nonlocal seen
            yield from of_node.samples(seen)
            yield from of_cluster.samples(whole)
            seen = replace(seen, cpu={pod: used + 1000 for pod, used in seen.cpu.items()})

        return Sampled(samples)


def series(windows: list[Window]) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series of the windows, by its metric's name and its dimensions."""
    return {(one.metric.name, one.dimensions) for one in data(windows)}


def data(windows: list[Window]) -> list[Datum]:
    """Every datum of the windows."""
    return [datum for window in windows for datum in window.datums]
