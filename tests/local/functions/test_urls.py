"""Function URLs, deployed as a stack would: what the function is given, what the client gets, who may ask."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local import server
from local.clients import Clients
from local.clock import Clock
from local.deployer import Deployer, DeployError
from local.server import Running
from tests.local import templates
from tests.local.conftest import START
from tests.local.functions.roles import role

SOURCE = """
import base64, json

def handle(event, context):
    asked = event.get("queryStringParameters", {}).get("give", "event")
    if asked == "event":
        return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": json.dumps(event)}
    if asked == "fail":
        raise RuntimeError("no")
    return json.loads(asked)
"""
PUBLIC = (
    {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"},
    {"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": True},
)


@dataclass(frozen=True)
class Got:
    """An HTTP answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Site:
    """A function behind a URL, in a world of its own."""

    running: Running
    folder: Path
    deployer: Deployer
    count: int = 0

    def deploy(self, *permissions: Mapping[str, Any], url: Mapping[str, Any] | None = None) -> str:
        """Deploy the function with these permissions and this URL; the URL's address."""
        function = {"Code": {"ZipFile": SOURCE}, "Handler": "index.handle", "Runtime": "python3.14"}
        arn = {"Fn::GetAtt": ["Function", "Arn"]}
        resources: dict[str, Any] = {
            "Role": templates.role(),
            "Function": resource("Function", {**function, "Role": {"Fn::GetAtt": ["Role", "Arn"]}}),
            "Url": resource("Url", {"AuthType": "NONE", "TargetFunctionArn": arn, **(url or {})}),
        }
        for number, each in enumerate(permissions):
            resources[f"May{number}"] = resource("Permission", {"FunctionName": arn, **each})
        shown = {"Value": {"Fn::GetAtt": ["Url", "FunctionUrl"]}}
        self.count += 1
        folder = self.folder / str(self.count)
        template = {"Resources": resources, "Outputs": {"Url": shown}}
        self.deployer.deploy(templates.assembly(folder, {"App": template}))
        stack = self.running.world.stacks.get("App")
        assert stack is not None
        return stack.outputs["Url"].value


def resource(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"Type": f"AWS::Lambda::{kind}", "Properties": dict(properties)}


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Got:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, named, method=method)  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return Got(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Got(error.code, error.headers, error.read())


def giving(url: str, result: Any) -> Got:
    return ask(f"{url}?give={urllib.parse.quote(json.dumps(result))}")


def signed(url: str, key: str) -> Got:
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials(key, "secret"), "lambda", "us-east-1").add_auth(request)
    return ask(url, **dict(request.headers.items()))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with server.start(clock=Clock(START)) as running:
        yield Site(running, tmp_path_factory.mktemp("site"), Deployer(running.world))


@pytest.fixture(scope="module")
def public(site: Site) -> str:
    return site.deploy(*PUBLIC)


def test_a_request_becomes_an_event_of_payload_format_two(public: str) -> None:
    got = ask(f"{public}a/b%20c?x=1&y=2&x=3", Cookie="one=1; two=2", X_Own="yes").event

    context = got["requestContext"]
    assert (got["version"], got["rawPath"], got["rawQueryString"]) == ("2.0", "/a/b%20c", "x=1&y=2&x=3")
    assert got["queryStringParameters"] == {"x": "1,3", "y": "2"}
    assert got["cookies"] == ["one=1", "two=2"]
    assert (got["headers"]["x-own"], "cookie" in got["headers"]) == ("yes", False)
    assert got["headers"]["host"] == context["domainName"] == f"{context['apiId']}.lambda-url.us-east-1.on.aws"
    assert context["http"] | {"userAgent": ""} == {
        "method": "GET",
        "path": "/a/b%20c",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "",
    }
    assert (context["accountId"], context["timeEpoch"]) == ("anonymous", int(START.timestamp() * 1000))
    assert (got["isBase64Encoded"], "body" in got) == (False, False)


@pytest.mark.parametrize(
    "kind,encoded",
    [
        ("text/plain; charset=utf-8", False),
        ("application/json", False),
        ("application/x-www-form-urlencoded", True),
        ("application/octet-stream", True),
    ],
)
def test_text_arrives_as_text_and_all_else_in_base64(public: str, kind: str, encoded: bool) -> None:
    got = ask(public, "POST", "é=1".encode(), Content_Type=kind).event

    body = base64.b64decode(got["body"]).decode() if encoded else got["body"]
    assert (got["isBase64Encoded"], body, got["requestContext"]["http"]["method"]) == (encoded, "é=1", "POST")


def test_what_the_function_says_is_what_the_client_gets(public: str) -> None:
    got = giving(
        public,
        {
            "statusCode": 201,
            "headers": {"X-Own": "1", "Content-Type": "text/html"},
            "cookies": ["a=1", "b=2"],
            "body": "é",
        },
    )

    assert (got.status, got.headers["X-Own"], got.headers["Content-Type"]) == (201, "1", "text/html")
    assert (got.headers.get_all("Set-Cookie"), got.body.decode()) == (["a=1", "b=2"], "é")


def test_a_body_in_base64_is_decoded(public: str) -> None:
    got = giving(public, {"statusCode": 200, "body": base64.b64encode(b"\x89PNG").decode(), "isBase64Encoded": True})

    assert got.body == b"\x89PNG"


@pytest.mark.parametrize("value", ["Hello", {"message": "x"}, None, [1]])
def test_a_result_without_a_status_is_the_body_as_json(public: str, value: Any) -> None:
    got = giving(public, value)

    assert (got.status, got.headers["Content-Type"], json.loads(got.body)) == (200, "application/json", value)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "no"},
        {"statusCode": 99},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
    ],
)
def test_a_result_that_cannot_be_an_answer_is_a_bad_gateway(public: str, result: Any) -> None:
    assert giving(public, result).status == 502


def test_a_function_that_fails_is_a_bad_gateway_and_says_nothing_of_why(public: str) -> None:
    got = ask(f"{public}?give=fail")

    assert (got.status, json.loads(got.body)) == (502, {"Message": "Internal Server Error"})


@pytest.mark.parametrize("missing", [0, 1])
def test_a_public_url_needs_both_permissions(site: Site, missing: int) -> None:
    got = ask(site.deploy(PUBLIC[1 - missing]))

    assert (got.status, got.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert "urls-auth" in json.loads(got.body)["Message"]


def test_permissions_for_one_kind_of_url_do_not_open_the_other(site: Site) -> None:
    url = site.deploy(*PUBLIC, url={"AuthType": "AWS_IAM"})

    assert ask(url).status == 403


def test_a_url_for_roles_takes_signed_requests_of_those_that_may(site: Site) -> None:
    url = site.deploy(url={"AuthType": "AWS_IAM"})
    world = site.running.world
    clients = Clients(url=world.url, region=world.region)
    may = role(clients, "may", templates.allow("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"))
    world.access.register("ASIAMAY0000000000001", may)
    world.access.register("ASIAMAYNOT0000000001", role(clients, "may-not"))
    clients.close()

    allowed, denied, unsigned = signed(url, "ASIAMAY0000000000001"), signed(url, "ASIAMAYNOT0000000001"), ask(url)

    assert [each.status for each in (allowed, denied, unsigned)] == [200, 403, 403]
    assert allowed.event["requestContext"]["authorizer"]["iam"]["userArn"] == may


def test_the_address_stays_when_who_may_ask_changes_and_goes_with_the_url(site: Site) -> None:
    before = site.deploy(*PUBLIC)
    again = site.deploy(*PUBLIC, url={"AuthType": "AWS_IAM"})
    closed = ask(again).status
    opened = ask(site.deploy(*PUBLIC)).status

    assert (before, closed, opened) == (again, 403, 200)
    assert ask(f"{site.running.url}/_lambda-url/{'0' * 32}/").status == 403


def test_a_functions_url_can_be_read(site: Site) -> None:
    url = site.deploy(*PUBLIC)
    world = site.running.world
    clients = Clients(url=world.url, region=world.region)
    lambda_, (function,) = clients.get("lambda"), world.functions.all()

    got = lambda_.get_function_url_config(FunctionName=function.name)
    listed = lambda_.list_function_url_configs(FunctionName=function.name)["FunctionUrlConfigs"]
    clients.close()

    assert (got["FunctionUrl"], got["AuthType"], got["FunctionArn"]) == (
        url,
        "NONE",
        world.functions.arn(function.name),
    )
    assert [one["FunctionUrl"] for one in listed] == [url]


@pytest.mark.parametrize(
    "wrong,said",
    [
        ({"AuthType": "OPEN"}, r"Url\.Properties\.AuthType: must be one of NONE, AWS_IAM, not 'OPEN'"),
        ({"InvokeMode": "RESPONSE_STREAM"}, r"InvokeMode: only BUFFERED is implemented"),
        ({"Cors": {"AllowOrigins": ["*"]}}, r"Cors: the embedded AWS does not implement this property"),
        ({"Qualifier": "live"}, r"Qualifier: there are no aliases here, so not 'live'"),
    ],
)
def test_what_is_not_served_is_refused_by_name(site: Site, wrong: dict[str, Any], said: str) -> None:
    site.deploy(*PUBLIC)

    with pytest.raises(DeployError, match=said):
        site.deploy(*PUBLIC, url=wrong)
