"""The noting `load_dataset`: what a data set is called on the log, over a stand-in for the library.

With the real one, from a cache as the hub's, in test_real.py (long form)."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import usance

COMMIT, OTHER = "a" * 40, "b" * 40


def part(*, urls: tuple[str, ...] = (), folder: str = "", license: str = "", fingerprint: str = "f1") -> Any:
    """A data set as the library makes it: what it was made of, and where it is cached."""
    info = SimpleNamespace(download_checksums={url: {} for url in urls} or None, license=license)
    files = [{"filename": f"{folder}/corpus-train.arrow"}] if folder else []
    return SimpleNamespace(info=info, cache_files=files, _fingerprint=fingerprint)


class Parts(dict[str, Any]):
    """Several splits."""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """`load(data, path, …)`: the note of `data`, which the stand-in answers for that call."""
    stand_in = ModuleType("datasets")
    answer: list[Any] = []

    def load_dataset(path: str, name: Any = None, split: Any = None, revision: Any = None, **kwargs: Any) -> Any:
        return answer.pop()

    stand_in.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    monkeypatch.setitem(sys.modules, "datasets.packaged_modules", None)
    monkeypatch.delitem(sys.modules, "usance.integrations.datasets", raising=False)
    monkeypatch.setattr("usance.integrations.noted._NEWEST", [])
    ours = importlib.import_module("usance.integrations.datasets")

    def run(data: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        answer.append(data)
        assert ours.load_dataset(path, *args, **kwargs) is data
        return ours.noted(data)

    yield run
    sys.modules.pop("usance.integrations.datasets", None)


def test_the_files_tell_the_commit(load: Callable[..., Any]) -> None:
    """What was downloaded names repository and commit, whatever was asked for and however it was called."""
    data = part(
        urls=("https://x/y", f"hf://datasets/Org/Corpus@{COMMIT}/a.parquet"), folder=f"/c/{OTHER}", license="mit"
    )
    found = load(data, "org/corpus", revision="main")
    assert (found.name, found.revision) == (f"pkg:huggingface/Org/Corpus@{COMMIT}", COMMIT)
    assert (found.license, found.fingerprint) == ("mit", "f1")
    assert found.attrs() == {"dataset.fingerprint": "f1", "dataset.license": "mit"}


def test_the_cache_tells_the_commit(load: Callable[..., Any]) -> None:
    """Where the files don't, the folder that they were prepared in does, as offline."""
    found = load(part(folder=f"/cache/org___corpus/default/0.0.0/{COMMIT}"), "org/corpus", revision="v1")
    assert found.asset == f"pkg:huggingface/org/corpus@{COMMIT}"


def test_else_it_is_what_was_asked_for(load: Callable[..., Any]) -> None:
    """A streamed data set tells nothing: the revision asked for stands, or none."""
    assert load(part(), "org/corpus", None, None, "v1.0").name == "pkg:huggingface/org/corpus@v1.0"
    assert load(part(folder="/cache/x/not-a-commit"), "hf://datasets/org/corpus").name == "pkg:huggingface/org/corpus"


def test_local_files_get_no_name_of_the_hub(load: Callable[..., Any], tmp_path: Path) -> None:
    """Nobody makes up a name: a builder's or a folder's is none, and a record of it needs one that is given."""
    for path in ("json", "csv", str(tmp_path)):
        found = load(part(folder=f"/cache/json/default/0.0.0/{COMMIT}"), path)
        assert found.name == ""
        with pytest.raises(usance.InputError, match="local files"):
            _ = found.asset
    assert load(part(), "json", asset="doi:10.1234/x").asset == "doi:10.1234/x"


def test_splits_are_noted_each_and_together(load: Callable[..., Any]) -> None:
    """All splits of a data set have its name, each its own fingerprint; together they have none."""
    parts = Parts(train=part(urls=(f"hf://datasets/o/c@{COMMIT}/a",)), test=part(fingerprint="f2"))
    whole = load(parts, "o/c")
    from usance.integrations.noted import newest, noted

    assert whole.name == f"pkg:huggingface/o/c@{COMMIT}"
    assert newest() == whole
    assert whole.attrs() == {}
    assert [noted(one).fingerprint for one in parts.values()] == ["f1", "f2"]  # type: ignore[union-attr]
    assert {noted(one).name for one in parts.values()} == {whole.name}  # type: ignore[union-attr]
