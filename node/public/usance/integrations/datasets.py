"""`load_dataset` of the datasets library, which also notes what it loaded (docs/library.md, "Hugging Face").

The note names the commit, where what was loaded tells it: from the files that were downloaded, or from the cache that
they were prepared in; so it is known offline as well. Else it names the revision that was asked for.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from node.recorder import Asset
from usance.integrations.noted import Loaded, note, noted, remember

try:
    import datasets
except ImportError as error:
    raise ImportError("this needs the datasets library: pip install 'usance[huggingface]'") from error

__all__ = ["Loaded", "load_dataset", "noted"]

_HUB_FILE = re.compile(r"hf://datasets/([^@]+)@([0-9a-f]{40})/")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def load_dataset(path: str, *args: Any, asset: Asset | None = None, **kwargs: Any) -> Any:
    """`datasets.load_dataset(path, …)`: its answer, noted as well (`noted(data)` is the note, and UsanceCallback takes
    the data set itself). `asset`: what it is on the log, where its name on the hub isn't that; needed for local files.

    Data sets made from it (map, select, shuffle) have no note: hand the callback this one, or its name."""
    data = datasets.load_dataset(path, *args, **kwargs)
    asked = inspect.signature(datasets.load_dataset).bind(path, *args, **kwargs).arguments.get("revision")
    parts = list(data.values()) if isinstance(data, Mapping) else [data]
    repository, commit = _origin(path, parts)
    revision = commit or (str(asked) if asked is not None else "")
    name = f"pkg:huggingface/{quote(repository, safe='/')}" if repository else ""
    if name and revision:
        name += "@" + quote(revision, safe="/")
    found = [
        Loaded(name, asset, revision, str(getattr(part, "_fingerprint", None) or ""), _license(part)) for part in parts
    ]
    for part, loaded in zip(parts, found, strict=True):
        note(part, loaded)
    whole = found[0] if len(found) == 1 else Loaded(name, asset, revision, "", found[0].license if found else "")
    if data is not parts[0]:
        note(data, whole)
    remember(whole)
    return data


def _origin(path: str, parts: list[Any]) -> tuple[str, str]:
    """The hub's name of the data set and its commit; "" for what isn't known."""
    for part in parts:
        for url in _downloads(part):
            match = _HUB_FILE.match(url)
            if match:
                return match[1], match[2]
    if os.path.exists(path) or path in _packaged():
        return "", ""
    return path.removeprefix("hf://datasets/"), next(filter(None, map(_cached_commit, parts)), "")


def _downloads(part: Any) -> Iterator[str]:
    """The URLs of the files that it was made of."""
    checksums = getattr(getattr(part, "info", None), "download_checksums", None)
    yield from (url for url in checksums or () if isinstance(url, str))


def _cached_commit(part: Any) -> str:
    """The commit in the path of its cache, `…/<configuration>/<version>/<commit>/<file>`."""
    for file in getattr(part, "cache_files", None) or ():
        folder = os.path.basename(os.path.dirname(str(file.get("filename", ""))))
        if _COMMIT.fullmatch(folder):
            return folder
    return ""


def _license(part: Any) -> str:
    return str(getattr(getattr(part, "info", None), "license", None) or "")


def _packaged() -> frozenset[str]:
    """The library's own builders, as "json": a path that names one says nothing of what is loaded."""
    try:
        from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES
    except ImportError:
        return frozenset(("json", "csv", "parquet", "arrow", "text", "xml", "webdataset", "imagefolder", "audiofolder"))
    return frozenset(_PACKAGED_DATASETS_MODULES)
