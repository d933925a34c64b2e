"""AWS::SSM: parameters, documents, and State Manager associations, which are checked but act on no host here."""

import json

from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind, Retagging, nothing


def _parameter(context: Context, p: Properties) -> Created:
    name = p.text("Name") or context.name(255)
    tags = {**context.stack_tags, **p.mapping("Tags")}
    params = shapes.request(context, p, "ssm", "PutParameter") | {"Name": name}
    if tags:
        params["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    context.client("ssm").put_parameter(**params)
    return Created(name, {"Type": params["Type"], "Value": params["Value"]})


def _parameter_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client = context.client("ssm")
    now, before = p.mapping("Tags"), was.mapping("Tags")
    retagging = Retagging.between({**context.former_stack_tags, **before}, {**context.stack_tags, **now})
    params = shapes.request(context, p, "ssm", "PutParameter") | {"Name": existing.ref, "Overwrite": True}
    client.put_parameter(**params)
    _retag(context, "Parameter", existing.ref, retagging)
    return Created(existing.ref, {"Type": params["Type"], "Value": params["Value"]})


def _retag(context: Context, kind: str, name: str, retagging: Retagging) -> None:
    client = context.client("ssm")
    if retagging.removed:
        client.remove_tags_from_resource(ResourceType=kind, ResourceId=name, TagKeys=list(retagging.removed))
    if retagging.added:
        client.add_tags_to_resource(ResourceType=kind, ResourceId=name, Tags=retagging.pairs())


def _delete_parameter(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("ssm")
    try:
        client.delete_parameter(Name=existing.ref)
    except client.exceptions.ParameterNotFound:
        return


def _document(context: Context, p: Properties) -> Created:
    name = p.text("Name") or context.name(128)
    content = p.need("Content")
    p.take("UpdateMethod")  # counts when the document is updated
    tags = context.tags(p)
    params = shapes.request(context, p, "ssm", "CreateDocument") | {"Name": name}
    params["Content"] = content if isinstance(content, str) else json.dumps(content)
    context.client("ssm").create_document(**params, **({"Tags": tags} if tags else {}))
    return Created(name)


def _document_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    """UpdateMethod NewVersion: the new version becomes the default one. (Replace, the default, replaces instead.)"""
    client = context.client("ssm")
    retagging = context.retag(p, was)
    content = p.need("Content")
    for own in p.names():
        p.take(own)
    if content != was.take("Content"):
        text = content if isinstance(content, str) else json.dumps(content)
        answer = client.update_document(Name=existing.ref, Content=text, DocumentVersion="$LATEST")
        version = answer["DocumentDescription"]["DocumentVersion"]
        client.update_document_default_version(Name=existing.ref, DocumentVersion=version)
    _retag(context, "Document", existing.ref, retagging)
    return existing


def _delete_document(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("ssm")
    try:
        client.delete_document(Name=existing.ref)
    except client.exceptions.InvalidDocument:
        return


def _association(context: Context, p: Properties) -> Created:
    _check_association(context, p)
    identity = context.world.next_id("association")
    return Created(identity, {"AssociationId": identity})


def _association_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was
    _check_association(context, p)
    return existing


def _check_association(context: Context, p: Properties) -> None:
    params = shapes.request(context, p, "ssm", "CreateAssociation")
    shapes.check(context, "ssm", "CreateAssociation", params)
    context.client("ssm").get_document(Name=params["Name"])  # AWS refuses an association of a missing document


KINDS = {
    "AWS::SSM::Association": Kind(_association, nothing, _association_again, inert=True),
    "AWS::SSM::Document": Kind(_document, _delete_document, _document_again),
    "AWS::SSM::Parameter": Kind(_parameter, _delete_parameter, _parameter_again),
}
