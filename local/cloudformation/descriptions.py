"""Stacks, their events, resources and templates, in the shapes of CloudFormation's answers."""

from datetime import datetime
from typing import Any

from local.cloudformation import requests
from local.deployer.changes import Change, Detail, Replacement
from local.deployer.stacks import ResourceStatus, Stack, StackEvent
from local.deployer.template import Template


def stack(each: Stack) -> dict[str, Any]:
    """DescribeStacks."""
    described: dict[str, Any] = {
        "StackId": each.identity,
        "StackName": each.name,
        "Description": each.description,
        "Parameters": requests.shown(each.parameters),
        "CreationTime": _instant(each.created_at),
        "StackStatus": each.status,
        "DisableRollback": each.disable_rollback,
        "NotificationARNs": list(each.notification_arns),
        "Capabilities": list(each.capabilities),
        "Outputs": outputs(each),
        "Tags": [{"Key": key, "Value": value} for key, value in (each.source.tags if each.source else {}).items()],
        "EnableTerminationProtection": each.termination_protection,
        "RollbackConfiguration": {},
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    optional = {
        "StackStatusReason": each.reason,
        "RoleARN": each.role_arn,
        "ChangeSetId": each.change_set,
        "LastUpdatedTime": _instant(each.updated_at) if each.updated_at else "",
        "DeletionTime": _instant(each.deleted_at) if each.deleted_at else "",
    }
    return described | {name: value for name, value in optional.items() if value}


def outputs(each: Stack) -> list[dict[str, str]]:
    """A stack's outputs."""
    return [
        {
            "OutputKey": key,
            "OutputValue": output.value,
            **({"Description": output.description} if output.description else {}),
            **({"ExportName": output.export} if output.export else {}),
        }
        for key, output in each.outputs.items()
    ]


def summary(each: Stack) -> dict[str, Any]:
    """ListStacks."""
    found = stack(each)
    names = ("StackId", "StackName", "CreationTime", "LastUpdatedTime", "DeletionTime", "StackStatus")
    return {name: found[name] for name in (*names, "StackStatusReason", "DriftInformation") if name in found} | {
        "TemplateDescription": each.description
    }


def event(owner: Stack, each: StackEvent) -> dict[str, Any]:
    """DescribeStackEvents."""
    described: dict[str, Any] = {
        "StackId": owner.identity,
        "EventId": each.identity,
        "StackName": owner.name,
        "LogicalResourceId": each.logical_id,
        "PhysicalResourceId": each.physical_id,
        "ResourceType": each.type,
        "Timestamp": _instant(each.at),
        "ResourceStatus": each.status,
    }
    optional = {
        "ResourceStatusReason": each.reason,
        "ResourceProperties": each.properties,
        "ClientRequestToken": each.token,
    }
    return described | {name: value for name, value in optional.items() if value}


def resource(owner: Stack, each: ResourceStatus, *, time: str) -> dict[str, Any]:
    """DescribeStackResources and its kin; `time` is what they call the instant."""
    described: dict[str, Any] = {
        "StackName": owner.name,
        "StackId": owner.identity,
        "LogicalResourceId": each.logical_id,
        "PhysicalResourceId": each.physical_id,
        "ResourceType": each.type,
        time: _instant(each.at),
        "ResourceStatus": each.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    return described | ({"ResourceStatusReason": each.reason} if each.reason else {})


def change(each: Change, *, values: bool) -> dict[str, Any]:
    """One entry of DescribeChangeSet; `values` adds what properties were and will be."""
    described: dict[str, Any] = {
        "Action": each.action.value,
        "LogicalResourceId": each.logical_id,
        "ResourceType": each.type,
        "Scope": [],
        "Details": [],
    }
    if each.physical_id:
        described["PhysicalResourceId"] = each.physical_id
    if each.action == "Modify":
        described["Replacement"] = each.replacement.value
        described["Scope"] = sorted({detail.attribute for detail in each.details})
        described["Details"] = [_detail(detail, values=values) for detail in each.details]
        if each.replacement is not Replacement.FALSE:
            described["PolicyAction"] = "ReplaceAndRetain" if each.replace_policy == "Retain" else "ReplaceAndDelete"
    elif each.action == "Remove":
        described["PolicyAction"] = "Retain" if each.keeps else "Delete"
    return {"Type": "Resource", "ResourceChange": described}


def _detail(detail: Detail, *, values: bool) -> dict[str, Any]:
    recreation = "Never"
    if detail.replaces:
        recreation = "Conditionally" if detail.dynamic else "Always"
    target: dict[str, Any] = {"Attribute": detail.attribute, "RequiresRecreation": recreation}
    if detail.name:
        target["Name"] = detail.name
    if values and detail.name:
        target["Path"] = f"/Properties/{detail.name}"
        target["AttributeChangeType"] = _change_type(detail)
        if detail.before is not None:
            target["BeforeValue"] = str(detail.before)
        if detail.after is not None:
            target["AfterValue"] = str(detail.after)
    return {
        "Target": target,
        "Evaluation": "Dynamic" if detail.dynamic else "Static",
        "ChangeSource": "DirectModification",
    }


def _change_type(detail: Detail) -> str:
    if detail.before is None:
        return "Add"
    return "Remove" if detail.after is None else "Modify"


def template(found: Template, document_version: str) -> dict[str, Any]:
    """GetTemplateSummary."""
    needs = requests.capabilities(found)
    types = list(dict.fromkeys(each.type for each in found.resources))
    described: dict[str, Any] = {
        "Parameters": [
            {
                "ParameterKey": name,
                "ParameterType": each["Type"],
                "NoEcho": str(each.get("NoEcho", "false")).lower() == "true",
                **({"DefaultValue": str(each["Default"])} if "Default" in each else {}),
                **({"Description": each["Description"]} if "Description" in each else {}),
                "ParameterConstraints": {"AllowedValues": [str(value) for value in each.get("AllowedValues", [])]},
            }
            for name, each in found.parameters.items()
        ],
        "Description": found.description,
        "ResourceTypes": types,
        "Version": document_version,
        "Capabilities": list(needs),
    }
    if needs:
        kinds = [kind for kind in types if kind.startswith("AWS::IAM::")]
        described["CapabilitiesReason"] = f"The following resource(s) require capabilities: [{', '.join(kinds)}]"
    return described


def _instant(at: datetime) -> float:
    return at.timestamp()
