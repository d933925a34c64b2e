"""AWS credentials: the environment's, or what botocore's chain finds, run in a child that does not stay.

The only importer of botocore. The chain (profiles, SSO, web identity, container and instance roles) keeps 30 MiB
resident, so a child process runs it and hands over one set of keys through a pipe.
"""

import json
import logging
import os
import resource
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.signing import Credentials

log = logging.getLogger(__name__)

CHAIN_SECONDS = 30
"""How long the child may take: an instance role asked for through two slow hops is well within it."""
REFRESH_EARLY = timedelta(minutes=5)
LEAST_PAUSE = timedelta(minutes=1)
"""The chain is not run more often than this, whatever is refused."""


class CredentialsError(Exception):
    """There are no usable credentials; the text says what was tried and what would help."""


def from_environment(environment: Mapping[str, str]) -> Credentials | None:
    """The keys in AWS's environment variables, if both are there."""
    access_key = environment.get("AWS_ACCESS_KEY_ID", "")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY", "")
    if not access_key or not secret_key:
        return None
    return Credentials(access_key, secret_key, environment.get("AWS_SESSION_TOKEN", ""))


def from_chain() -> Credentials:
    """Run botocore's chain in a child process. Raises CredentialsError."""
    import subprocess  # where keys are in the environment, its weight is not carried

    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    try:
        child = subprocess.run(
            [sys.executable, "-m", "agent.credentials"],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHAIN_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        # The error's own text would repeat what the child has printed so far.
        raise CredentialsError(f"the credential chain did not finish: {type(error).__name__}") from None
    if child.returncode != 0:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise CredentialsError(last[0] if last else f"the credential chain exited with {child.returncode}")
    return parse_chain(child.stdout)


def child_peak_mib() -> float:
    """The most memory that a child of this process has held resident, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def parse_chain(output: bytes) -> Credentials:
    """What the child printed. Raises CredentialsError without repeating any of it."""
    try:
        found = json.loads(output)
        expires_at = found["expires_at"]
        return Credentials(
            access_key=found["access_key"],
            secret_key=found["secret_key"],
            token=found["token"],
            expires_at=datetime.fromisoformat(expires_at).astimezone(UTC) if expires_at else None,
        )
    except (ValueError, KeyError, TypeError):
        raise CredentialsError("the credential chain's answer could not be read") from None


class Provider:
    """Keeps one set of credentials fresh, for all sinks. Used from one thread."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        chain: Callable[[], Credentials] = from_chain,
    ) -> None:
        self._fixed = from_environment(environment)
        self._chain = chain
        self._held: Credentials | None = None
        self._asked_at: datetime | None = None
        self._refused = False

    def get(self, now: datetime) -> Credentials:
        """Credentials that are good for minutes yet. Raises CredentialsError."""
        if self._fixed is not None:
            return self._fixed
        if self._held is not None and not self._stale(self._held, now):
            return self._held
        valid = self._held is not None and (self._held.expires_at is None or now < self._held.expires_at)
        if self._may_ask(now):
            self._asked_at = now
            try:
                self._held = self._chain()
                self._refused = False
                facts = {"expires_at": self._held.expires_at, "child_peak_mib": round(child_peak_mib(), 1)}
                log.info("credentials obtained", extra=facts)
            except CredentialsError as error:
                if not valid:
                    raise
                log.warning("credentials not refreshed", extra={"error": str(error)})
        elif not valid:
            raise CredentialsError(f"no valid credentials; the chain is asked again after {LEAST_PAUSE}")
        assert self._held is not None  # noqa: S101  obtained, or still valid
        return self._held

    def refuse(self, now: datetime) -> bool:
        """AWS did not accept them: get others next time. Returns whether the next `get` may give others."""
        self._refused = True
        return self._fixed is None and self._may_ask(now)

    def _may_ask(self, now: datetime) -> bool:
        # Either way: a clock that was set back must not stop it.
        return self._asked_at is None or abs(now - self._asked_at) >= LEAST_PAUSE

    def _stale(self, held: Credentials, now: datetime) -> bool:
        return self._refused or (held.expires_at is not None and held.expires_at - REFRESH_EARLY <= now)


def main() -> int:
    """The child: print the chain's keys as JSON, or one line on stderr that says why there are none."""
    import botocore.exceptions
    import botocore.session

    try:
        found = botocore.session.Session().get_credentials()
        if found is None:
            raise CredentialsError(
                "no AWS credentials found: give the host a role, or set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            )
        frozen = found.get_frozen_credentials()
    except (CredentialsError, botocore.exceptions.BotoCoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # Present on credentials that botocore itself would refresh; the public interface does not tell.
    expires_at = getattr(found, "_expiry_time", None)
    json.dump(
        {
            "access_key": frozen.access_key,
            "secret_key": frozen.secret_key,
            "token": frozen.token or "",
            "expires_at": expires_at.isoformat() if expires_at is not None else "",
        },
        sys.stdout,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
