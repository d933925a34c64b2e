"""vCPU and GPU counts of the instance types that SageMaker endpoints run on.

SageMaker publishes CPU and GPU utilisation summed over cores and devices, so a percentage of the whole
instance needs these counts. Source: the instance types of SageMaker's API model and EC2's
DescribeInstanceTypes (VCpuInfo, GpuInfo).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instance:
    """What one instance has. `gpus` counts NVIDIA's only: Inferentia and Trainium publish no GPU metrics."""

    vcpus: int
    gpus: int


_TO_8X = "large xlarge 2xlarge 4xlarge 8xlarge"
_TO_16X = f"{_TO_8X} 12xlarge 16xlarge"
_TO_32X = f"{_TO_16X} 24xlarge 32xlarge"
_TO_48X = f"{_TO_16X} 24xlarge 48xlarge"
_FIVE = "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge"
_COMPUTE_FIVE = "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge"

_CPU_FAMILIES = {
    "t2": "medium large xlarge 2xlarge",
    "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
    "c4": _TO_8X,
    "m5": _FIVE,
    "m5d": _FIVE,
    "r5": _FIVE,
    "r5d": _FIVE,
    "c5": _COMPUTE_FIVE,
    "c5d": _COMPUTE_FIVE,
    "m6i": _TO_32X,
    "c6i": _TO_32X,
    "c6in": _TO_32X,
    "r6i": _TO_32X,
    "m6g": _TO_16X,
    "m6gd": _TO_16X,
    "c6g": _TO_16X,
    "c6gd": _TO_16X,
    "c6gn": _TO_16X,
    "r6g": _TO_16X,
    "r6gd": _TO_16X,
    "c7g": _TO_16X,
    "m7i": _TO_48X,
    "c7i": _TO_48X,
    "r7i": _TO_48X,
    "r7gd": f"medium {_TO_16X}",
    "m8g": f"medium {_TO_48X}",
    "c8g": f"medium {_TO_48X}",
    "r8g": f"medium {_TO_48X}",
    "inf1": "xlarge 2xlarge 6xlarge 24xlarge",
    "inf2": "xlarge 8xlarge 24xlarge 48xlarge",
    "trn1": "2xlarge 32xlarge",
    "trn1n": "32xlarge",
    "trn2": "48xlarge",
    "dl1": "24xlarge",
}

_G5_LIKE = {
    "xlarge": 1,
    "2xlarge": 1,
    "4xlarge": 1,
    "8xlarge": 1,
    "12xlarge": 4,
    "16xlarge": 1,
    "24xlarge": 4,
    "48xlarge": 8,
}
_G7_LIKE = {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8}

_GPU_FAMILIES = {
    "g4dn": {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 4, "16xlarge": 1},
    "g5": _G5_LIKE,
    "g6": _G5_LIKE,
    "g6e": _G5_LIKE,
    "g7": _G7_LIKE,
    "g7e": _G7_LIKE,
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "p6-b300": {"48xlarge": 8},
    "p6e-gb200": {"36xlarge": 4},
}

_IRREGULAR_VCPUS = {"ml.t2.medium": 2, "ml.c4.8xlarge": 36}


def _vcpus(family: str, size: str) -> int:
    """Four vCPUs to an xlarge, but for the few in _IRREGULAR_VCPUS."""
    irregular = _IRREGULAR_VCPUS.get(f"ml.{family}.{size}")
    if irregular is not None:
        return irregular
    if size in ("medium", "large"):
        return 1 if size == "medium" else 2
    return 4 * int(size.removesuffix("xlarge") or 1)


TYPES: dict[str, Instance] = {
    **{
        f"ml.{family}.{size}": Instance(_vcpus(family, size), 0)
        for family, sizes in _CPU_FAMILIES.items()
        for size in sizes.split()
    },
    **{
        f"ml.{family}.{size}": Instance(_vcpus(family, size), gpus)
        for family, sizes in _GPU_FAMILIES.items()
        for size, gpus in sizes.items()
    },
}
"""Every known type by its SageMaker name, such as `ml.g5.2xlarge`."""


def find(instance_type: str) -> Instance | None:
    """The counts of a type, or None for one this table does not know: the configuration then states them."""
    return TYPES.get(instance_type)
