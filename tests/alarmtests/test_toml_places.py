import tomllib

from hypothesis import given
from hypothesis import strategies as st

from core.toml_places import Path, Place, places

TEXT = r'''
title = "a = [1]"  # [not.a.table]
"quoted key".inner = { x = 1, "y z" = [true, { deep = 2 }] }

[table.sub]
text = """
[[no]] = \""" ""end"""
other = 'its'
[[rows]]
name = "one"
list = [
  1, # a comment, with ] in it
  "two",
]
[[rows]]
name = "two"
[rows.child]
key = 2026-01-05T00:00:00Z
'''.removeprefix("\n")


def paths(value: object, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*found, *(one for key, child in children for one in paths(child, (*path, key)))]


def test_every_key_and_value_of_a_document_has_a_place():
    found = places(TEXT)

    for path in paths(tomllib.loads(TEXT)):
        assert path in found.keys or path in found.values, path


def test_places_are_lines_and_columns_from_one():
    found = places(TEXT)

    assert found.values[("title",)] == Place(1, 9)
    assert found.keys[("quoted key", "inner")] == Place(2, 1)
    assert found.values[("quoted key", "inner", "y z", 1, "deep")] == Place(2, 55)
    assert found.keys[("rows", 1, "name")] == Place(15, 1)
    assert found.values[("rows", 0, "list", 1)] == Place(12, 3)
    assert found.keys[("rows", 1, "child", "key")] == Place(17, 1)


def test_a_path_without_a_place_stands_where_what_it_is_in_does():
    assert places("a = { b = 1 }").of(("a", "b", "c")) == Place(1, 11)
    assert places("").of(("a",)) == Place(1, 1)


KEYS = st.text(alphabet="ab c.\"'=[]#", min_size=1, max_size=4)
TEXTS = st.text(alphabet="ab=[]{},#\"'\\\n", max_size=8)
VALUES = st.recursive(
    st.integers() | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return quoted(value)
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{quoted(key)} = {written(item)}" for key, item in value.items()) + "}"
        case _:
            raise TypeError(value)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_tomllib_reads_is_found_where_it_was_written(document):
    text = "".join(f"{quoted(key)} = {written(value)}\n" for key, value in document.items())

    found = places(text)

    for path in paths(tomllib.loads(text)):
        assert path in found.values or path in found.keys
    for number, key in enumerate(document, start=1):
        assert found.keys[(key,)] == Place(number, 1)
