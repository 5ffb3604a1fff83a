"""What the tests of the readers share: a reading makes records, and any value in any place of a document."""

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from node.errors import FileError
from node.imports.model import REASONS, Material, Note, Reading
from proofs.records import make_body

DATA = Path(__file__).parent / "data"

json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from(["https://[", "NOASSERTION", "MIT", "model:a/b", "x" * 2000, "\x1b[2J", "pkg:generic/a b"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip

Path_ = tuple[str | int, ...]


def paths_of(value: Any, before: Path_ = ()) -> list[Path_]:
    """Where each value of a document stands, itself first."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before] + [path for key, child in children for path in paths_of(child, (*before, key))]


def replaced(document: Any) -> st.SearchStrategy[Any]:
    """The document with any JSON value in the place of any one of it."""
    return st.builds(_put, st.just(document), st.sampled_from(paths_of(document)), json_values)


def _put(document: Any, path: Path_, value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    container = document
    for step in path[:-1]:
        container = container[step]
    container[path[-1]] = value
    return document


def read_text(read: Callable[[str], Reading], text: str | bytes, name: str = "file.json") -> Reading:
    """What a reader makes of a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(str(path))


def read_document(read: Callable[[str], Reading], document: Any) -> Reading:
    """What a reader makes of a JSON document."""
    return read_text(read, json.dumps(document))


def check_reading(reading: Reading) -> None:
    """Every material and every draft of terms makes a record, every name stands once, and notes are for people."""
    for material in reading.materials:
        sources = [{"asset": source.name, "as": source.relation} for source in material.sources]
        listed = {"sources": sources} if sources else {}
        make_body({"kind": "description", "at": 0, "name": material.name, "type": material.type, **material.fields,
                   **listed})  # fmt: skip
    names = [material.name for material in reading.materials]
    assert len(set(names)) == len(names)
    for draft in reading.terms:
        assert draft.name in names
        make_body({"kind": "terms", "at": 0, "asset": bytes(40), "currency": "USD", **draft.terms})
    for note in reading.notes:
        assert note.reason in REASONS
        assert note.detail
        assert note.place.isprintable(), note
        assert note.field.isprintable(), note
        assert len(note.value) <= 80


def check_any(read: Callable[[str], Reading], text: str, name: str = "file.json") -> None:
    """Of any file: a reading that makes records, or a refusal that says what was expected."""
    expected = "nothing was refused"
    reading = Reading()
    try:
        reading = read_text(read, text, name)
    except FileError as error:
        expected = error.expected
    assert expected
    check_reading(reading)


def material(reading: Reading, name: str) -> Material:
    """The material of this name."""
    return next(made for made in reading.materials if made.name == name)


def sources(made: Material) -> list[tuple[str, str]]:
    """Relation and name of each source."""
    return [(source.relation, source.name) for source in made.sources]


def notes(reading: Reading, field: str) -> list[Note]:
    """The notes on a field of the format."""
    return [note for note in reading.notes if note.field == field]


def check_hostile_files(read: Callable[[str], Reading], tmp_path: Path) -> None:
    """What no reader of JSON may take: another encoding, half a file, depth, a name twice, no number, 100 MB."""
    bad = {
        "is UTF-16": '{"a": 1}'.encode("utf-16"),
        "is UTF-1[6]": '{"a": 1}'.encode("utf-16-be"),
        "not UTF-8": b'{"a": "\xe9"}',
        "no JSON": b'{"a": ',
        "nested too deep": b"[" * 100_000 + b"]" * 100_000,
        "twice": b'{"a": 1, "a": 2}',
        "NaN": b'{"a": NaN}',
        "range": b'{"a": 1e-999999999}',
        "digits": b'{"a": ' + b"9" * 5000 + b"}",
    }
    for words, data in bad.items():
        with pytest.raises(FileError, match=words):
            read_text(read, data)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(FileError, match="104,857,600 bytes"):
        read(str(large))
    with pytest.raises(FileError, match="can't read"):
        read(str(tmp_path / "absent"))
