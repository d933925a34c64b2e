"""AWS::SSM: parameters, documents, and State Manager associations, which are checked but act on no host here."""

import json

from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _parameter(context: Context, p: Properties) -> Created:
    name = p.text("Name") or context.name(255)
    tags = {**context.stack_tags, **p.mapping("Tags")}
    params = shapes.request(context, p, "ssm", "PutParameter") | {"Name": name}
    if tags:
        params["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    context.client("ssm").put_parameter(**params)
    return Created(name, {"Type": params["Type"], "Value": params["Value"]})


def _document(context: Context, p: Properties) -> Created:
    name = p.text("Name") or context.name(128)
    content = p.need("Content")
    p.take("UpdateMethod")  # counts when the document is updated
    tags = context.tags(p)
    params = shapes.request(context, p, "ssm", "CreateDocument") | {"Name": name}
    params["Content"] = content if isinstance(content, str) else json.dumps(content)
    context.client("ssm").create_document(**params, **({"Tags": tags} if tags else {}))
    return Created(name)


def _association(context: Context, p: Properties) -> Created:
    params = shapes.request(context, p, "ssm", "CreateAssociation")
    shapes.check(context, "ssm", "CreateAssociation", params)
    context.client("ssm").get_document(Name=params["Name"])  # AWS refuses an association of a missing document
    identity = context.world.next_id("association")
    return Created(identity, {"AssociationId": identity})


KINDS = {
    "AWS::SSM::Association": Kind(_association, inert=True),
    "AWS::SSM::Document": Kind(_document),
    "AWS::SSM::Parameter": Kind(_parameter),
}
