"""Takes bucket policies out of moto's hands: it reads them without their conditions, and would deny all plain HTTP.

`Access` holds every call against them instead.
"""

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def leave_policies_to_us() -> None:
    """Make moto neutral about bucket policies, in the whole process."""
    FakeBucket.get_permission = _neutral  # type: ignore[assignment,method-assign]


def _neutral(_bucket: FakeBucket, action: str, resource: str) -> Any:
    del action, resource
    return PermissionResult.NEUTRAL
