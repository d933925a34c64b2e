"""A resource's properties, read so that what nobody read is known in the end."""

from collections.abc import Mapping
from typing import Any

from local.deployer.errors import DeployError


class Properties:
    """One object of a resource's properties, resolved. Every key must be taken before `finish`.

    CloudFormation converts between strings, numbers and booleans; so do the readers.
    """

    def __init__(self, values: Mapping[str, Any], path: str) -> None:
        """`path` is `Stack.LogicalId.Properties` and further."""
        if not isinstance(values, Mapping):
            raise DeployError(path, f"must be an object, not {values!r}")
        self._values = values
        self._path = path
        self._taken: set[str] = set()
        self._sections: list[Properties] = []

    @property
    def path(self) -> str:
        """Where this object is."""
        return self._path

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> tuple[str, ...]:
        """The keys that are set."""
        return tuple(self._values)

    def take(self, name: str, default: Any = None) -> Any:
        """A value with all that is in it: for what is handed on as it is."""
        self._taken.add(name)
        return self._values.get(name, default)

    def need(self, name: str) -> Any:
        """A value that must be set; DeployError otherwise."""
        if name not in self._values:
            raise DeployError(f"{self._path}.{name}", "is required")
        return self.take(name)

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.take(name, default)
        if isinstance(value, Mapping | list):
            raise DeployError(f"{self._path}.{name}", f"must be a string, not {value!r}")
        return _spelled(value)

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number."""
        value = self.take(name, default)
        try:
            return int(str(value))
        except ValueError:
            raise DeployError(f"{self._path}.{name}", f"must be a whole number, not {value!r}") from None

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false."""
        value = _spelled(self.take(name, default)).lower()
        if value not in {"true", "false"}:
            raise DeployError(f"{self._path}.{name}", f"must be true or false, not {value!r}")
        return value == "true"

    def texts(self, name: str) -> list[str]:
        """A list of strings; [] when not set."""
        value = self.take(name, [])
        if not isinstance(value, list):
            raise DeployError(f"{self._path}.{name}", f"must be a list, not {value!r}")
        return [_spelled(each) for each in value]

    def mapping(self, name: str) -> dict[str, str]:
        """An object of strings; {} when not set."""
        value = self.take(name, {})
        if not isinstance(value, Mapping):
            raise DeployError(f"{self._path}.{name}", f"must be an object, not {value!r}")
        return {key: _spelled(each) for key, each in value.items()}

    def section(self, name: str) -> "Properties":
        """An object, whose own keys must be taken too; an empty one when not set."""
        section = Properties(self.take(name, {}), f"{self._path}.{name}")
        self._sections.append(section)
        return section

    def sections(self, name: str) -> list["Properties"]:
        """A list of objects, whose own keys must be taken too."""
        value = self.take(name, [])
        if not isinstance(value, list):
            raise DeployError(f"{self._path}.{name}", f"must be a list, not {value!r}")
        found = [Properties(each, f"{self._path}.{name}.{number}") for number, each in enumerate(value)]
        self._sections.extend(found)
        return found

    def choose(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Of the keys in `names` those that are set, under the names they map to."""
        return {api: self.take(own) for own, api in names.items() if own in self._values}

    def finish(self) -> None:
        """DeployError naming the first property that nobody read."""
        for name in self._values:
            if name not in self._taken:
                raise DeployError(f"{self._path}.{name}", "the embedded AWS does not implement this property")
        for section in self._sections:
            section.finish()


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
