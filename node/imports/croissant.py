"""Croissant (mlcommons.org/croissant, JSON-LD, 1.0 and 1.1): each data set becomes a description of it.

What the log has no field for (the text of the description, record sets, creators, RAI statements, …) is noted by its
name. A manifest root is made only where the files' paths, sizes and hashes all stand there exactly.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from node.errors import FileError
from node.imports import safejson
from node.imports.croissantterms import read_usage_info
from node.imports.croissanttimes import read_timeframe
from node.imports.datasetnames import best_name, external_name
from node.imports.drafting import Draft, Drafts, name_license
from node.imports.jsonld import Context, each, text_of
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, Reading, TermsDraft
from proofs.errors import InputError
from proofs.fields import ASSET_TYPES, MEDIA
from proofs.manifest import Item, Manifest

FILES_MAX = 200_000
"""Files of one data set that a manifest is made of."""
ANY_BYTES = "application/octet-stream"

SOURCES = {
    "prov:wasDerivedFrom": "derived_from", "isBasedOn": "derived_from", "hasPart": "contains",
    "usance:trainedOn": "trained_on", "usance:distilledFrom": "distilled_from",
    "usance:evaluatedOn": "evaluated_on",
}  # fmt: skip
GENERATED = "prov:wasGeneratedBy"
NAMED = ("identifier", "url", "sameAs", "@id")
NAME_PROPERTY = "usance:name"
"""An identifier of this kind is the external name itself, whatever else names the data set."""
OWN = {
    "usance:type": "type", "usance:origin": "origin", "usance:modality": "modality", "usance:iscc": "iscc",
    "usance:root": "root", "usance:items": "items", "usance:bytes": "bytes",
}  # fmt: skip
COLLECTION_TYPES = {"web scraping": "crawled", "user-generated content data": "user"}
TAKEN = frozenset((
    "@context", "@type", "dct:conformsTo", "name", "version", "license", "encodingFormat", "distribution", "usageInfo",
    "rai:dataCollectionTimeframe", "rai:dataCollectionType", GENERATED, *NAMED, *SOURCES, *OWN,
))  # fmt: skip
"""Properties that are read; all others of a data set are noted as not carried."""
_OF_THINGS = ("@id", "@type", "@value", *NAMED)
"""What is read of a source, beside its name."""
_OF_LICENSES = ("@id", "@type", "@value", "name", "url")
_OF_FILES = ("@id", "@type", "name", "contentUrl", "contentSize", "sha256", "encodingFormat")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_SIZE = re.compile(r"([0-9]{1,18})(?: ?(?:B|bytes?))?", re.ASCII | re.IGNORECASE)


def read_croissant(path: str, *, place: str) -> Reading:
    """The data sets that a Croissant document describes. `place`: what the file is called in messages. What can't be
    carried over is noted, and the rest is taken. Raises FileError for what is no JSON, passes a bound, or describes
    no data set."""
    value = safejson.load_file(path)
    drafts = Drafts(Reading(source=place))
    found = 0
    for where, node, context in _nodes(value):
        if "Dataset" in context.types(node):
            found += 1
            _read_dataset(drafts, context, context.view(node), where)
        else:
            drafts.note(where, "@type", node.get("@type"), NOT_CARRIED, "no data set")
    if not found:
        raise FileError(
            f"{place} describes no data set", field="FILE", expected='an object of "@type": "sc:Dataset" (Croissant)'
        )
    return drafts.reading


def _nodes(value: Any) -> list[tuple[str, dict[str, Any], Context]]:
    """The objects at the top with their places: one, a list of them, or those of a `@graph`."""
    tops = value if isinstance(value, list) else [value]
    nodes: list[tuple[str, dict[str, Any], Context]] = []
    for number, top in enumerate(tops):
        where = f"/{number}" if isinstance(value, list) else ""
        if not isinstance(top, dict):
            continue
        context = Context(top.get("@context"))
        if "@graph" in top:
            graph = each(top["@graph"])
            inner = [(f"{where}/@graph/{place}", node) for place, node in enumerate(graph) if isinstance(node, dict)]
            nodes += [(place, node, Context(node.get("@context", top.get("@context")))) for place, node in inner]
        else:
            nodes.append((where or "/", top, context))
    return nodes


def _read_dataset(drafts: Drafts, context: Context, data: dict[str, Any], where: str) -> None:
    name, others = _name_of(context, data)
    if name is None:
        drafts.note(
            where, "name", text_of(data.get("name")), REFUSED,
            "no identifier, url or sameAs names it: an http(s) URL, DOI or package URL",
        )  # fmt: skip
        return
    kind = text_of(data.get("usance:type")) or "dataset"
    draft = drafts.begin(name, kind if kind in ASSET_TYPES else "dataset", where)
    if draft is None:
        return
    for other in others:
        draft.note("sameAs", other, NOT_CARRIED, "another name of it, and a description has one")
    if not any("croissant" in str(text_of(item) or item) for item in each(data.get("dct:conformsTo"))):
        draft.note("conformsTo", data.get("dct:conformsTo"), GUESSED, "it doesn't say Croissant: read as a data set")
    _read_texts(draft, data)
    _read_licenses(draft, context, data)
    _read_collection(draft, data)
    _read_distribution(draft, context, data)
    _read_sources(draft, context, data)
    draft.leave_out(data, TAKEN)
    draft.finish()
    if "usageInfo" in data:
        terms = read_usage_info(draft, context, data["usageInfo"])
        if terms is not None:
            drafts.reading.terms.append(TermsDraft(name, where, terms))


def _name_of(context: Context, thing: dict[str, Any]) -> tuple[str | None, list[str]]:
    """The external name of a data set or another thing, and the others that it has."""
    texts: list[str] = []
    for field in NAMED:
        for item in each(thing.get(field)):
            if isinstance(item, dict):
                inner = context.view(item)
                value = text_of(inner.get("value")) or text_of(inner.get("@id")) or text_of(item)
                if text_of(inner.get("propertyID")) == NAME_PROPERTY and value:
                    return value, []
            else:
                value = text_of(item)
            if value:
                texts.append(value)
    return best_name(texts)


def _one(draft: Draft, data: dict[str, Any], field: str) -> str | None:
    """The one text of a property; of several none, noted."""
    items = each(data.get(field))
    texts = [text for text in map(text_of, items) if text is not None]
    if len(items) > 1 or len(texts) < len(items):
        draft.note(field, data[field], AMBIGUOUS, "not one text: left out")
        return None
    return texts[0] if texts else None


def _read_texts(draft: Draft, data: dict[str, Any]) -> None:
    title = _one(draft, data, "name")
    title = None if title is None else " ".join(title.split())
    if title != draft.name:
        draft.put("title", title or None, "name")
    draft.put("version", _one(draft, data, "version"), "version")
    address = _one(draft, data, "url")
    if address != draft.name:
        draft.put("uri", address, "url")
    for foreign in ("usance:origin", "usance:modality", "usance:iscc"):
        draft.put(OWN[foreign], _one(draft, data, foreign), foreign)
    kind = _one(draft, data, "usance:type")
    if kind is not None and kind not in ASSET_TYPES:
        draft.note("usance:type", kind, REFUSED, "taken as a dataset")


def _read_licenses(draft: Draft, context: Context, data: dict[str, Any]) -> None:
    found: dict[str, None] = {}
    for item in each(data.get("license")):
        shown: object = item
        if isinstance(item, dict):
            inner = context.view(item)
            shown = inner.get("name") or inner.get("url") or inner.get("@id") or text_of(item)
            _leave_out(draft, "license", inner, _OF_LICENSES)
        expression, noted = name_license(shown)
        if noted is not None:
            draft.note("license", item, *noted)
        if expression is not None:
            found[expression] = None
    if len(found) > 1:
        detail = "several licences: taken as all of them at once (AND)"
        draft.note("license", ", ".join(found), GUESSED, detail)
    parts = [f"({one})" if " " in one and len(found) > 1 else one for one in found]
    draft.put("license", " AND ".join(parts) or None, "license")


def _read_collection(draft: Draft, data: dict[str, Any]) -> None:
    frame = [text for text in map(text_of, each(data.get("rai:dataCollectionTimeframe"))) if text is not None]
    if frame:
        try:
            begin, end = read_timeframe(frame)
            if begin is not None and end is not None and end < begin:
                raise InputError("it ends before it begins", field="time", expected="an end after the begin")
            draft.put("collected_from", begin, "rai:dataCollectionTimeframe")
            draft.put("collected_until", end, "rai:dataCollectionTimeframe")
        except InputError as error:
            draft.note("rai:dataCollectionTimeframe", frame, REFUSED, f"{error.detail}, expected {error.expected}")
    kinds = [text_of(item) or "" for item in each(data.get("rai:dataCollectionType"))]
    origins = {COLLECTION_TYPES[kind.lower()] for kind in kinds if kind.lower() in COLLECTION_TYPES}
    if len(origins) == 1 and len(kinds) == 1 and "origin" not in draft.fields:
        draft.put("origin", origins.pop(), "rai:dataCollectionType")
        draft.note("rai:dataCollectionType", kinds[0], GUESSED, f"taken as the origin {draft.fields['origin']}")
    elif kinds:
        draft.note("rai:dataCollectionType", kinds, NOT_CARRIED, "no one origin of a record")


def _read_distribution(draft: Draft, context: Context, data: dict[str, Any]) -> None:
    parts = [context.view(part) for part in each(data.get("distribution")) if isinstance(part, dict)]
    media = {text for part in parts for text in map(text_of, each(part.get("encodingFormat"))) if text}
    own = _one(draft, data, "encodingFormat")
    media = {text for text in media if MEDIA.ok(text) and text != ANY_BYTES}
    _note_files(draft, parts)
    if own is not None:
        draft.put("media", own, "encodingFormat")
        if media - {own}:
            detail = "the data set's own encodingFormat was taken"
            draft.note("distribution/encodingFormat", ", ".join(sorted(media)), NOT_CARRIED, detail)
    elif len(media) == 1:
        draft.put("media", media.pop(), "distribution/encodingFormat")
    elif media:
        draft.note(
            "distribution/encodingFormat", ", ".join(sorted(media)), NOT_CARRIED, "a record holds one media type"
        )
    said = _said_root(draft, data)
    if not parts:
        draft.fields.update(said)
        return
    try:
        manifest = _manifest(context, parts)
    except InputError as error:
        shown = f"{len(parts)} files and sets of files"
        draft.note("distribution", shown, NOT_CARRIED, f"no manifest can be made: {error.detail}")
        draft.fields.update(said)
        return
    made: dict[str, Any] = {"root": manifest.root, "items": len(manifest.items), "bytes": manifest.bytes}
    if said and said != made:
        draft.note("usance:root", said["root"].hex(), AMBIGUOUS, "the files hash to another root: neither was taken")
        return
    draft.fields.update(made)


def _note_files(draft: Draft, parts: list[dict[str, Any]]) -> None:
    """What files say that no manifest holds, once for each property: there may be very many files."""
    others = Counter(name for part in parts if "containedIn" not in part for name in part if name not in _OF_FILES)
    others["containedIn"] = sum("containedIn" in part for part in parts)
    for name, count in others.items():
        if count:
            draft.note(f"distribution/{name}", f"{count} of them", NOT_CARRIED, "a manifest holds no such thing")


def _said_root(draft: Draft, data: dict[str, Any]) -> dict[str, Any]:
    """Root, items and bytes where the document states all three."""
    names = ("usance:root", "usance:items", "usance:bytes")
    if not any(name in data for name in names):
        return {}
    root, items, size = (data.get(name) for name in names)
    if not isinstance(root, str) or not _SHA256.fullmatch(root) or not _is_count(items) or not _is_count(size):
        draft.note(
            "usance:root", root, REFUSED, "root, items and bytes go together: 64 hexadecimal digits, two numbers"
        )
        return {}
    return {"root": bytes.fromhex(root), "items": items, "bytes": size}


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _manifest(context: Context, parts: list[dict[str, Any]]) -> Manifest:
    """The manifest of the files themselves; what lies within one of them is no file of its own. Raises InputError."""
    if len(parts) > FILES_MAX:
        raise InputError(f"more than {FILES_MAX:,} files", field="distribution")
    items = []
    for place, part in enumerate(parts):
        if "containedIn" in part:
            continue
        where = f"file {place} "
        if "FileObject" not in context.types(part):
            raise InputError(where + "is a set of files", field="distribution")
        path = text_of(part.get("contentUrl")) or ""
        size = _SIZE.fullmatch(text_of(part.get("contentSize")) or "")
        digest = text_of(part.get("sha256")) or ""
        if "://" in path or not path:
            raise InputError(where + "has no path within the data set", field="distribution")
        if size is None or _SHA256.fullmatch(digest) is None:
            raise InputError(where + "has no exact size or no SHA-256", field="distribution")
        items.append(Item(path, int(size[1]), bytes.fromhex(digest)))
    manifest = Manifest(items)
    if not items or not _is_count(manifest.bytes):
        raise InputError("no files, or more bytes than a record can say", field="distribution")
    return manifest


def _read_sources(draft: Draft, context: Context, data: dict[str, Any]) -> None:
    for field, relation in SOURCES.items():
        for item in each(data.get(field)):
            _add_source(draft, context, item, relation, field)
    for activity in each(data.get(GENERATED)):
        seen = context.view(activity) if isinstance(activity, dict) else {}
        agents = each(seen.get("prov:wasAssociatedWith"))
        if not any(_source_name(context, item) is not None for item in agents):
            draft.note(GENERATED, activity, NOT_CARRIED, "no external name of what made it")
            continue
        for item in agents:
            _add_source(draft, context, item, "generated_by", GENERATED)
        _leave_out(draft, GENERATED, seen, ("@id", "@type", "prov:wasAssociatedWith"))


def _add_source(draft: Draft, context: Context, item: object, relation: str, field: str) -> None:
    name = _source_name(context, item)
    if name is None:
        draft.note(field, item, NOT_CARRIED, "no external name: an http(s) URL, DOI, package URL or model name")
    else:
        draft.add_source(name, relation, field)
        if isinstance(item, dict):
            _leave_out(draft, field, context.view(item), _OF_THINGS)


def _leave_out(draft: Draft, field: str, seen: dict[str, Any], taken: tuple[str, ...]) -> None:
    """Note what an object within the data set's says beside what is read of it."""
    draft.leave_out({f"{field}/{name}": value for name, value in seen.items() if name not in taken}, ())


def _source_name(context: Context, item: object) -> str | None:
    if isinstance(item, dict):
        return _name_of(context, context.view(item))[0] or external_name(text_of(item) or "")
    text = text_of(item)
    return None if text is None else external_name(text)
