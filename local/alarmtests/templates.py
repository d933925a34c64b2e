"""The CloudWatch resources of a CloudFormation template or cloud assembly, as the requests that would create them.

Nothing is deployed: a reference to another resource stands for its logical id, or for an ARN that ends in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.session import get_session

from local.deployer import intrinsics
from local.deployer.errors import DeployError
from local.deployer.resources import shapes

REGION, ACCOUNT = "us-east-1", "123456789012"
OPERATIONS = {
    "AWS::CloudWatch::Alarm": "PutMetricAlarm",
    "AWS::CloudWatch::CompositeAlarm": "PutCompositeAlarm",
    "AWS::CloudWatch::AnomalyDetector": "PutAnomalyDetector",
    "AWS::CloudWatch::AlarmMuteRule": "PutAlarmMuteRule",
}
INERT = {"AWS::CloudWatch::Dashboard", "AWS::CloudWatch::MetricStream", "AWS::CloudWatch::InsightRule"}
"""Nothing of them changes what an alarm does."""
_ARN_OF_REF = {"AWS::SNS::Topic": "arn:aws:sns:{place}:{name}"}
_ARNS = {
    "AWS::SNS::Topic": "arn:aws:sns:{place}:{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{place}:function:{name}",
    "AWS::Lambda::Alias": "arn:aws:lambda:{place}:function:{name}",
    "AWS::Lambda::Version": "arn:aws:lambda:{place}:function:{name}",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{place}:alarm:{name}",
    "AWS::CloudWatch::CompositeAlarm": "arn:aws:cloudwatch:{place}:alarm:{name}",
}


class TemplateError(Exception):
    """A template cannot be used; the text names the resource and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One operation of CloudWatch's and its parameters."""

    operation: str
    params: dict[str, Any]

    @property
    def name(self) -> str:
        """The alarm's name; empty for what is no alarm."""
        return str(self.params.get("AlarmName", ""))


def read(path: Path) -> tuple[Request, ...]:
    """The requests of a template (JSON), or of every template in an assembly's folder. Raises TemplateError."""
    files = sorted(path.glob("*.template.json")) if path.is_dir() else [path]
    if not files:
        raise TemplateError("the folder has no *.template.json; is it a synthesised cloud assembly?")
    documents = [_document(file) for file in files]
    found = tuple(one for document in documents for one in _Names(document, documents).requests())
    if not any(one.name for one in found):
        raise TemplateError("no AWS::CloudWatch::Alarm or CompositeAlarm in it")
    return found


def _document(file: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise TemplateError(f"{file.name} is not a template in JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{file.name} has no Resources")
    return document


class _Names:
    """What names in a template stand for: the scope of its intrinsics."""

    def __init__(self, document: Mapping[str, Any], documents: list[Mapping[str, Any]]) -> None:
        self._document = document
        self._documents = documents
        self._resources: Mapping[str, Any] = document["Resources"]

    def requests(self) -> list[Request]:
        """The template's alarms and what else CloudWatch would be asked for."""
        found: list[Request] = []
        for name, resource in self._resources.items():
            kind = str(resource.get("Type"))
            condition = resource.get("Condition")
            if not kind.startswith("AWS::CloudWatch::") or kind in INERT:
                continue
            try:
                if not condition or self.condition(condition, name):
                    found.append(self._request(name, kind, resource.get("Properties", {})))
            except DeployError as error:
                raise TemplateError(str(error)) from error
        return found

    def _request(self, name: str, kind: str, properties: Mapping[str, Any]) -> Request:
        operation = OPERATIONS.get(kind)
        if operation is None:
            known = ", ".join(OPERATIONS)
            raise TemplateError(f"{name}: {kind} is not supported in alarm tests yet; supported: {known}")
        params = intrinsics.resolve(properties, self, name)
        shape = get_session().get_service_model("cloudwatch").operation_model(operation).input_shape
        unknown = sorted(set(params) - set(shape.members))
        if unknown:
            raise TemplateError(f"{name}.{unknown[0]}: {operation} has no such parameter")
        if "Name" in shape.members:
            params.setdefault("Name", name)
        elif kind.endswith("Alarm"):
            params.setdefault("AlarmName", self._named(name))
        return Request(operation, shapes.converted(params, shape))

    def _named(self, name: str) -> str:
        given = self._resources[name].get("Properties", {}).get("AlarmName", name)
        return given if isinstance(given, str) else name

    def reference(self, name: str, path: str) -> Any:
        """The value of Ref."""
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": "stack",
            "AWS::StackName": "stack",
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        parameter = self._document.get("Parameters", {}).get(name)
        if parameter is not None:
            if "Default" not in parameter:
                raise DeployError(path, f"the parameter {name} has no default; alarm tests give it no other value")
            return parameter["Default"]
        return self._arn(name, path, _ARN_OF_REF) or self._named(name)

    def attribute(self, logical_id: str, name: str, path: str) -> Any:
        """The value of Fn::GetAtt."""
        return self._arn(logical_id, path, _ARNS if "Arn" in name else {}) or f"{logical_id}.{name}"

    def exported(self, name: str, path: str) -> Any:
        """The value of Fn::ImportValue: of the assembly's templates, else the export's own name."""
        for document in self._documents:
            for output in document.get("Outputs", {}).values():
                if output.get("Export", {}).get("Name") == name:
                    scope = _Names(document, self._documents)
                    return intrinsics.resolve(output["Value"], scope, path)
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name.rsplit(':', 1)[-1]}"

    def mapped(self, name: str, first: str, second: str, path: str) -> Any:
        """The value of Fn::FindInMap."""
        try:
            return self._document["Mappings"][name][first][second]
        except KeyError:
            raise DeployError(path, f"Fn::FindInMap: there is no {name}.{first}.{second} in Mappings") from None

    def condition(self, name: str, path: str) -> bool:
        """Whether a condition of the template holds, with the parameters' defaults."""
        conditions = self._document.get("Conditions", {})
        if name not in conditions:
            raise DeployError(path, f"there is no condition {name}")
        return intrinsics.holds(conditions[name], self, path)

    def dynamic(self, service: str, key: str, path: str) -> str:
        """The value of a dynamic reference: there is none without a deployment."""
        raise DeployError(path, f"{{{{resolve:{service}:{key}}}}} has no value in alarm tests")

    def _arn(self, logical_id: str, path: str, forms: Mapping[str, str]) -> str:
        if logical_id not in self._resources:
            raise DeployError(path, f"there is no resource or parameter {logical_id}")
        form = forms.get(str(self._resources[logical_id].get("Type")), "")
        name = self._named(logical_id) if ":alarm:" in form else logical_id
        return form.format(place=f"{REGION}:{ACCOUNT}", name=name)
