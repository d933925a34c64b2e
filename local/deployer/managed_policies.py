"""AWS's own managed policies, put into moto's IAM when a role asks for one: all of them at start cost a second."""

import json
from functools import cache
from typing import Any

from moto.backends import get_backend
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy

from local.world import World


def provide(world: World, arn: str) -> None:
    """Make an AWS managed policy attachable; any other ARN, and one that AWS does not have, is left alone."""
    if not arn.startswith("arn:aws:iam::aws:policy/"):
        return
    with world.lock:
        backend = get_backend("iam")[world.account]["aws"]
        if arn in backend.managed_policies:
            return
        for name, data in _known().items():
            if name == arn.rsplit("/", 1)[-1]:
                found = AWSManagedPolicy.from_data(name, world.account, world.region, data)
                backend.managed_policies[found.arn] = found


@cache
def _known() -> dict[str, Any]:
    return dict(json.loads(aws_managed_policies_data))
