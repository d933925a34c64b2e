"""Addresses of objects that end: signed by an administrator, and by a role."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from local.access import presigned
from local.clients import Clients
from local.errors import ServiceError
from local.world import World

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def query(**changes: str) -> Mapping[str, str]:
    return {"X-Amz-Date": "20300101T120000Z", "X-Amz-Expires": "60"} | {
        f"X-Amz-{name}": value for name, value in changes.items()
    }


@pytest.mark.parametrize("seconds", [-900, 0, 60])
def test_an_address_is_good_from_its_signing_until_it_expires(seconds: int) -> None:
    presigned.check(query(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "seconds,changes,said",
    [
        (61, {}, "AccessDenied: Request has expired"),
        (-901, {}, "AccessDenied: Request is not valid yet"),
        (0, {"Expires": "604801"}, "less than a week"),
        (0, {"Expires": "-1"}, "should be a number"),
        (0, {"Date": "2030-01-01"}, "X-Amz-Date must be in"),
    ],
)
def test_what_is_over_or_cannot_be_is_refused(seconds: int, changes: Mapping[str, str], said: str) -> None:
    with pytest.raises(ServiceError, match=said):
        presigned.check(query(**changes), NOW + timedelta(seconds=seconds))


def test_an_object_is_fetched_at_its_address_until_that_ends(world: World, admin: Clients) -> None:
    s3 = admin.get("s3")
    s3.create_bucket(Bucket="images")
    s3.put_object(Bucket="images", Key="a/x.png", Body=b"png", ContentType="image/png")
    url = _address(world)

    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # loopback
        got = (answer.headers["Content-Type"], answer.read())
    world.clock.advance(timedelta(minutes=2))

    assert got == ("image/png", b"png")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=5)  # noqa: S310
    assert (refused.value.code, b"Request has expired" in refused.value.read()) == (403, True)


def _address(world: World) -> str:
    """Signed at the world's instant: botocore signs at the machine's."""
    stamp = f"{world.clock.now():%Y%m%dT%H%M%SZ}"
    scope = f"embedded%2F{stamp[:8]}%2Fus-east-1%2Fs3%2Faws4_request"
    return f"{world.url}/images/a/x.png?X-Amz-Credential={scope}&X-Amz-Date={stamp}&X-Amz-Expires=60&X-Amz-Signature=0"
