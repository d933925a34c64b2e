"""Kubernetes, in the mode that the configuration names; imported by no other host's agent."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

from agent.background import Background
from agent.context import Context
from agent.sample import FOR_GOOD, NoData, Sample

SECONDS = 30.0
"""Between looks."""


Found = tuple[tuple[Sample, ...], Exception | None]
"""The samples of a look, and what went wrong with a part of it."""
Look = Callable[[], Found]


def node(context: Context, environment: Mapping[str, str], made: ExitStack) -> Look:
    """Looks at this node. Raises ValueError without the kubelet's address, or the file of its authorities."""
    from agent.kubernetes import api
    from agent.kubernetes.node import Looker, Node

    host = environment.get("HOST_IP", "")
    url = context.kubelet_url or (f"https://{f'[{host}]' if ':' in host else host}:10250" if host else "")
    if not url:
        raise ValueError("kubelet_url: neither it nor the environment's HOST_IP says where the kubelet is")
    if context.kubelet_ca and not os.path.isfile(context.kubelet_ca):  # noqa: PTH113  Path's raises where it may not look
        raise ValueError(f"kubelet_ca: {context.kubelet_ca!r} is not a file that the agent can see")
    server = api.server(environment)
    name = context.node or environment.get("NODE_NAME", "")
    kubelet, cluster_api = api.Api(url, authorities=context.kubelet_ca), api.Api(server) if server else None
    for each in (kubelet, cluster_api):
        if each is not None:
            made.callback(each.close)
    looker = Looker(kubelet, cluster_api, node=name, root=context.kubelet_root)
    makes = Node(context.owners, context.monotonic)

    def found() -> Found:
        seen = looker.look()
        return tuple(makes.samples(seen)), seen.failure

    return found


def cluster(environment: Mapping[str, str], made: ExitStack) -> Look:
    """Looks at the cluster. Raises ValueError outside one."""
    from agent.kubernetes import api
    from agent.kubernetes.cluster import Cluster, look

    url = api.server(environment)
    if not url:
        raise ValueError("kubernetes: KUBERNETES_SERVICE_HOST is not set: cluster mode runs in a pod")
    server, makes = api.Api(url), Cluster()
    made.callback(server.close)
    return lambda: (tuple(makes.samples(look(server))), None)


class Kubernetes:
    """Silent unless a mode is configured, and between looks."""

    def __init__(self, context: Context, environment: Mapping[str, str] = os.environ) -> None:
        """Raises ValueError where the mode needs what the environment does not tell."""
        self._made = ExitStack()
        self._looks: Background[Found] | None = None
        if context.kubernetes == "node":
            self._begin(context, node(context, environment, self._made))
        elif context.kubernetes == "cluster":
            self._begin(context, cluster(environment, self._made))

    def _begin(self, context: Context, look: Look) -> None:
        self._looks = Background("kubernetes", look, every_seconds=SECONDS, monotonic=context.monotonic)

    def close(self) -> None:
        """Close the connections; a question on its way is cut off."""
        self._made.close()

    def collect(self) -> Iterator[Sample]:
        """What the last look found; raises, after that, what went wrong with it."""
        if self._looks is None:
            raise NoData(FOR_GOOD)
        samples, failure = self._looks.take()
        yield from samples
        if failure is not None:
            raise failure
