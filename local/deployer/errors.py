"""The one error of a deployment."""


class DeployError(Exception):
    """A deployment stopped. `path` is `Stack.LogicalId[.Properties.Path]`; `reason` says what would be right."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
