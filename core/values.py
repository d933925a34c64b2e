"""Frozen values that are made by the hundred thousand.

A frozen dataclass sets each field through `object.__setattr__`, and `dataclasses.replace` reads each in a loop.
`quick` has the fields assigned while the new object is still of a twin class, of the same layout and not frozen; it is
frozen before anybody else sees it. `changed` is `replace` for such classes; `maker` gives the shortest way to make one.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields, make_dataclass
from operator import attrgetter
from typing import Any, ParamSpec, TypeVar, cast

quoted = json.encoder.encode_basestring_ascii
"""A text as JSON, without the encoder that `json.dumps` makes for each value."""

P = ParamSpec("P")
T = TypeVar("T")

_set = object.__setattr__
_twins: dict[type, tuple[Callable[..., Any], Callable[[Any], tuple[Any, ...]]]] = {}


def quick(kind: type[T]) -> type[T]:
    """`kind`, a frozen dataclass with slots and without `__post_init__`, made faster; nothing else of it changes.

    Raises TypeError for another class.
    """
    if "__slots__" not in kind.__dict__ or hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} is no dataclass with slots and without __post_init__")
    own = fields(kind)  # type: ignore[arg-type]  # raises TypeError for what is no dataclass
    copies = [(one.name, Any, _copied(one)) for one in own]
    twin = make_dataclass(kind.__name__, copies, bases=kind.__bases__, slots=True, eq=False)
    fill = twin.__init__  # type: ignore[misc]  # the twin's own, not a subclass's

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        _set(self, "__class__", twin)
        fill(self, *values, **named)
        self.__class__ = kind

    kind.__init__ = __init__  # type: ignore[method-assign]
    _twins[kind] = twin, _reader([one.name for one in own])
    return kind


def maker(kind: Callable[P, T]) -> Callable[P, T]:
    """What makes values of a `quick` class in half the time of calling it; raises KeyError for another class.

    Fastest with all fields by position: the interpreter sorts names into place at each call.
    """
    twin = _twins[cast("type", kind)][0]

    def make(*values: Any, **named: Any) -> T:
        made = twin(*values, **named)
        made.__class__ = kind
        frozen: T = made
        return frozen

    return cast("Callable[P, T]", make)


def changed(value: T, /, **new: Any) -> T:
    """`value`, of a `quick` class, with other values of some fields; raises AttributeError for one that it lacks."""
    kind = type(value)
    twin, read = _twins[kind]
    made = twin(*read(value))
    for name, content in new.items():
        setattr(made, name, content)
    made.__class__ = kind
    frozen: T = made
    return frozen


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What reads these fields; of one name alone, attrgetter would give the bare value."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _copied(one: "Field[Any]") -> Any:
    """The field, to be given to another class."""
    if one.default_factory is not MISSING:
        return field(default_factory=one.default_factory)
    return field(default=one.default)
