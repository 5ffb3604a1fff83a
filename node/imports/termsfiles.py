"""Terms that a format states, as files that `usance terms` reads.

A draft becomes `<name>-<8 digits of its hash>.toml`, for the material's owner to read, change and publish. A file that
is there already is never written over: somebody may have worked on it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ledger.errors import StorageError
from node.agents.termsfile import parse_terms
from node.errors import FileError
from node.imports.model import AMBIGUOUS, NOT_CARRIED, REFUSED, Note, Reading, TermsDraft
from node.ownfiles import read_own
from proofs.errors import InputError

NANOS = 10**9
_CURRENCY = 'currency = "XXX"'  # XXX: ISO 4217's code for no currency
_STEM_CHARS_MAX = 80
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.]+")


@dataclass(frozen=True, slots=True)
class TermsFile:
    """A draft that makes a file. `text`: TOML; `fields`: of a terms record, None where the draft names no currency, so
    that its owner has to."""

    draft: TermsDraft
    name: str
    text: str
    fields: dict[str, Any] | None


def make_files(reading: Reading) -> list[TermsFile]:
    """The drafts of a reading as files, by name. What is no draft of terms, and a second one for one material that says
    something else, is noted and left out."""
    made: dict[str, TermsFile] = {}
    for draft in reading.terms:
        try:
            found = _make(draft)
        except InputError as error:
            detail = f"no terms: {error.detail}; expected {error.expected}"
            reading.notes.append(Note.of(draft.place, f"terms.{error.field}", draft.name, REFUSED, detail))
            continue
        first = made.setdefault(draft.name, found)
        if first.text != found.text:
            detail = f"{first.draft.place} has other terms for it: only those were taken"
            reading.notes.append(Note.of(draft.place, "terms", draft.name, AMBIGUOUS, detail))
    return [made[name] for name in sorted(made)]


def _make(draft: TermsDraft) -> TermsFile:
    text = terms_toml(draft.terms, title=draft.name)
    whole = text if "currency" in draft.terms else text.replace(f"# {_CURRENCY}", _CURRENCY, 1)
    fields = parse_terms(whole.encode())
    stem = _NOT_IN_NAMES.sub("-", draft.name).strip("-.")[:_STEM_CHARS_MAX].rstrip("-.")
    name = f"{stem or 'terms'}-{sha256(draft.name.encode()).hexdigest()[:8]}.toml"
    return TermsFile(draft, name, text, fields if "currency" in draft.terms else None)


def terms_toml(terms: Mapping[str, Any], *, title: str) -> str:
    """Fields of a terms record as a file of terms; what isn't of their types becomes text that its reader refuses."""
    lines = [f"# Terms for {json.dumps(title, ensure_ascii=False)}, as imported: read them before you publish them."]
    if "currency" not in terms:
        lines.append(f"# {_CURRENCY}   # required, and not stated: name it, and take the # away")
    for name, value in terms.items():
        if name not in ("offers", "splits"):
            lines.append(f"{name} = {_toml(value)}")
    for name in ("offers", "splits"):
        for table in _tables(terms.get(name)):
            lines += ["", f"[[{name}]]"]
            lines += [_price(value) if key == "price" else f"{key} = {_toml(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _tables(value: object) -> Iterable[Mapping[str, Any]]:
    return value if isinstance(value, list) else ()


def _price(nanos: object) -> str:
    """Exact, in the currency."""
    if type(nanos) is not int or nanos < 0:
        return f"price = {_toml(str(nanos))}"
    whole, rest = divmod(nanos, NANOS)
    decimals = f"{rest:09d}".rstrip("0") or "0"
    return f'price = "{whole}.{decimals:0<2}"'


def _toml(value: object) -> str:
    if isinstance(value, bytes):
        return f'"{value.hex()}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool | int):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)


def write_files(folder: str, files: Iterable[TermsFile], reading: Reading) -> int:
    """Write each file that isn't there; answers how many were written. One that is there and says something else stays
    as it is, and is noted. Raises StorageError."""
    written = 0
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise StorageError(f"can't make {folder}: {error.strerror}") from None
    for file in files:
        path = os.path.join(folder, file.name)
        data = file.text.encode()
        if os.path.lexists(path) and not os.path.isfile(path):  # a pipe would make it wait
            detail = f"{path} is there and is no file: it was left as it is"
            reading.notes.append(Note.of(file.draft.place, "terms", file.draft.name, NOT_CARRIED, detail))
            continue
        old = read_own(path, bytes_max=len(data), field="--terms-dir")
        if old is None:
            _write(path, data)
            written += 1
        elif old != data:
            detail = f"{path} is there and says something else: it was left as it is"
            reading.notes.append(Note.of(file.draft.place, "terms", file.draft.name, NOT_CARRIED, detail))
    return written


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "xb") as file:
            file.write(data)
    except FileExistsError:
        raise FileError(f"{path} was made a moment ago by another program", field="--terms-dir") from None
    except OSError as error:
        raise StorageError(f"can't write {path}: {error.strerror}") from None
