"""AWS::Lambda::Url: a function behind an address of its own, on the loopback."""

import dataclasses

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind
from local.functions import urls
from local.functions.model import AuthType, FunctionUrl
from local.functions.registry import name_of

_MODE = "BUFFERED"


def _url(context: Context, p: Properties) -> Created:
    world = context.world
    if "Qualifier" in p:
        raise DeployError(f"{p.path}.Qualifier", f"there are no aliases here, so not {p.text('Qualifier')!r}")
    name = name_of(str(p.need("TargetFunctionArn")))
    world.functions.get(name)
    if any(each.function_name == name for each in world.functions.urls):
        raise DeployError(
            p.path,
            f"Failed to create function url config for [functionArn = {world.functions.arn(name)}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function",
        )
    identity = world.next_id("function url").replace("-", "")
    made = FunctionUrl(identity, name, world.region, _auth(p))
    world.functions.urls.append(made)
    arn = world.functions.arn(name)
    return Created(arn, {"FunctionArn": arn, "FunctionUrl": urls.address(world, made)})


def _url_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was
    p.need("TargetFunctionArn")
    kept = context.world.functions.urls
    name, auth = name_of(existing.ref), _auth(p)
    kept[:] = [dataclasses.replace(each, auth_type=auth) if each.function_name == name else each for each in kept]
    return existing


def _delete_url(context: Context, p: Properties, existing: Created) -> None:
    del p
    kept, name = context.world.functions.urls, name_of(existing.ref)
    kept[:] = [each for each in kept if each.function_name != name]


def _auth(p: Properties) -> AuthType:
    """Who may ask, once what is not served here is refused."""
    if (mode := p.text("InvokeMode", _MODE)) != _MODE:
        raise DeployError(f"{p.path}.InvokeMode", f"only {_MODE} is implemented, not {mode!r}")
    auth = str(p.need("AuthType"))
    if auth not in set(AuthType):
        raise DeployError(f"{p.path}.AuthType", f"must be one of {', '.join(AuthType)}, not {auth!r}")
    return AuthType(auth)


KINDS = {
    "AWS::Lambda::Url": Kind(_url, _delete_url, _url_again),
}
