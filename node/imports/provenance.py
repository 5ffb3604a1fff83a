"""The Data Provenance Collection's data sets (JSON Lines, a row each): licences, sources, the models that wrote them.

A row becomes a description of a data set (node/imports/provenancenames.py says under which name), titled with the
row's id. `model_generated` becomes `generated_by` edges to models, `derived_from` edges to the rows that are meant, or
to free names; models and free names get descriptions too, with a title and no more, so that people read what the row
says. What a description has no field for (creators, languages, sizes, …) is noted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from node.imports import safejson
from node.imports.drafting import SAYS_NOTHING, Draft, Drafts, name_license
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from node.imports.provenancemodels import DATASETS_TOO, NOT_MODELS, name_model
from node.imports.provenancenames import Names, Row, fold
from proofs.errors import InputError
from proofs.kinds import KINDS

ROWS_MAX = 200_000
LIST_MAX = 1024

_TAKEN = frozenset(("id", "url", "hf_url", "licenses", "model_generated", "derived_from", "name"))
_URI = KINDS["description"].optional["uri"]


def read_provenance(path: str, *, place: str) -> Reading:
    """The data sets of a file, plain or gzip. `place`: what the file is called in messages.

    A row that can't be read is noted (REFUSED) and the others are taken. Raises InputError where the file as such can't
    be read, or holds more than ROWS_MAX rows.
    """
    reading = Reading(source=place)
    drafts = Drafts(reading)
    rows = _rows(path, place, drafts)
    names = Names(rows)
    others = _Others(frozenset(fold(row.title) for row in rows))
    for row in rows:
        draft = drafts.begin(names.of(row), "dataset", row.place)
        if draft is not None:
            _describe(draft, row)
            _licenses(draft, row)
            _models(draft, row, others)
            _sources(draft, row, names, others)
            draft.finish()
    others.describe(drafts)
    return reading


def _rows(path: str, place: str, drafts: Drafts) -> list[Row]:
    """The rows with a usable id; a second one of an id is told apart by a number, and noted."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    bad: list[InputError] = []

    def refuse(line: int, error: InputError) -> None:
        bad.append(error)
        drafts.note(f"line {line}", "", "", REFUSED, error.detail)

    for line, values in safejson.iterate_lines(path, on_bad=refuse):
        if len(found) == ROWS_MAX:
            raise InputError(f"{place} holds too many rows", field="FILE", expected=f"at most {ROWS_MAX:,}")
        known = values.get("id") if isinstance(values, dict) else None
        if isinstance(known, str) and known.strip():
            found.append((line, known, values))
        else:
            drafts.note(f"line {line}", "id", known, REFUSED, "no data set: an object with an id is expected")
    if not found and bad:
        raise bad[0]
    if not found:
        raise InputError(
            f"{place} holds no row of the Data Provenance Collection", field="FILE",
            expected="one JSON object a line, each with an id",
        )  # fmt: skip
    keys = {known for _, known, _ in found}
    count: Counter[str] = Counter()
    rows: list[Row] = []
    first: dict[str, Row] = {}
    for line, known, values in found:
        key, title = known, known
        count[known] += 1
        if known in first:
            while (key := f"{known}:{count[known]}") in keys:
                count[known] += 1
            title = f"{known} ({count[known]})"
            same = "says the same" if first[known].values == values else "says something else"
            detail = f"{first[known].place} has this id too, and {same}: this one is taken as {title}"
            drafts.note(f"line {line}", "id", known, AMBIGUOUS, detail)
        keys.add(key)
        rows.append(Row(line, known, key, title, values))
        first.setdefault(known, rows[-1])
    return rows


def _describe(draft: Draft, row: Row) -> None:
    draft.put("title", row.title, "id")
    url = row.text("url")
    if _URI.ok(url):
        draft.put("uri", url, "url")
    elif not _is_nothing(url):
        draft.note("url", url, UNKNOWN, "no address")
    if row.values.get("name") not in (None, "") and fold(row.text("name")) != fold(row.id):
        draft.note("name", row.values.get("name"), NOT_CARRIED, "the id is the title")
    hub = row.text("hf_url")
    if not _is_nothing(hub) and not draft.name.startswith("pkg:huggingface/"):
        draft.note("hf_url", hub, NOT_CARRIED, "no address of one data set of Hugging Face")
    for field, value in row.values.items():
        if field not in _TAKEN and not _is_nothing(value):
            said = str(value) if isinstance(value, Decimal) else value
            draft.note(field, said, NOT_CARRIED, "no field holds it")


def _licenses(draft: Draft, row: Row) -> None:
    """All that apply together, joined by AND; those that state nothing apart."""
    found: set[str] = set()
    for listed in _listed(draft, row, "licenses"):
        if not isinstance(listed, dict):
            draft.note("licenses", listed, UNKNOWN, "no object with a License")
            continue
        stated = listed.get("License")
        expression, noted = (None, None) if stated is None else name_license(stated)
        if noted is not None:
            draft.note("licenses", stated, UNKNOWN, noted[1])
        if expression is not None:
            found.add(expression)
        for field, value in listed.items():
            if field != "License" and not _is_nothing(value):
                draft.note(f"licenses.{field}", value, NOT_CARRIED, "no field holds it")
    joined = " AND ".join(f"({one})" if " OR " in one and len(found) > 1 else one for one in sorted(found))
    draft.put("license", joined or None, "licenses")


def _models(draft: Draft, row: Row, others: _Others) -> None:
    listed = row.values.get("derived_from")
    derived = {fold(text) for text in listed if isinstance(text, str)} if isinstance(listed, list) else set()
    for text in _texts(draft, row, "model_generated"):
        folded = fold(text)
        if folded in NOT_MODELS:
            draft.note("model_generated", text, UNKNOWN, NOT_MODELS[folded])
            continue
        if folded in DATASETS_TOO and folded in derived:
            draft.note("model_generated", text, GUESSED, "taken as the data set, which derived_from names too")
            continue
        name, is_known = name_model(text)
        if folded in DATASETS_TOO:
            draft.note("model_generated", text, GUESSED, f"taken as the model {name}, not as the data set")
        elif not is_known:
            draft.note("model_generated", text, UNKNOWN, f"nobody knows whose model that is: taken as {name}")
        draft.add_source(name, "generated_by", "model_generated")
        others.add(name, "model", text, row)


def _sources(draft: Draft, row: Row, names: Names, others: _Others) -> None:
    for text in _texts(draft, row, "derived_from"):
        meant = names.meant(text)
        if meant.name == draft.name:
            draft.note("derived_from", text, AMBIGUOUS, "its own name: which other data set is meant isn't said")
            continue
        if meant.reason:
            draft.note("derived_from", text, meant.reason, meant.detail)
        draft.add_source(meant.name, "derived_from", "derived_from")
        if meant.is_free:
            others.add(meant.name, "dataset", text, row)


def _listed(draft: Draft, row: Row, field: str) -> list[Any]:
    value = row.values.get(field)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > LIST_MAX:
        draft.note(field, value, REFUSED, f"a list of at most {LIST_MAX:,} is expected")
        return []
    return value


def _texts(draft: Draft, row: Row, field: str) -> list[str]:
    found: list[str] = []
    for value in _listed(draft, row, field):
        if _is_nothing(value):
            continue
        if isinstance(value, str):
            found.append(value.strip())
        else:
            draft.note(field, value, UNKNOWN, "no text")
    return found


def _is_nothing(value: object) -> bool:
    """Null, a text that stands for it, or a list or object of these: nothing was said, so nothing is left out."""
    if isinstance(value, str):
        return value.strip().casefold() in SAYS_NOTHING
    if isinstance(value, list):
        return all(_is_nothing(inner) for inner in value)
    if isinstance(value, dict):
        return all(_is_nothing(inner) for inner in value.values())
    return value is None


class _Others:
    """Models and free names that rows speak of. Each is called as most rows call it, whatever their order."""

    def __init__(self, titles: frozenset[str]) -> None:
        self._titles = titles
        self._spellings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._rows: dict[tuple[str, str], Row] = {}

    def add(self, name: str, type: str, text: str, row: Row) -> None:
        """A row calls `name` `text`."""
        self._spellings[name, type][text] += 1
        self._rows.setdefault((name, type), row)

    def describe(self, drafts: Drafts) -> None:
        """A description of each, with a title that no row has: `usance trace TITLE` finds one thing."""
        for (name, type), spellings in sorted(self._spellings.items()):
            draft = drafts.begin(name, type, self._rows[name, type].place)
            if draft is not None:
                title = min(spellings, key=lambda text: (-spellings[text], text))
                draft.put("title", f"{title} ({type})" if fold(title) in self._titles else title, "name")
                draft.finish()
