"""Tags of alarms and dashboards, by ARN."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.cloudwatch.alarms import check_tags
from core.cloudwatch.limits import MAX_TAGS
from core.cloudwatch.refusal import Refusal, missing


class Tags:
    """TagResource, UntagResource, ListTagsForResource; `exists` says whether an ARN is of something."""

    def __init__(self, exists: Callable[[str], bool]) -> None:
        self._exists = exists
        self._tags: dict[str, dict[str, str]] = {}

    def put(self, arn: str, tags: Sequence[Mapping[str, str]]) -> None:
        """Add tags to what `arn` names."""
        check_tags(tags)
        merged = self._tags.get(arn, {}) | {tag["Key"]: tag.get("Value", "") for tag in tags}
        if len(merged) > MAX_TAGS:
            raise Refusal("InvalidParameterValue", f"A resource has at most {MAX_TAGS} tags, not {len(merged)}")
        if merged:
            self._tags[arn] = merged

    def of(self, arn: str) -> Mapping[str, str]:
        """The tags of what `arn` names."""
        return self._tags.get(arn, {})

    def put_back(self, arn: str, tags: Mapping[str, str]) -> None:
        """Give what `arn` names the tags that it had."""
        if tags:
            self._tags[arn] = dict(tags)

    def forget(self, arn: str) -> None:
        """What had the ARN is gone."""
        self._tags.pop(arn, None)

    def tag(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """TagResource."""
        self.put(self._known(params), params.get("Tags") or [])
        return {}

    def untag(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """UntagResource."""
        tags = self._tags.get(self._known(params), {})
        for key in params.get("TagKeys") or []:
            tags.pop(key, None)
        return {}

    def listed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        tags = self._tags.get(self._known(params), {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _known(self, params: Mapping[str, Any]) -> str:
        arn = params.get("ResourceARN")
        if not isinstance(arn, str) or not arn:
            raise missing("The parameter ResourceARN is required.")
        if not self._exists(arn):
            raise Refusal("ResourceNotFoundException", f"Unknown resource: {arn}")
        return arn
