"""Cluster mode: pods, workloads, nodes and GPUs of the whole cluster, from the API server; one agent a cluster."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.kubernetes import objects
from agent.kubernetes.api import Api
from agent.kubernetes.node import happened
from agent.kubernetes.objects import Events, Pod, Workload
from agent.sample import Sample
from core.catalogue import kubernetes

_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. `nodes` are whether each is ready, and the GPUs that may be had of it."""

    pods: tuple[Pod, ...]
    workloads: tuple[Workload, ...]
    nodes: tuple[tuple[bool, int], ...]


def look(server: Api) -> Seen:
    """Ask; run beside the rounds. Raises Refused or ConnectionFailed."""
    return Seen(
        tuple(map(objects.pod, server.items("/api/v1/pods"))),
        tuple(
            objects.workload(told)
            for kind in ("deployments", "statefulsets")
            for told in server.items(f"/apis/apps/v1/{kind}")
        ),
        tuple(map(objects.node, server.items("/api/v1/nodes"))),
    )


class Cluster:
    """Makes samples of looks."""

    def __init__(self) -> None:
        self._events = Events()

    def samples(self, seen: Seen) -> Iterator[Sample]:
        """The cluster's and its workloads'. A pod that has succeeded is no trouble."""
        phases = [one.phase for one in seen.pods]
        yield Sample(kubernetes.KUBE_PODS_RUNNING, phases.count("Running"))
        yield Sample(kubernetes.KUBE_PODS_PENDING, phases.count("Pending"))
        yield Sample(kubernetes.KUBE_PODS_FAILED, phases.count("Failed"))
        not_ready = sum(one.phase == "Running" and not one.ready for one in seen.pods)
        yield Sample(kubernetes.KUBE_PODS_NOT_READY, not_ready)
        waiting = sum(bool(one.gpus) and one.phase == "Pending" and one.unschedulable for one in seen.pods)
        yield Sample(kubernetes.KUBE_GPU_PODS_PENDING, waiting)
        yield from happened(self._events.since(seen.pods), kubernetes.KUBE_RESTARTS, kubernetes.KUBE_OOM_KILLS)
        short = 0
        for one in seen.workloads:
            dimensions = (("namespace", one.namespace), ("workload", one.name))
            yield Sample(kubernetes.KUBE_REPLICAS_DESIRED, one.desired, dimensions)
            yield Sample(kubernetes.KUBE_REPLICAS_READY, one.ready, dimensions)
            yield Sample(kubernetes.KUBE_REPLICAS_AVAILABLE, one.available, dimensions)
            short += one.available < one.desired
        yield Sample(kubernetes.KUBE_WORKLOADS_SHORT, short)
        yield Sample(kubernetes.KUBE_NODES, len(seen.nodes))
        yield Sample(kubernetes.KUBE_NODES_NOT_READY, sum(not ready for ready, _ in seen.nodes))
        yield Sample(kubernetes.KUBE_GPUS_ALLOCATABLE, sum(gpus for _, gpus in seen.nodes))
        requested = sum(one.gpus for one in seen.pods if one.phase not in _ENDED)
        yield Sample(kubernetes.KUBE_GPUS_REQUESTED, requested)
