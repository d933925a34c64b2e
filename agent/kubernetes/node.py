"""Node mode: this node's pods, from its kubelet, and which workload has which GPU.

The kubelet gives its pods to whoever may get nodes/pods (Kubernetes 1.36); before, that took nodes/proxy, which is the
right to run anything, so the API server is asked for the node's pods where the kubelet refuses, or cannot be talked
to: many have a certificate of their own making. Source: kubernetes.io, "Kubelet authentication/authorization",
"Metrics For Kubernetes System Components".
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.collectors.counters import Deltas
from agent.connection import ConnectionFailed
from agent.context import Owners
from agent.inputs import exposition
from agent.kubernetes import objects, podresources
from agent.kubernetes.api import Api, Refused
from agent.kubernetes.objects import Events, Pod
from agent.sample import Dimensions, Sample
from core.catalogue import kubernetes
from core.catalogue.metric import Metric

_SOCKET = "pod-resources/kubelet.sock"
_CHECKPOINT = "device-plugins/kubelet_internal_checkpoint"
_MEMORY, _CPU = "pod_memory_working_set_bytes", "pod_cpu_usage_seconds_total"
_FORBIDDEN = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: the node's pods, and by pod its working set (bytes) and processor time since its start (ms).

    Pods go by namespace and name; `devices` are whose each is, several pods' where it is
    sliced by time. `failure` is why the kubelet did not tell what its pods
    use: then both are empty.
    """

    pods: tuple[Pod, ...]
    memory: Mapping[tuple[str, str], int]
    cpu: Mapping[tuple[str, str], int]
    devices: Mapping[str, Collection[tuple[str, str]]]
    failure: Exception | None = None


def parse_resources(page: str) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """The kubelet's /metrics/resource: by namespace and pod, bytes and milliseconds. Raises PageError."""
    found: dict[str, dict[tuple[str, str], int]] = {_MEMORY: {}, _CPU: {}}
    for series in exposition.parse(page, wanted=found.__contains__):
        labels = dict(series.labels)
        value = series.value * (1000 if series.name == _CPU else 1)
        found[series.name][labels["namespace"], labels["pod"]] = int(value)
    return found[_MEMORY], found[_CPU]


class Looker:
    """Asks; run beside the rounds."""

    def __init__(self, kubelet: Api, server: Api | None, *, node: str, root: Path) -> None:
        """`server` and this `node`'s name are for kubelets that keep their pods to themselves."""
        self._kubelet = kubelet
        self._server = server
        self._node = node
        self._socket = root / _SOCKET
        self._checkpoint = root / _CHECKPOINT
        self._asks_server = False

    def look(self) -> Seen:
        """Raises Refused, ConnectionFailed, OSError, or ValueError for what is not understood."""
        pods = tuple(map(objects.pod, self._pods()))
        devices = self._devices(pods)
        try:
            memory, cpu = parse_resources(self._kubelet.text("/metrics/resource"))
        except (Refused, ConnectionFailed, ValueError) as error:
            return Seen(pods, {}, {}, devices, error)
        return Seen(pods, memory, cpu, devices)

    def _devices(self, pods: Iterable[Pod]) -> dict[str, set[tuple[str, str]]]:
        """From the kubelet's socket; where that is not mounted, from the file that it keeps."""
        try:
            return podresources.devices(podresources.ask(self._socket))
        except FileNotFoundError:
            pass
        try:
            found = objects.devices(self._checkpoint.read_text())
        except FileNotFoundError:
            return {}  # no device plugin on this node, or the folder is not mounted
        by_uid = {one.uid: (one.namespace, one.name) for one in pods}
        return {device: {by_uid[uid] for uid in uids if uid in by_uid} for device, uids in found.items()}

    def _pods(self) -> list[dict[str, object]]:
        if not self._asks_server:
            try:
                return list(json.loads(self._kubelet.text("/pods")).get("items") or ())
            except Refused as error:
                if error.status not in _FORBIDDEN or self._server is None or not self._node:
                    raise
                self._asks_server = True
            except ConnectionFailed:  # it may be there again at the next look
                if self._server is None or not self._node:
                    raise
        assert self._server is not None  # noqa: S101  it was there when it was decided
        return self._server.selected("/api/v1/pods", selector=f"spec.nodeName={self._node}")


class Node:
    """Makes samples of looks."""

    def __init__(self, owners: Owners, monotonic: Callable[[], float], cores: int | None = None) -> None:
        self._owners = owners
        self._monotonic = monotonic
        self._cores = cores or os.cpu_count() or 1
        self._events = Events()
        self._cpu = Deltas()
        self._seen_at = 0.0

    def samples(self, seen: Seen) -> Iterator[Sample]:
        """The node's and its workloads'."""
        running = [one for one in seen.pods if one.phase == "Running"]
        yield Sample(kubernetes.KUBE_NODE_PODS_RUNNING, len(running))
        yield Sample(kubernetes.KUBE_NODE_PODS_NOT_READY, sum(not one.ready for one in running))
        yield Sample(kubernetes.KUBE_NODE_GPUS_ALLOCATED, sum(one.gpus for one in running))
        yield from happened(
            self._events.since(seen.pods), kubernetes.KUBE_NODE_RESTARTS, kubernetes.KUBE_NODE_OOM_KILLS
        )
        workloads = {(one.namespace, one.name): one.dimensions for one in seen.pods}
        self._owners.by_uuid = {
            device: {workloads[pod] for pod in having if pod in workloads} for device, having in seen.devices.items()
        }
        if seen.failure is None:
            yield from self._used(seen)

    def _used(self, seen: Seen) -> Iterator[Sample]:
        workloads = {(one.namespace, one.name): one.dimensions for one in seen.pods}
        memory: dict[Dimensions, int] = {}
        for pod, used in seen.memory.items():
            if pod in workloads:
                memory[workloads[pod]] = memory.get(workloads[pod], 0) + used
        for dimensions, used in memory.items():
            yield Sample(kubernetes.KUBE_WORKLOAD_MEMORY, used, dimensions)
        now = self._monotonic()
        passed, self._seen_at = now - self._seen_at, now
        grown = self._cpu.by_device({"/".join(pod): (used,) for pod, used in seen.cpu.items()})
        cpu: dict[Dimensions, int] = {}
        for pod, dimensions in workloads.items():
            if "/".join(pod) in grown:
                cpu[dimensions] = cpu.get(dimensions, 0) + grown["/".join(pod)][0]
        for dimensions, used in cpu.items() if passed > 0 else ():
            share = 100.0 * used / 1000 / passed / self._cores
            yield Sample(kubernetes.KUBE_WORKLOAD_CPU, min(100.0, share), dimensions)


def happened(found: Mapping[Dimensions, tuple[int, ...]] | None, restarts: Metric, kills: Metric) -> Iterator[Sample]:
    """Restarts and OOM kills: always together, and each workload's where there were any."""
    if found is None:
        return
    for place, metric in enumerate((restarts, kills)):
        yield Sample(metric, sum(counts[place] for counts in found.values()))
        for dimensions, counts in found.items():
            if counts[place]:
                yield Sample(metric, counts[place], dimensions)
