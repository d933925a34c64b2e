"""The table of instance types, held against what AWS's own models say."""

import gzip
import json
from importlib import resources

from botocore.session import Session

from core.catalogue.instances import TYPES


def test_every_type_that_an_endpoint_can_have_is_in_the_table():
    allowed = Session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType").enum

    assert set(allowed) == set(TYPES)


def test_the_counts_are_those_of_ec2():
    raw = resources.files("moto.ec2.resources").joinpath("instance_types.json.gz").read_bytes()
    ec2 = json.loads(gzip.decompress(raw))

    compared = 0
    for name, instance in TYPES.items():
        described = ec2.get(name.removeprefix("ml."))
        if described is None:
            continue
        gpus = sum(gpu["Count"] for gpu in described.get("GpuInfo", {}).get("Gpus", []))
        assert (described["VCpuInfo"]["DefaultVCpus"], gpus) == (instance.vcpus, instance.gpus), name
        compared += 1

    assert compared > 200
