import inspect
import json

from moto.iam.models import AWSManagedPolicy
from moto.kms.models import Key
from moto.s3.models import FakeBucket
from moto.sns.models import Topic

from local.access import moto_s3
from local.clients import Clients
from local.world import World
from tests.local import templates


def test_moto_asks_a_bucket_for_permission_with_action_and_resource() -> None:
    moto_s3.leave_policies_to_us()

    assert len(inspect.signature(FakeBucket.get_permission).parameters) == 3
    source = inspect.getsource(inspect.getmodule(FakeBucket))  # type: ignore[arg-type]
    assert "def get_permission(self, action: str, resource: str)" in source


def test_moto_keeps_policies_where_they_are_read() -> None:
    assert "policy" in vars(Topic)
    assert "policy" in inspect.signature(Key.__init__).parameters
    assert list(inspect.signature(AWSManagedPolicy.from_data).parameters) == [
        "name",
        "account_id",
        "region_name",
        "data",
    ]


def test_a_bucket_that_refuses_plain_http_takes_objects_over_the_loopback(world: World, admin: Clients) -> None:
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3 = admin.get("s3")
    s3.create_bucket(Bucket="reports")
    s3.put_bucket_policy(Bucket="reports", Policy=json.dumps(templates.document(deny)))

    s3.put_object(Bucket="reports", Key="k", Body=b"x")

    assert s3.get_object(Bucket="reports", Key="k")["Body"].read() == b"x"
