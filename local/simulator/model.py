"""Requests and the models that answer them. Pure, but for reading the trace."""

import csv
from dataclasses import dataclass
from pathlib import Path

TRACE = Path(__file__).parent.parent / "scenarios" / "data" / "azure-llm-conversation.csv"


@dataclass(frozen=True, slots=True)
class Request:
    """One inference request: seconds from the trace's start, and its size in tokens."""

    second: float
    context_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """How one endpoint configuration answers. Times are milliseconds.

    One request in `fails_one_in` gets a 5xx of the model's, one in `refuses_one_in` a 4xx; 0 is none.
    """

    base_ms: float = 40.0
    context_token_ms: float = 0.02
    generated_token_ms: float = 0.5
    fails_one_in: int = 0
    refuses_one_in: int = 0

    def latency_ms(self, request: Request) -> float:
        """What CloudWatch calls ModelLatency, here in milliseconds."""
        tokens = request.context_tokens * self.context_token_ms + request.generated_tokens * self.generated_token_ms
        return self.base_ms + tokens


GOOD = ModelVersion()
BAD = ModelVersion(base_ms=90.0, context_token_ms=0.06, generated_token_ms=2.2, fails_one_in=9)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the endpoint runs on: counts decide the range of CPUUtilization and GPUUtilization (100 each)."""

    vcpus: int
    gpus: int
    instances: int = 1


def read_trace(path: Path = TRACE) -> tuple[Request, ...]:
    """Read a trace; lines that begin with `#` are its attribution."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(
            Request(
                second=float(row["second"]),
                context_tokens=int(row["context_tokens"]),
                generated_tokens=int(row["generated_tokens"]),
            )
            for row in rows
        )
