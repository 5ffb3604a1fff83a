"""CAWG's training and data mining assertion (`cawg.training-mining`; `c2pa.training-mining` of C2PA 1.x).

Read as JSON: a manifest store as c2patool prints it (of which the active manifest counts: the others are the
ingredients'), one manifest, or the bare assertion. The asset becomes a material of type work, what isn't allowed a
draft of terms. No signature is checked here: who exported the JSON answers for it.

The assertion's words are matched to uses of section 4 by what each allows one to do, see USES. A permission is no
offer: it has no price and no currency, so `allowed` is noted and left to the owner. `constrained` with words of its own
makes terms that need a grant ("to get more info or obtain permission", section 3.1); without any, it is `notAllowed`,
as the specification says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from node.errors import FileError
from node.imports import safejson
from node.imports.datasetnames import external_name
from node.imports.drafting import Draft, Drafts, shown
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading, TermsDraft
from node.imports.spdxlicenses import license_expression
from proofs.kinds import KINDS

USES = {
    "data_mining": ("index", "search", "embed"),
    "ai_inference": ("ground", "infer", "embed"),
    "ai_generative_training": ("train", "finetune", "distill"),
    "ai_training": ("train", "finetune", "distill"),
}
_TRAININGS = ("ai_generative_training", "ai_training")
_LABEL = re.compile(r"(?:cawg|c2pa)\.training-mining(?:__[0-9]{1,4})?")
_ENTRY = re.compile(r"(?:cawg|c2pa)\.(data_mining|ai_inference|ai_generative_training|ai_training)")
_ANY_ENTRY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_ASSERTIONS_MAX = 1000
_URL = KINDS["terms"].optional["url"]


def read_cawg(path: str, *, place: str, name: str | None = None) -> Reading:
    """The one asset that the assertion is about. `place`: what the file is called in messages; `name`: the asset's
    external name, where the manifest doesn't say one. Raises InputError where there is no assertion, or no name."""
    document = safejson.load_file(path)
    manifest = _active(document, place)
    found = list(_assertions(manifest))
    if not found:
        raise FileError(
            f"{place} has no training and data mining assertion", field="FILE",
            expected="cawg.training-mining in a manifest, or its entries",
        )  # fmt: skip
    drafts = Drafts(Reading(source=place))
    draft = drafts.begin(_find_name(manifest, name, place), "work", place)
    if draft is None:
        raise FileError(f"{place}: a name that no record can hold", field="--name", expected="an external name")
    draft.put("title", manifest.get("title"), "title")
    draft.put("media", manifest.get("format"), "format")
    _note_validation(draft, document, manifest)
    terms = _take_entries(draft, found)
    draft.finish()
    if terms:
        draft.note("currency", "", NOT_CARRIED, "the assertion has none, and terms need one: add it before publishing")
        drafts.reading.terms.append(TermsDraft(draft.name, place, {"offers": [], **terms}))
    return drafts.reading


def _active(document: Any, place: str) -> dict[str, Any]:
    """The manifest that is about the asset itself."""
    if not isinstance(document, dict):
        raise FileError(f"{place} is no manifest", field="FILE", expected="a JSON object")
    manifests = document.get("manifests")
    if manifests is None:
        return document
    active = document.get("active_manifest")
    manifest = manifests.get(active) if isinstance(manifests, dict) and isinstance(active, str) else None
    if not isinstance(manifest, dict):
        raise FileError(f"{place} has no active manifest", field="active_manifest", expected="one of manifests")
    return manifest


def _assertions(manifest: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Label and data of each assertion of ours: in a list, in the detailed report's store, or the document itself."""
    listed = manifest.get("assertions")
    for entry in listed[:_ASSERTIONS_MAX] if isinstance(listed, list) else ():
        label = entry.get("label") if isinstance(entry, dict) else None
        if isinstance(label, str) and _LABEL.fullmatch(label):
            yield label, entry.get("data")
    store = manifest.get("assertion_store")
    bare = {} if listed is not None or store is not None else manifest
    for label, data in (store if isinstance(store, dict) else bare).items():
        if _LABEL.fullmatch(label):
            yield label, data
    if isinstance(bare.get("entries"), dict) or any(_ENTRY.fullmatch(key) for key in bare):
        yield "cawg.training-mining", bare
    elif isinstance(bare.get("label"), str) and _LABEL.fullmatch(bare["label"]):
        yield bare["label"], bare.get("data")


def _find_name(manifest: dict[str, Any], name: str | None, place: str) -> str:
    """The caller's, or the first of the manifest's that is one."""
    candidates = [name] if name is not None else [manifest.get(key) for key in ("instance_id", "url", "title")]
    for text in candidates:
        if isinstance(text, str) and (found := external_name(text)):
            return found
    raise FileError(
        f"{place} doesn't say which asset it is about" if name is None else f"{name!r} is no external name",
        field="--name", expected="an external name: pkg:, http(s)://, doi:10. or model:, without spaces",
    )  # fmt: skip


def _note_validation(draft: Draft, document: dict[str, Any], manifest: dict[str, Any]) -> None:
    for holder in (document,) if document is manifest else (document, manifest):
        for key in ("validation_status", "validation_state"):
            value = holder.get(key)
            if value not in (None, [], "Valid", "Trusted"):
                draft.note(key, value, UNKNOWN, "the exporter's findings on the signature, which isn't checked here")


def _take_entries(draft: Draft, found: list[tuple[str, Any]]) -> dict[str, object]:
    """Fields of terms from every entry of every assertion; of two about one use the stricter counts."""
    said: dict[str, str] = {}
    prohibited: dict[str, None] = {}
    terms: dict[str, object] = {}
    for label, data in found:
        entries = data.get("entries", data) if isinstance(data, dict) else None
        if not isinstance(entries, dict):
            draft.note(label, data, REFUSED, "an assertion is an object of entries")
            continue
        for key, entry in entries.items():
            match = _ENTRY.fullmatch(key)
            if match is None:
                if _ANY_ENTRY.fullmatch(key) or "entries" in data:
                    draft.note(key, entry, NOT_CARRIED, "no use of this ledger is meant by it")
                continue
            use = entry.get("use") if isinstance(entry, dict) else None
            if not isinstance(use, str) or use not in ("allowed", "notAllowed", "constrained"):
                draft.note(key, entry, REFUSED, "use has to be allowed, notAllowed or constrained")
                use = "notAllowed"  # whoever writes an entry to forbid something must not be read as silent
            elif use == "constrained" and _take_constraint(draft, key, entry, terms):
                pass
            elif use == "allowed":
                draft.note(key, use, NOT_CARRIED, "a permission without a price is no offer: the owner may make one")
            else:
                use = "notAllowed"
            if use == "notAllowed":
                prohibited.update(dict.fromkeys(USES[match[1]]))
            if said.get(match[1], use) != use:
                draft.note(key, use, AMBIGUOUS, "said twice, differently: the stricter was taken")
            said[match[1]] = use
    _note_trainings(draft, said)
    if prohibited:
        terms["prohibits"] = sorted(prohibited)
    return terms


def _take_constraint(draft: Draft, key: str, entry: dict[str, Any], terms: dict[str, object]) -> bool:
    """Whether it has words of its own (`constraint_info`; `constraints_info` in the specification's text)."""
    info = next((entry[field] for field in ("constraint_info", "constraints_info") if field in entry), None)
    if not isinstance(info, str) or not info.strip():
        draft.note(key, entry, GUESSED, "constrained without a word on how: not allowed, as the specification says")
        return False
    terms["needs_grant"] = True
    license = license_expression(info)
    if license is not None:
        terms.setdefault("license", license)
    elif _URL.ok(info):
        terms.setdefault("url", info)
    draft.note(key, info, GUESSED, "constrained: the terms need a grant, for every use, for a grant opens them whole")
    return True


def _note_trainings(draft: Draft, said: dict[str, str]) -> None:
    """Uses of a ledger don't tell a generative model from another."""
    uses = {said.get(kind) for kind in _TRAININGS}
    if len(uses) > 1 and "notAllowed" in uses:
        detail = "training of generative and of other models isn't told apart: what forbids one was taken for both"
        draft.note(shown(" and ".join(_TRAININGS)), sorted(use or "not said" for use in uses), GUESSED, detail)
