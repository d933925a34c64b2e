"""Where the configuration's text comes from: a file, an SSM parameter, or the environment."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from agent import aws
from agent.config import ConfigError
from agent.connection import ConnectionFailed
from agent.credentials import CredentialsError, Provider

ENVIRONMENT_VARIABLE = "MLWARDEN_AGENT_CONFIG"
"""May hold the whole text, TOML or JSON."""
DEFAULT_FILE = Path("/etc/mlwarden/agent.toml")
PARAMETER_SECONDS = 10.0


def read(
    source: str,
    *,
    environment: Mapping[str, str],
    region: Callable[[], str],
    now: Callable[[], datetime],
    default_file: Path = DEFAULT_FILE,
) -> str:
    """The text of `source`: a path, or `ssm:/name/of/parameter`.

    Without a source: the environment's, else the default file's, else nothing, which is a whole configuration.
    `region` is asked for only where a parameter is. Raises ConfigError.
    """
    if source.startswith("ssm:"):
        return _parameter(source.removeprefix("ssm:"), environment=environment, region=region(), now=now)
    if source:
        return _file(Path(source))
    if environment.get(ENVIRONMENT_VARIABLE):
        return environment[ENVIRONMENT_VARIABLE]
    return _file(default_file) if default_file.exists() else ""


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None


def _parameter(name: str, *, environment: Mapping[str, str], region: str, now: Callable[[], datetime]) -> str:
    if not region:
        raise ConfigError(f"ssm:{name}: no region; set AWS_REGION")
    try:
        service = aws.Service(
            aws.endpoint("ssm", name="SSM", region=region, configured="", environment=environment),
            name="ssm",
            region=region,
            protocol="1.1",
            target="AmazonSSM",
            provider=Provider(environment=environment),
            now=now,
        )
        body = json.dumps({"Name": name, "WithDecryption": True}).encode()
        response = service.call("GetParameter", body, timeout_seconds=PARAMETER_SECONDS)
        service.close()
    except (ConnectionFailed, CredentialsError, ValueError) as error:
        raise ConfigError(f"ssm:{name}: {error}") from None
    if response.status != 200:
        said = f"{aws.error_code(response)} {aws.error_message(response)}".strip()
        raise ConfigError(f"ssm:{name}: {said or response.status}")
    try:
        return str(json.loads(response.body)["Parameter"]["Value"])
    except (ValueError, LookupError, TypeError):
        raise ConfigError(f"ssm:{name}: the answer is none of GetParameter's, which has Parameter.Value") from None
