"""How the rows of the Data Provenance Collection are named, and which of them a free text of `derived_from` means.

A row that alone stands for a data set of Hugging Face has that one's name; several of one repository have its name and
`#<id>`; one without is named by its own address, or within the collection. So no two rows have one name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from node.imports.foreignnames import generic_name, hub_name, is_repository, name_of_url
from node.imports.model import AMBIGUOUS, GUESSED, UNKNOWN
from proofs.fields import is_external_name

COLLECTION = "data-provenance"

_HUB = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/([^/?#\s]+)(?:/([^/?#\s]+))?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_HUB_VIEWS = frozenset(("viewer", "blob", "tree", "resolve", "raw", "discussions", "settings"))
_SPACES = re.compile(r"\s+")
_LAST_WORD = re.compile(r"(.+) (?:dataset|datasets|data set|corpus|collection|instructions)", re.IGNORECASE)
_LAST_WORDS_MAX = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One data set of the collection. `key`: its id, told apart where an earlier row has it too; `title`: for people;
    `values`: all that the row says."""

    line: int
    id: str
    key: str
    title: str
    values: dict[str, Any]

    @property
    def place(self) -> str:
        """For messages."""
        return f"line {self.line}"

    def text(self, field: str) -> str:
        """A text field; "" where it is something else."""
        value = self.values.get(field)
        return value.strip() if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Meant:
    """What a free text stands for. `name`: an external name; `is_free`: made of the text, since no row has it;
    `reason` and `detail`: of the note that it needs, "" where it is plain."""

    name: str
    is_free: bool = False
    reason: str = ""
    detail: str = ""


def repository_of(text: str) -> str:
    """`ORG/NAME` of an address of a Hugging Face data set, whatever page of it; "" for another text."""
    found = _HUB.fullmatch(text)
    if found is None:
        return ""
    first, second = found[1], found[2]
    repository = first if second is None or second in _HUB_VIEWS else f"{first}/{second}"
    return repository if is_repository(repository) else ""


def fold(text: str) -> str:
    """Free names are compared without case and runs of spaces."""
    return _SPACES.sub(" ", text.strip()).casefold()


class Names:
    """The names of all rows of one file, and who is meant by what."""

    def __init__(self, rows: list[Row]) -> None:
        self._repositories = _by(rows, lambda row: (_repository(row).casefold(),))
        self._urls = _by(rows, lambda row: {_address(row.text("url")), _address(row.text("hf_url"))})
        self._ids = _by(rows, lambda row: (fold(row.id),))
        self._titles = _by(rows, lambda row: (fold(row.text("name")),))
        self._collections = _by(rows, lambda row: (fold(row.text("collection")),))
        own = Counter(row.text("url") for row in rows if not _repository(row))
        self._names: dict[str, str] = {row.key: self._make(row, own) for row in rows}

    def of(self, row: Row) -> str:
        """The external name of a row; is_external_name may still refuse it for its length."""
        return self._names[row.key]

    def _make(self, row: Row, own: Counter[str]) -> str:
        repository, url = _repository(row), row.text("url")
        if repository:
            name = hub_name(repository)
            alone = len(self._repositories[repository.casefold()]) == 1
            return name if alone else f"{name}#{quote(row.key, safe='')}"
        address = name_of_url(url)
        if address is not None and address.startswith("http") and own[url] == 1:
            return address
        return generic_name(COLLECTION, row.key)

    def meant(self, text: str) -> Meant:
        """Whom a text of `derived_from` means: by address, id, name or collection, in this order. Where it could be
        several, or only a part of another collection has the name, it stands for itself, and the note says so."""
        repository = repository_of(text)
        if repository:
            rows = self._repositories.get(repository.casefold(), [])
            if len(rows) == 1:
                return Meant(self.of(rows[0]))
            detail = f"{len(rows)} data sets of the file are of this repository: the repository itself was taken"
            return Meant(hub_name(repository), False, *((AMBIGUOUS, detail) if rows else ("", "")))
        if text.startswith(("http://", "https://")):
            return self._by_address(text)
        return self._by_name(text)

    def _by_address(self, text: str) -> Meant:
        rows = self._urls.get(_address(text), [])
        if len(rows) == 1:
            return Meant(self.of(rows[0]))
        name = name_of_url(text)
        if name is None:
            return self._free(text, UNKNOWN, "no address that a record can hold")
        detail = f"{len(rows)} data sets of the file have this address: the address itself was taken"
        return Meant(name, False, *((AMBIGUOUS, detail) if rows else ("", "")))

    def _by_name(self, text: str) -> Meant:
        wanted, unsaid = text, ""
        for _ in range(_LAST_WORDS_MAX + 1):
            row, why = self._row(fold(wanted))
            if row is not None:
                if wanted == text:
                    return Meant(self.of(row))
                return Meant(self.of(row), False, GUESSED, f"taken as {row.id} of {row.place}")
            unsaid = unsaid or why
            shorter = _LAST_WORD.fullmatch(wanted)
            if shorter is None:
                break
            wanted = shorter[1]
        if unsaid:
            return self._free(text, AMBIGUOUS, unsaid)
        return self._free(text, UNKNOWN, "no data set of the file is called so")

    def _row(self, folded: str) -> tuple[Row | None, str]:
        """The one row of a folded name, or why there is none."""
        for rows in (self._ids.get(folded, []), self._titles.get(folded, []), self._collections.get(folded, [])):
            if not rows:
                continue
            if len(rows) > 1:
                return None, f"{len(rows)} data sets of the file could be meant, as {rows[0].id} of {rows[0].place}"
            (row,) = rows
            # SNLI is not what a collection of many data sets made of it.
            if fold(row.id) != folded and len(self._collections[fold(row.text("collection"))]) > 1:
                return None, f"{row.id} of {row.place} has the name, but as a part of {row.text('collection')}"
            return row, ""
        return None, ""

    def _free(self, text: str, reason: str, detail: str) -> Meant:
        name = generic_name(COLLECTION, fold(text))
        return Meant(name, is_external_name(name), reason, f"{detail}: taken as {name}")


def _by(rows: list[Row], keys: Any) -> dict[str, list[Row]]:
    """The rows by each of their keys, "" apart."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for key in keys(row):
            if key:
                found[key].append(row)
    return found


def _repository(row: Row) -> str:
    return repository_of(row.text("hf_url")) or ("" if row.text("hf_url") else repository_of(row.text("url")))


def _address(url: str) -> str:
    """An address without its scheme and last slash; "" for another text."""
    scheme, found, rest = url.partition("://")
    return rest.rstrip("/") if found and scheme in ("http", "https") else ""
