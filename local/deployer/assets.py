"""Where the packages of functions and layers come from: a cloud assembly's folder, or the embedded S3."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from botocore.exceptions import ClientError

from local.clients import Clients
from local.deployer import assembly
from local.deployer.assembly import Asset
from local.functions.packages import default_cache
from local.world import World


class Assets(Protocol):
    """Finds the content at a bucket and key."""

    def find(self, bucket: str, key: str) -> Asset | None:
        """The asset; None when it is not there."""

    def known(self) -> str:
        """What there is, for an error message."""


@dataclass(frozen=True, slots=True)
class AssemblyAssets:
    """The files of one synthesized stack."""

    world: World
    files: Mapping[str, Asset]
    """By object key."""

    def find(self, bucket: str, key: str) -> Asset | None:
        """The asset whose destination is this bucket and key; both may be computed from account and region."""
        found = self.files.get(key)
        if found is None:
            return None
        place = found.bucket.replace("${AWS::AccountId}", self.world.account)
        return found if place.replace("${AWS::Region}", self.world.region) == bucket else None

    def known(self) -> str:
        """The assembly's files."""
        return f"its assembly has: {', '.join(sorted(self.files)) or 'none'}"


@dataclass(frozen=True, slots=True)
class BucketAssets:
    """What was uploaded into buckets, as the CDK CLI publishes assets; `otherwise` is asked for what was not."""

    clients: Clients
    otherwise: Assets | None = None

    def find(self, bucket: str, key: str) -> Asset | None:
        """The object, kept as a file that its content names."""
        try:
            content: bytes = self.clients.get("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError:
            return self.otherwise.find(bucket, key) if self.otherwise is not None else None
        digest = assembly.digest(content)
        return Asset(keep(content, digest), digest, bucket, key)

    def known(self) -> str:
        """Where objects are looked for."""
        return "publish it to that bucket first"


def keep(content: bytes, digest: str) -> Path:
    """The file of a package in the folder of unpacked packages, written unless it is there."""
    path = default_cache() / f"{digest}.zip"
    if not path.is_file():
        fresh = path.with_suffix(f".{id(content)}")
        fresh.write_bytes(content)
        fresh.rename(path)
    return path
