"""Asks of every call and delivery whether the policies in force allow it, and remembers what was asked."""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.access import actions, grants, moto_s3, policy
from local.access.conditions import PolicyError
from local.access.live import AWS_MANAGED, Live, Statements
from local.access.policy import Decision, Principal, Request, Verdict
from local.errors import ServiceError
from local.world import World

KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
"""What writing to an encrypted topic or queue asks of its key.
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""

_DENIED_CODES = {
    "autoscaling": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "ec2": "UnauthorizedOperation",
    "iam": "AccessDenied",
    "s3": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "sts": "AccessDenied",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """One action that a role used, or tried to use, on a resource."""

    role: str
    action: str
    resource: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class _Identity:
    role_arn: str
    session: str


class Access:
    """Identity and resource policies of one world. A call by a key that nobody registered is the administrator's."""

    def __init__(self, world: World) -> None:
        moto_s3.leave_policies_to_us()
        self._world = world
        self._live = Live(world)
        self._identities: dict[str, _Identity] = {}
        self.usage: Counter[Usage] = Counter()
        """How often each role used what, in the order of first use."""

    def at(self, world: World) -> "Access":
        """The same identities, held against the policies of another region's world."""
        other = copy.copy(self)
        other._world = world
        other._live = Live(world)
        return other

    def register(self, access_key: str, role_arn: str, session: str = "session") -> None:
        """Calls made with `access_key` are held against `role_arn` from now on."""
        with self._world.lock:
            self._identities[access_key] = _Identity(role_arn, session)

    def unused(self) -> tuple[grants.Grant, ...]:
        """What the roles' policies grant and no role has used so far, in order."""
        with self._world.lock:
            granted = grants.granted(self._live.roles())
        return grants.unused(granted, ((used.role, used.action, used.resource) for used in self.usage if used.allowed))

    def role_of(self, access_key: str) -> str:
        """The ARN of the role behind an access key; "" for the administrator's."""
        identity = self._identities.get(access_key)
        return identity.role_arn if identity else ""

    def check_request(
        self, *, access_key: str, service: str, operation: str, params: Mapping[str, Any], request: Any = None
    ) -> None:
        """Raise ServiceError (403) unless the caller's role, or the resource's policy, allows the call.

        `service` is boto3's name. A call that `access.actions` does not know is refused, by name.
        """
        del request
        identity = self._identities.get(access_key)
        if identity is None:
            return
        scope = actions.Scope(self._world.account, self._world.region)
        needs = actions.needs(service, operation, params, scope)
        if needs is None:
            raise ServiceError(
                _DENIED_CODES.get(service, "AccessDeniedException"),
                f"{service} {operation or '(unknown operation)'}: the embedded AWS does not know which IAM action this "
                "call needs, so it refuses it to roles; add it to local/access/actions.py",
                403,
            )
        with self._world.lock:
            for need in needs:
                self._need(identity, service, need)

    def check_role(
        self, role_arn: str, action: str, resource: str, *, context: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        """Raise ServiceError unless `role_arn` may do `action`: for what a service does in a role's name."""
        service = action.split(":")[0]
        with self._world.lock:
            self._need(_Identity(role_arn, "session"), service, actions.Need(action, resource, context or {}))

    def check_trust(self, role_arn: str, who: str, context: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Whether a role lets a service (`lambda.amazonaws.com`), or this account's root (its ARN), assume it."""
        principal = Principal(who, self._world.account)
        asked = Request("sts:AssumeRole", role_arn, principal, {**self._context(principal), **(context or {})})
        with self._world.lock:
            trust = self._live.of_trust(role_arn)
        verdict = policy.evaluate(trust or (), asked, of_resource=True).verdict
        return verdict in {Verdict.ALLOWED, Verdict.DELEGATED}

    def check_url(self, *, function_arn: str, auth_type: str, access_key: str | None) -> None:
        """Raise ServiceError unless a function may be asked at its URL: by anybody (None), or by a key's role.

        Both actions are needed since October 2025. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
        """
        through = {"lambda:FunctionUrlAuthType": (auth_type,)}
        needs = (
            actions.Need("lambda:InvokeFunctionUrl", function_arn, through),
            actions.Need("lambda:InvokeFunction", function_arn, {"lambda:InvokedViaFunctionUrl": ("true",)}),
        )
        identity = self._identities.get(access_key) if access_key is not None else None
        if access_key is not None and identity is None:
            return
        with self._world.lock:
            for need in needs:
                if identity is not None:
                    self._need(identity, "lambda", need)
                else:
                    who = Principal("anonymous", "anonymous")
                    self._service_may(who, need.action, function_arn, {**self._context(who), **need.context})

    def check_service(self, *, principal: str, action: str, resource_arn: str, source_arn: str) -> None:
        """Raise ServiceError unless the resource's policy lets a service deliver, and its key's policy too.

        `principal` is the service (`cloudwatch.amazonaws.com`), `source_arn` what it acts for (an alarm, a rule).
        """
        who = Principal(principal, self._world.account)
        account = source_arn.split(":")[4] if source_arn.count(":") >= 5 else ""
        context = self._context(who) | {
            "aws:SourceArn": (source_arn,),
            "aws:SourceAccount": (account or self._world.account,),
            "aws:SourceOwner": (account or self._world.account,),
            "aws:PrincipalServiceName": (principal,),
        }
        with self._world.lock:
            self._service_may(who, action, resource_arn, context)
            key = self._live.key_of(resource_arn) if action.split(":")[0] in {"sns", "sqs"} else ""
            for each in KEY_ACTIONS if key else ():
                self._service_may(who, each, key, _key_context(context, principal, resource_arn))

    def _service_may(self, who: Principal, action: str, resource: str, context: Mapping[str, tuple[str, ...]]) -> None:
        policies = self._live.of_resource(resource)
        if _mentions_tags(policies):
            context = {**context, **_tag_keys("aws:ResourceTag", self._live.tags_of(resource))}
        decision = _decide(policies, Request(action, resource, who, context), of_resource=True)
        if not decision.allowed:
            because = _because(decision, "resource", action)
            raise ServiceError(
                "AuthorizationError" if action.startswith("sns:") else "AccessDeniedException",
                f"User: {who.name} is not authorized to perform: {action} on resource: {resource} {because}",
                403,
            )

    def _need(self, identity: _Identity, service: str, need: actions.Need) -> None:
        try:
            self._role_may(identity, need)
            key = ""
            if need.action in {"sns:Publish", "sqs:SendMessage"}:
                key = self._live.key_of(need.resource)
            via = {"kms:ViaService": (f"{service}.{self._world.region}.amazonaws.com",)}
            for action in KEY_ACTIONS if key and f":{AWS_MANAGED}" not in key else ():
                self._role_may(identity, actions.Need(action, key, via))
        except _Refused as refused:
            code = _DENIED_CODES.get(service, "AccessDeniedException")
            raise ServiceError(code, str(refused), 403) from None

    def _role_may(self, identity: _Identity, need: actions.Need) -> None:
        who = Principal(identity.role_arn, self._world.account)
        context = {**self._context(who), "aws:PrincipalArn": (identity.role_arn,), **need.context}
        of_role, of_resource = self._live.of_role(identity.role_arn), self._live.of_resource(need.resource)
        if _mentions_tags(of_role) or _mentions_tags(of_resource):
            context |= _tag_keys("aws:ResourceTag", self._live.tags_of(need.resource))
            context |= _tag_keys("aws:PrincipalTag", self._live.tags_of(identity.role_arn))
        asked = Request(need.action, need.resource, who, context)
        by_role = _decide(of_role, asked, of_resource=False)
        by_resource = _decide(of_resource, asked, of_resource=True)
        # A key is its policy's: IAM policies count only where the key's policy delegates to the account.
        of_key = need.resource.split(":")[2:3] == ["kms"]
        allowed = by_resource.allowed or (by_role.allowed and (not of_key or by_resource.verdict is Verdict.DELEGATED))
        denied = next((d for d in (by_role, by_resource) if d.verdict is Verdict.DENIED), None)
        allowed = allowed and denied is None
        self.usage[Usage(identity.role_arn, need.action, need.resource, allowed)] += 1
        if not allowed:
            resource_decides = by_role.allowed or denied is by_resource
            because = _because(denied or by_resource, "resource" if resource_decides else "identity", need.action)
            role = identity.role_arn.split("/")[-1]
            user = f"arn:aws:sts::{self._world.account}:assumed-role/{role}/{identity.session}"
            raise _Refused(
                f"User: {user} is not authorized to perform: {need.action} on resource: {need.resource} {because}"
            )

    def _context(self, who: Principal) -> dict[str, tuple[str, ...]]:
        """The keys that every request has. The loopback stands for TLS, which AWS's endpoints always offer."""
        now = self._world.clock.now()
        return {
            "aws:CurrentTime": (now.isoformat(),),
            "aws:EpochTime": (str(int(now.timestamp())),),
            "aws:SecureTransport": ("true",),
            "aws:PrincipalAccount": (who.account,),
            "aws:PrincipalIsAWSService": ("true" if who.is_service else "false",),
            "aws:ResourceAccount": (self._world.account,),
            "aws:RequestedRegion": (self._world.region,),
        }


class _Refused(Exception):
    """A role may not; the message is AWS's."""


def _key_context(
    context: Mapping[str, tuple[str, ...]], principal: str, resource_arn: str
) -> Mapping[str, tuple[str, ...]]:
    """What a key's policy may ask about: SNS names the topic in its encryption context.

    EventBridge's requests carry no source (SNS developer guide, Managing Amazon SNS encryption keys and costs).
    """
    kept = {
        name: value
        for name, value in context.items()
        if principal != "events.amazonaws.com" or not name.startswith("aws:Source")
    }
    if resource_arn.split(":")[2] == "sns":
        kept["kms:EncryptionContext:aws:sns:topicArn"] = (resource_arn,)
    return kept


def _mentions_tags(policies: Statements | None) -> bool:
    """Whether a condition, or a variable in one, asks for tags: looking them up is slow."""
    return any("Tag/" in str(statement.get("Condition", "")) for statement in policies or ())


def _tag_keys(prefix: str, tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {f"{prefix}/{name}": (value,) for name, value in tags.items()}


def _decide(policies: Statements | None, asked: Request, *, of_resource: bool) -> Decision:
    try:
        return policy.evaluate(policies or (), asked, of_resource=of_resource)
    except PolicyError as error:
        raise ServiceError("MalformedPolicyDocument", f"a policy asked about {asked.action}: {error}", 400) from error


def _because(decision: Decision, kind: str, action: str) -> str:
    if decision.verdict is Verdict.DENIED:
        return f"with an explicit deny in a policy ({decision.statement})"
    return f"because no {kind}-based policy allows the {action} action"
