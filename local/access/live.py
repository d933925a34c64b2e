"""The policies in force right now, read from moto's state and from the functions' registry."""

from typing import Any

from moto.backends import get_backend

from local.access import policy
from local.errors import ServiceError
from local.world import World

Statements = tuple[dict[str, Any], ...]

AWS_ACCOUNT = "aws"
"""moto's region for services without one."""


AWS_MANAGED = "alias/aws/"
"""What the names of keys begin with that AWS manages."""


class Live:
    """Reads one world's policies. Call it with the world's lock held."""

    def __init__(self, world: World) -> None:
        self._world = world

    def of_role(self, role_arn: str) -> Statements | None:
        """The statements of a role's inline and attached policies; None when there is no such role."""
        role = self._role(role_arn)
        if role is None:
            return None
        documents = [*role.policies.values()]
        for attached in role.managed_policies.values():
            documents += [version.document for version in attached.versions if version.is_default]
        return tuple(statement for document in documents for statement in policy.statements(document))

    def of_trust(self, role_arn: str) -> Statements | None:
        """The statements of a role's trust policy; None when there is no such role."""
        role = self._role(role_arn)
        return None if role is None else policy.statements(role.assume_role_policy_document)

    def of_resource(self, arn: str) -> Statements | None:
        """The statements of a resource's own policy; None when it has none or its service knows none."""
        if arn.count(":") < 5:
            return None  # "*": the action knows no resources
        name = arn.split(":", 5)[-1]
        match arn.split(":")[2]:
            case "sns":
                topic = self._backend("sns").topics.get(arn)
                return None if topic is None else policy.statements(topic.policy)
            case "sqs":
                queue = self._backend("sqs").queues.get(name)
                return policy.statements(queue.policy) if queue is not None and queue.policy else None
            case "s3":
                bucket = get_backend("s3")[self._world.account][AWS_ACCOUNT].buckets.get(name.split("/")[0])
                return policy.statements(bucket.policy) if bucket is not None and bucket.policy else None
            case "kms":
                key = self._backend("kms").keys.get(name.removeprefix("key/"))
                return None if key is None else policy.statements(key.policy)
            case "lambda":
                document = self._world.functions.policy(arn)
                return policy.statements(document) if document else None
            case _:
                return None

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a resource; none where it has none or moto knows none of its kind."""
        service = "".join(arn.split(":")[2:3])
        match service:
            case "cloudwatch":
                return self._of_alarm(arn)
            case "lambda":
                name = arn.split(":function:")[-1]
                return next((dict(each.tags) for each in self._world.functions.all() if each.name == name), {})
            case "iam":
                role = self._role(arn)
                return {tag["Key"]: tag["Value"] for tag in role.tags} if role is not None else {}
            case "sns" | "sqs" | "kms" | "ssm" | "dynamodb" | "logs" | "events" | "sagemaker":
                listed = self._backend(service).iter_tagged_resources()
                return next((dict(each.tags) for each in listed if each.arn == arn), {})
            case _:
                return {}

    def _of_alarm(self, arn: str) -> dict[str, str]:
        try:
            listed = self._world.cloudwatch.handle("ListTagsForResource", {"ResourceARN": arn})["Tags"]
        except ServiceError:
            return {}  # there is no such alarm
        return {tag["Key"]: tag["Value"] for tag in listed}

    def roles(self) -> dict[str, Statements]:
        """By role ARN, what each role's policies say."""
        found = get_backend("iam")[self._world.account][AWS_ACCOUNT].roles.values()
        return {role.arn: self.of_role(role.arn) or () for role in found}

    def key_of(self, arn: str) -> str:
        """The ARN of the KMS key that encrypts a topic or queue; "" for none.

        A key that AWS manages is an alias `aws/…`, whose policy lets the account's roles in and no service.
        """
        match "".join(arn.split(":")[2:3]):
            case "sns":
                topic = self._backend("sns").topics.get(arn)
                key = topic.kms_master_key_id if topic is not None else ""
            case "sqs":
                queue = self._backend("sqs").queues.get(arn.split(":", 5)[-1])
                key = getattr(queue, "kms_master_key_id", "") or ""
            case _:
                return ""
        return self._key(key) if key else ""

    def _key(self, identity: str) -> str:
        """The ARN of a key by id, ARN or alias; one that does not exist keeps its name and has no policy."""
        backend = self._backend("kms")
        name = identity.split(":", 5)[-1]
        if name.startswith("alias/"):
            owner = next((key for key in backend.keys.values() if name in key.aliases), None)
        else:
            owner = backend.keys.get(name.removeprefix("key/"))
        if owner is not None and not name.startswith(AWS_MANAGED):
            return str(owner.arn)
        return f"arn:aws:kms:{self._world.region}:{self._world.account}:{name}"

    def _role(self, role_arn: str) -> Any:
        roles = get_backend("iam")[self._world.account][AWS_ACCOUNT].roles
        return next((role for role in roles.values() if role.arn == role_arn), None)

    def _backend(self, name: Any) -> Any:
        return get_backend(name)[self._world.account][self._world.region]
