import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace

import pytest

from core.values import changed, maker, quick


@quick
@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    notes: list[str] = field(default_factory=list, compare=False)


def test_a_quick_value_is_as_frozen_as_before():
    point = Point(1)

    with pytest.raises(FrozenInstanceError):
        point.x = 5  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        changed(point, y=3).x = 5  # type: ignore[misc]


def test_a_quick_value_behaves_as_a_dataclass():
    point = Point(1, y=3)

    assert point == Point(1, 3, ["other"])
    assert hash(point) == hash(Point(1, 3))
    assert type(point) is Point
    assert repr(point) == "Point(x=1, y=3, notes=[])"
    assert replace(point, x=9) == Point(9, 3)
    assert asdict(point) == {"x": 1, "y": 3, "notes": []}
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point  # noqa: S301 - its own
    assert Point(1).notes is not Point(1).notes


@pytest.mark.parametrize("values", [(), (1, 2, [], 4)])
def test_wrong_arguments_are_refused(values):
    with pytest.raises(TypeError):
        Point(*values)


def test_a_change_touches_nothing_else():
    point = Point(1, 2, ["kept"])

    other = changed(point, y=7)

    assert (point, other) == (Point(1, 2), Point(1, 7))
    assert other.notes is point.notes
    with pytest.raises(AttributeError, match="z"):
        changed(point, z=1)


def test_what_a_maker_makes_is_what_the_class_makes():
    make = maker(Point)

    made = make(1, y=3)

    assert type(made) is Point
    assert made == Point(1, 3)
    assert make(1).notes is not make(1).notes
    with pytest.raises(FrozenInstanceError):
        made.x = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        make(1, 2, [], 4)  # type: ignore[call-arg]


def test_a_quick_class_may_have_a_base_that_adds_no_fields():
    class Base:
        __slots__ = ()
        x: int

        @property
        def double(self) -> int:
            return 2 * self.x

    @quick
    @dataclass(frozen=True, slots=True)
    class Derived(Base):
        x: int
        y: int = 0

    assert (Derived(4).double, maker(Derived)(5).double, changed(Derived(4), x=6).double) == (8, 10, 12)


def test_only_dataclasses_with_slots_can_be_quick():
    @dataclass(frozen=True)
    class Open:
        x: int

    with pytest.raises(TypeError, match="Open"):
        quick(Open)


@quick
@dataclass(frozen=True, slots=True)
class Single:
    x: int


def test_a_value_of_one_field_changes_too():
    assert changed(Single(1), x=2) == Single(2)
    assert changed(Single(1)) == Single(1)
