"""SageMaker endpoints under load: a real trace's requests, answered by models whose faults are invented."""

from local.simulator.load import EndpointLoad, Kind
from local.simulator.model import BAD, GOOD, Machine, ModelVersion, Request, read_trace

__all__ = ["BAD", "GOOD", "EndpointLoad", "Kind", "Machine", "ModelVersion", "Request", "read_trace"]
