"""Hugging Face cards: the YAML header of a data set's or a model's README.md.

A card doesn't say whose it is, so its name comes from the caller, or from the folder that the file lies in: the hub's
cache (`datasets--ORG--NAME/snapshots/REVISION/`) or a clone (`ORG/NAME/README.md`). A data set and a model become
`pkg:huggingface/ORG/NAME`, each described with its type. The header is read as YAML 1.2 (node/imports/safeyaml.py); the
words below it are not read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from node.errors import FileError
from node.imports import safeyaml
from node.imports.datasetnames import external_name, page_of
from node.imports.drafting import Draft, Drafts, name_license
from node.imports.foreignfile import decode, read_bytes
from node.imports.foreignnames import hub_name, hub_page, is_repository
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from node.imports.spdxlicenses import license_ref

_OF_MODELS = frozenset((
    "base_model", "base_model_relation", "datasets", "inference", "library_name", "model-index", "model_name",
    "new_version", "pipeline_tag", "widget",
))  # fmt: skip
_OF_DATASETS = frozenset((
    "annotations_creators", "configs", "dataset_info", "language_creators", "multilinguality", "paperswithcode_id",
    "pretty_name", "size_categories", "source_datasets", "task_categories", "task_ids", "train-eval-index",
))  # fmt: skip
_TAKEN = frozenset((
    "license", "license_name", "license_link", "pretty_name", "model_name", "source_datasets", "datasets", "base_model",
    "base_model_relation", "model-index", "tags",
))  # fmt: skip
_DISTILLED = frozenset(("distill", "distilled", "distillation"))
_RELATIONS = frozenset(("finetune", "adapter", "merge", "quantized"))
_MODEL, _DATASET = "model", "dataset"
_CACHED = re.compile(r"(datasets|models)--(.+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FENCE = "---"
_LICENSES_MAX = 64


@dataclass(frozen=True, slots=True)
class _Found:
    """Whose card it is. `type`: model or dataset; `revision`: "" where unknown; `guessed`: of both, "" for nothing."""

    name: str
    type: str
    revision: str = ""
    guessed: str = ""


def read_hfcard(path: str, *, place: str, name: str | None = None) -> Reading:
    """The one material that a card tells of. `place`: what the file is called in messages; `name`: `ORG/NAME`, the
    page's address or an external name, where the folder doesn't say it. Raises InputError where there is no header
    that can be read, or no name."""
    header = _read_header(decode(read_bytes(path), place=place), place)
    reading = Reading(source=place)
    drafts = Drafts(reading)
    found = _find_name(path, place, name, header)
    draft = drafts.begin(found.name, found.type, place)
    if draft is None:
        raise FileError(f"{place}: {found.name!r} is no name", field="--name", expected="ORG/NAME")
    if found.guessed:
        draft.note("name", found.name, GUESSED, found.guessed)
    draft.put("version", found.revision or None, "revision")
    draft.put("title", _title(header, found.name), "pretty_name")
    if None not in (header.get("pretty_name"), header.get("model_name")):
        draft.note("model_name", header["model_name"], NOT_CARRIED, "pretty_name is the title")
    draft.put("uri", page_of(found.name, found.type) if found.name.startswith("pkg:huggingface/") else None, "name")
    _take_license(draft, header)
    _take_tags(draft, header)
    for source in _texts(draft, header, "source_datasets"):
        _take_source_dataset(draft, source)
    for source in _texts(draft, header, "datasets"):
        _take_repository(draft, source, "trained_on" if found.type == _MODEL else "derived_from", "datasets")
    _take_base_models(draft, header)
    _take_evaluations(draft, header)
    draft.leave_out(header, _TAKEN)
    draft.finish()
    return reading


def _read_header(text: str, place: str) -> dict[str, Any]:
    """The mapping between the first two lines of three dashes."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[first].rstrip() != _FENCE:
        raise FileError(f"{place} has no YAML header", field="FILE", expected=f"a card that begins with {_FENCE}")
    last = next((number for number in range(first + 1, len(lines)) if lines[number].rstrip() == _FENCE), None)
    if last is None:
        raise FileError(f"{place}: the header has no end", field="FILE", expected=f"a second line of {_FENCE}")
    header = safeyaml.loads("\n".join(lines[first + 1 : last]), place=place, first_line=first + 2)
    if header is not None and not isinstance(header, dict):
        raise FileError(f"{place}: the header is no mapping", field="FILE", expected="lines of name: value")
    return header or {}


def _find_name(path: str, place: str, name: str | None, header: dict[str, Any]) -> _Found:
    """By the caller's words, the hub's cache, or the folders; the type by the page or the cache, else by the header."""
    if name is not None:
        external, page = external_name(name), hub_page(name)
        if external is not None:
            by_name = page.type if page else _MODEL if external.startswith("model:") else ""
            revision = page.revision if page else ""
            return _Found(external, by_name, revision) if by_name else _by_content(external, header)
        if not is_repository(name):
            raise FileError(f"{name!r} is no name of the hub", field="--name", expected="ORG/NAME, or its address")
        return _by_content(hub_name(name), header)
    folders = os.path.abspath(path).split(os.sep)[:-1]
    for number, folder in enumerate(folders):
        cached = _CACHED.fullmatch(folder)
        if cached is not None and is_repository(repository := cached[2].replace("--", "/", 1)):
            revision = next((part for part in folders[number + 1 :] if _COMMIT.fullmatch(part)), "")
            return _Found(hub_name(repository), cached[1].removesuffix("s"), revision)
    repository = "/".join(folders[-2:])
    is_card = os.path.basename(path).casefold() == "readme.md"
    if not is_card or len(folders) < 3 or not is_repository(repository):
        raise FileError(f"{place} doesn't say whose card it is", field="--name", expected="--name ORG/NAME")
    return _by_content(hub_name(repository), header, "the folders' names, as no other was given")


def _by_content(name: str, header: dict[str, Any], guessed: str = "") -> _Found:
    """By the fields that only one kind of card has."""
    of_model, of_dataset = len(_OF_MODELS & header.keys()), len(_OF_DATASETS & header.keys())
    if of_model == of_dataset:
        guessed = "; ".join(filter(None, (guessed, "its fields don't say what it is: taken as a data set")))
    return _Found(name, _MODEL if of_model > of_dataset else _DATASET, guessed=guessed)


def _title(header: dict[str, Any], external: str) -> object:
    for key in ("pretty_name", "model_name"):
        if header.get(key) is not None:
            return header[key]
    return external.partition("/")[2] if external.startswith("pkg:huggingface/") else external.partition(":")[2]


def _texts(draft: Draft, header: dict[str, Any], key: str) -> list[str]:
    """One text or a list of them; what isn't is noted, but for nulls and empty texts, which say nothing."""
    value = header.get(key)
    values = [item for item in (value if isinstance(value, list) else [value]) if item is not None and item != ""]
    for item in values:
        if not isinstance(item, str):
            draft.note(key, item, REFUSED, "has to be a text, or a list of texts")
    return [item for item in values if isinstance(item, str)]


def _take_license(draft: Draft, header: dict[str, Any]) -> None:
    """`license: other` is named by license_name; of several the whole has to be kept, so they are joined by AND."""
    for key in ("license_name", "license_link"):
        if header.get(key) is not None and not isinstance(header[key], str):
            draft.note(key, header[key], REFUSED, "has to be a text")
    own, link = header.get("license_name"), header.get("license_link")
    found: dict[str, None] = {}
    values = _texts(draft, header, "license")
    for value in values[_LICENSES_MAX:]:
        draft.note("license", value, REFUSED, f"at most {_LICENSES_MAX} licences are read")
    if isinstance(own, str) and own.strip() and "other" not in (value.strip().casefold() for value in values):
        if values:
            draft.note("license_name", own, AMBIGUOUS, "it names what license calls other, and that says otherwise")
        else:
            values = ["other"]
            draft.note("license_name", own, GUESSED, "without a license: taken as if that were other")
    for value in values[:_LICENSES_MAX]:
        if value.strip().casefold() != "other":
            expression, noted = name_license(value)
        elif isinstance(own, str) and own.strip():
            expression, noted = name_license(own)
        elif isinstance(link, str) and (linked := name_license(link))[1] is None:
            expression, noted = linked
        else:
            expression, noted = license_ref("Other"), (UNKNOWN, "a licence without a name")
        if noted is not None:
            draft.note("license", value, *noted)
        if expression is not None:
            found[f"({expression})" if " " in expression else expression] = None
    if len(found) > 1:
        draft.note("license", list(found), GUESSED, "several: taken as all of them together, AND")
    draft.put("license", " AND ".join(found) or None, "license")
    if link is not None and isinstance(link, str):
        draft.note("license_link", link, NOT_CARRIED, "a description has no field for a licence's address")


def _take_tags(draft: Draft, header: dict[str, Any]) -> None:
    tags = _texts(draft, header, "tags")
    others = [tag for tag in tags if tag != "synthetic" and not tag.startswith("modality:")]
    modalities = sorted({tag.partition(":")[2] for tag in tags if tag.startswith("modality:")})
    draft.put("modality", ", ".join(modalities) or None, "tags")
    if "synthetic" in tags and draft.type == "dataset":
        draft.put("origin", "synthetic", "tags")
        draft.note("tags", "synthetic", GUESSED, "taken as its origin")
    if others:
        draft.note("tags", others, NOT_CARRIED, "no field holds it")


def _take_source_dataset(draft: Draft, source: str) -> None:
    """`original`, `extended|glue`, `extended|other-…`, or the name of a data set."""
    kind, _, parent = source.partition("|")
    if source == "original":
        draft.note("source_datasets", source, NOT_CARRIED, "that nothing stands behind it can't be said in an import")
    elif source == "extended" or parent.startswith("other"):
        draft.note("source_datasets", source, UNKNOWN, "it names no data set of the hub")
    else:
        _take_repository(draft, parent if kind == "extended" else source, "derived_from", "source_datasets")


def _take_repository(draft: Draft, text: str, relation: str, key: str) -> None:
    """A source by its name on the hub, or any that is an external name."""
    name = external_name(text) or (hub_name(text) if is_repository(text) else None)
    if name is None:
        draft.note(key, text, REFUSED, "neither a name of the hub nor an address")
    else:
        draft.add_source(name, relation, key)


def _take_base_models(draft: Draft, header: dict[str, Any]) -> None:
    stated = header.get("base_model_relation")
    relation = "distilled_from" if isinstance(stated, str) and stated in _DISTILLED else "derived_from"
    for text in _texts(draft, header, "base_model"):
        _take_repository(draft, text, relation, "base_model")
    if stated is None or relation == "distilled_from":
        return
    if isinstance(stated, str) and stated in _RELATIONS:
        draft.note("base_model_relation", stated, NOT_CARRIED, "derived_from says less")
    else:
        draft.note("base_model_relation", stated, UNKNOWN, "taken as derived_from")


def _take_evaluations(draft: Draft, header: dict[str, Any]) -> None:
    """model-index/results/dataset/type is a data set's name on the hub; its metrics have no field."""
    index = header.get("model-index")
    if index is None:
        return
    results = [
        result
        for model in (index if isinstance(index, list) else [])
        if isinstance(model, dict) and isinstance(model.get("results"), list)
        for result in model["results"]
    ]
    for result in results:
        data = result.get("dataset") if isinstance(result, dict) else None
        kind = data.get("type") if isinstance(data, dict) else None
        if isinstance(kind, str):
            _take_repository(draft, kind, "evaluated_on", "model-index")
        else:
            draft.note("model-index", result, AMBIGUOUS, "it names no data set")
    draft.note("model-index", index, NOT_CARRIED, "metrics have no field: the data sets were taken as evaluated_on")
