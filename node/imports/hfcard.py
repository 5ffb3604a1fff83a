"""Hugging Face cards: the YAML header of a data set's or a model's README.md.

A card doesn't say whose it is, so its name comes from the caller, or from the folder that the file lies in: the hub's
cache (`datasets--ORG--NAME/snapshots/REVISION/`) or a clone (`ORG/NAME/README.md`). A data set becomes
`pkg:huggingface/ORG/NAME`, a model `model:org/name`. The header is read as YAML 1.2 (node/imports/safeyaml.py); the
words below it are not read.
"""

from __future__ import annotations

import os
import re
from typing import Any

from node.errors import FileError
from node.imports import safeyaml
from node.imports.drafting import Draft, Drafts, name_license
from node.imports.foreignfile import decode, read_bytes
from node.imports.foreignnames import dataset_name, hub_model_name, is_repository, name_of_url
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from node.imports.spdxlicenses import license_ref
from proofs.fields import is_external_name

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
_CACHED = re.compile(r"(datasets|models)--(.+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FENCE = "---"
_LICENSES_MAX = 64


def read_hfcard(path: str, *, place: str, name: str | None = None) -> Reading:
    """The one material that a card tells of. `place`: what the file is called in messages; `name`: `ORG/NAME`, the
    page's address or an external name, where the folder doesn't say it. Raises InputError where there is no header
    that can be read, or no name."""
    header = _read_header(decode(read_bytes(path), place=place), place)
    reading = Reading(source=place)
    drafts = Drafts(reading)
    external, version, guessed = _find_name(path, place, name, header)
    is_model = external.startswith("model:") or (name is not None and _kind(header) == "model")
    draft = drafts.begin(external, "model" if is_model else "dataset", place)
    if draft is None:
        raise FileError(f"{place}: {external!r} is no name", field="--name", expected="ORG/NAME")
    if guessed:
        draft.note("name", external, GUESSED, guessed)
    draft.put("version", version or None, "revision")
    draft.put("title", _title(header, external), "pretty_name")
    if None not in (header.get("pretty_name"), header.get("model_name")):
        draft.note("model_name", header["model_name"], NOT_CARRIED, "pretty_name is the title")
    repository = external.removeprefix("pkg:huggingface/")
    if not is_model and is_repository(repository):
        draft.put("uri", f"https://huggingface.co/datasets/{repository}", "name")
    _take_license(draft, header)
    _take_tags(draft, header)
    for source in _texts(draft, header, "source_datasets"):
        _take_source_dataset(draft, source)
    for source in _texts(draft, header, "datasets"):
        _take_repository(draft, source, "trained_on" if is_model else "derived_from", "datasets")
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


def _find_name(path: str, place: str, name: str | None, header: dict[str, Any]) -> tuple[str, str, str]:
    """The external name, the revision ("" where unknown), and what was guessed of it ("" for nothing)."""
    if name is not None:
        external = name_of_url(name) or (name if is_external_name(name) else None)
        if external is not None:
            return external, "", ""
        if not is_repository(name):
            raise FileError(f"{name!r} is no name of the hub", field="--name", expected="ORG/NAME, or its address")
        return _by_content(name, "", "", header)
    folders = os.path.abspath(path).split(os.sep)[:-1]
    for number, folder in enumerate(folders):
        cached = _CACHED.fullmatch(folder)
        if cached is not None and is_repository(repository := cached[2].replace("--", "/", 1)):
            version = next((part for part in folders[number + 1 :] if _COMMIT.fullmatch(part)), "")
            external = dataset_name(repository) if cached[1] == "datasets" else hub_model_name(repository)
            return external, version, ""
    repository = "/".join(folders[-2:])
    is_card = os.path.basename(path).casefold() == "readme.md"
    if not is_card or len(folders) < 3 or not is_repository(repository):
        raise FileError(f"{place} doesn't say whose card it is", field="--name", expected="--name ORG/NAME")
    return _by_content(repository, "", "the folders' names, as no other was given", header)


def _by_content(repository: str, version: str, guessed: str, header: dict[str, Any]) -> tuple[str, str, str]:
    """By the fields that only one kind of card has."""
    kind = _kind(header)
    if not kind:
        guessed = "; ".join(filter(None, (guessed, "its fields don't say what it is: taken as a data set")))
    return (hub_model_name if kind == "model" else dataset_name)(repository), version, guessed


def _kind(header: dict[str, Any]) -> str:
    """model, dataset, or "" where its fields don't say."""
    of_model, of_dataset = len(_OF_MODELS & header.keys()), len(_OF_DATASETS & header.keys())
    return "model" if of_model > of_dataset else "dataset" if of_dataset > of_model else ""


def _title(header: dict[str, Any], external: str) -> object:
    for key in ("pretty_name", "model_name"):
        if header.get(key) is not None:
            return header[key]
    return external.partition("/")[2] if external.startswith("pkg:huggingface/") else external.partition(":")[2]


def _texts(draft: Draft, header: dict[str, Any], key: str) -> list[str]:
    """One text or a list of them; what isn't is noted."""
    value = header.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
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
    """A source by its name on the hub or its address. Models are what base_model names, all else are data sets."""
    name = name_of_url(text)
    if name is None and is_repository(text):
        name = hub_model_name(text) if key == "base_model" else dataset_name(text)
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
