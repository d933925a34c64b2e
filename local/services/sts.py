"""STS AssumeRole: temporary keys of a role whose trust policy lets the caller in; they may do what the role may."""

import hashlib
from datetime import timedelta
from typing import Any

from local.errors import ServiceError
from local.world import World

DEFAULT_SECONDS = 3600


class Sts:
    """Answers AssumeRole. Calls with the keys it gives are held against the role's policies.

    Keys do not expire, so that a clock that stands still or is moved by days takes nobody's session away.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """AssumeRole; AccessDenied where the role is missing or does not trust this account."""
        del operation
        world = self._world
        role, session = str(params["RoleArn"]), str(params["RoleSessionName"])
        context = {"sts:RoleSessionName": (session,)}
        if external := params.get("ExternalId"):
            context["sts:ExternalId"] = (str(external),)
        caller = f"arn:aws:iam::{world.account}:root"
        if not world.access.check_trust(role, caller, context):
            raise ServiceError(
                "AccessDenied", f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}", 403
            )
        mark = hashlib.sha256(world.next_id("session").encode()).hexdigest().upper()
        access_key, identity = f"ASIA{mark[:16]}", f"AROA{mark[16:32]}"
        world.access.register(access_key, role, session=session)
        lasts = timedelta(seconds=int(params.get("DurationSeconds") or DEFAULT_SECONDS))
        name = role.rsplit("/", 1)[-1]
        return {
            "Credentials": {
                "AccessKeyId": access_key,
                "SecretAccessKey": mark[:40],
                "SessionToken": mark,
                "Expiration": (world.clock.now() + lasts).timestamp(),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"{identity}:{session}",
                "Arn": f"arn:aws:sts::{world.account}:assumed-role/{name}/{session}",
            },
            "PackedPolicySize": 0,
        }
