"""Who this host is: its EC2 instance id and region from the metadata service (IMDSv2), else its name."""

import json
import logging
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.connection import Connection, ConnectionFailed
from agent.sample import Dimensions

log = logging.getLogger(__name__)

METADATA_URL = "http://169.254.169.254"
METADATA_SECONDS = 1.0
JOB_FOLDERS = (Path("/opt/ml/input/config"), Path("/opt/ml/config"))
"""Where SageMaker tells the containers of a training job, and of a processing job, about the job."""
_LIFETIME = "60"  # of the metadata token, in seconds
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True)
class Identity:
    """`instance_id` and `region` are empty where the host is not on EC2."""

    instance_id: str
    host: str
    region: str

    @property
    def dimensions(self) -> Dimensions:
        """The one dimension that every series of this host has."""
        return (("InstanceId", self.instance_id),) if self.instance_id else (("host", self.host),)


def find(
    *,
    instance_id: str,
    host: str,
    region: str,
    sys_root: Path,
    environment: Mapping[str, str],
    job_folders: Sequence[Path] = JOB_FOLDERS,
) -> Identity:
    """What the configuration gives, completed from the environment and, on EC2 alone, the metadata service.

    A configured `host` is a decision not to use the instance id; so is a SageMaker job, whose instances are not the
    account's own.
    """
    region = region or environment.get("AWS_REGION", "") or environment.get("AWS_DEFAULT_REGION", "")
    if not instance_id and not host:
        host = job_host(environment, job_folders)
    name = host or socket.gethostname()
    if region and (instance_id or host):
        return Identity(instance_id, name, region)
    found = _metadata(sys_root, environment)
    return Identity(
        instance_id=instance_id or ("" if host else found.get("instanceId", "")),
        host=name,
        region=region or found.get("region", ""),
    )


def job_host(environment: Mapping[str, str], folders: Sequence[Path]) -> str:
    """In a SageMaker job its name and this host's, as the job's own metrics have them; else empty.

    Source: SageMaker developer guide, "Distributed training configuration", "Environment variables", "How Amazon
    SageMaker Processing Configures Your Processing Container"; "Monitor SageMaker AI with CloudWatch": dimension Host,
    `job/algo-1`.
    """
    for folder in folders:
        try:
            current = json.loads((folder / "resourceconfig.json").read_text())["current_host"]
            processing = folder / "processingjobconfig.json"
            job = json.loads(processing.read_text())["ProcessingJobName"] if processing.exists() else ""
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("SageMaker's job not understood", extra={"error": f"{folder}: {type(error).__name__}: {error}"})
            continue
        job = environment.get("TRAINING_JOB_NAME", "") or job
        return f"{job}/{current}" if job else str(current)
    return ""


def _metadata(sys_root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The instance identity document, as far as this host has one. Off EC2 nothing is asked of the network."""
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return {}
    told = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "")
    if not told and not on_ec2(sys_root):
        return {}
    try:
        return fetch(told or METADATA_URL)
    except (ConnectionFailed, ValueError) as error:
        asset = _line(sys_root / "class/dmi/id/board_asset_tag")  # the instance id, on Nitro
        found = {"instanceId": asset} if _INSTANCE_ID.fullmatch(asset) else {}
        log.warning("EC2 metadata not read", extra={"error": str(error), **found})
        return found


def on_ec2(sys_root: Path) -> bool:
    """Whether the firmware says that this is EC2 (EC2 user guide, "Detect whether a host is an EC2 instance")."""
    return "Amazon EC2" in _line(sys_root / "class/dmi/id/sys_vendor") or _line(
        sys_root / "hypervisor/uuid"
    ).startswith("ec2")


def fetch(url: str) -> dict[str, str]:
    """The strings of the instance identity document, by IMDSv2. Raises ConnectionFailed or ValueError."""
    connection = Connection(url)
    try:
        token = _get(
            connection,
            "PUT",
            "/latest/api/token",
            {"X-aws-ec2-metadata-token-ttl-seconds": _LIFETIME},
        )
        document = json.loads(
            _get(
                connection,
                "GET",
                "/latest/dynamic/instance-identity/document",
                {"X-aws-ec2-metadata-token": token},
            )
        )
    finally:
        connection.close()
    return {key: value for key, value in document.items() if isinstance(value, str)}


def _get(connection: Connection, method: str, path: str, headers: dict[str, str]) -> str:
    response = connection.request(method, path, headers=headers, body=None, timeout_seconds=METADATA_SECONDS)
    if response.status != 200:
        raise ValueError(f"{path}: status {response.status}")
    return response.body.decode()


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
