"""Every metric mlwarden knows."""

from core.catalogue import endpoint, gpu, host, inputs, kubernetes, platform
from core.catalogue.metric import Metric

ALL: tuple[Metric, ...] = (
    *endpoint.METRICS,
    *host.METRICS,
    *gpu.METRICS,
    *kubernetes.METRICS,
    *inputs.METRICS,
    *platform.METRICS,
)

_BY_NAME = {(metric.namespace, metric.name): metric for metric in ALL}


def find(namespace: str, name: str) -> Metric | None:
    """The metric of that namespace and name, or None: it does not exist."""
    return _BY_NAME.get((namespace, name))
