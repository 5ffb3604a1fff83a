"""SPDX 3 documents (JSON-LD, spec v3.0.1): the AI and Dataset profiles.

AI packages become models, dataset packages data sets; so do packages and files whose primary purpose is one of these.
Relationships become sources of what was made (spec, RelationshipType: "`from` (is) (a) RELATIONSHIP `to`"), see
RELATIONSHIPS. A description's licence is what its author concludes: `hasConcludedLicense` is taken; what was found in
the material itself, `hasDeclaredLicense`, stands in where nothing was concluded, and is noted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from node.imports import safejson
from node.imports.cycles import note_cycles
from node.imports.datasetnames import external_name
from node.imports.drafting import SAYS_NOTHING, Draft, Drafts, shown
from node.imports.foreignnames import generic_name, hub_page
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from node.imports.spdxgraph import Element, Graph, element_type, texts_of

RELATIONSHIPS = {  # of SPDX: the relation of a description, and which end was made from the other
    "trainedOn": ("trained_on", "from"),
    "finetunedOn": ("trained_on", "from"),  # SPDX 3.1
    "testedOn": ("evaluated_on", "from"),
    "evaluatedOn": ("evaluated_on", "from"),  # SPDX 3.1
    "descendantOf": ("derived_from", "from"),
    "ancestorOf": ("derived_from", "to"),
    "copiedTo": ("derived_from", "to"),
    "generates": ("generated_by", "to"),
    "contains": ("contains", "from"),
    "hasDataFile": ("contains", "from"),
}
_TYPES = {"ai_AIPackage": "model", "dataset_DatasetPackage": "dataset", "dataset_Dataset": "dataset"}
_SOFTWARE = ("software_Package", "software_File", "software_Snippet")
_PURPOSES = {"model": "model", "data": "dataset"}
_LICENSES = ("hasConcludedLicense", "hasDeclaredLicense")
_RELATED = ("Relationship", "LifecycleScopedRelationship")
_NOBODY = ("NoneElement", "NoAssertionElement")

_FRAME = ("type", "@type", "spdxId", "@id", "creationInfo")
_TAKEN = (
    *_FRAME, "name", "software_packageVersion", "software_packageUrl", "software_downloadLocation", "software_homePage",
    "software_contentType", "software_primaryPurpose", "dataset_datasetType", "externalIdentifier",
)  # fmt: skip
_RELATIONSHIP_TAKEN = (*_FRAME, "relationshipType", "from", "to")


def read_spdx(path: str, *, place: str) -> Reading:
    """The models and data sets of a document. `place`: what the file is called in messages. What has no place in a
    description is noted; elements and relationships of no concern are noted once for each type. Raises InputError
    where it is no SPDX 3 document."""
    graph = Graph(safejson.load_file(path), place)
    reading = Reading(source=place)
    reader = _Reader(graph, Drafts(reading), place)
    reader.begin_materials()
    reader.take_relationships()
    reader.finish()
    return reading


class _Reader:
    """One document on its way into a reading."""

    def __init__(self, graph: Graph, drafts: Drafts, place: str) -> None:
        self._graph, self._drafts, self._place = graph, drafts, place
        self._made: dict[str, Draft] = {}  # by the element's identifier
        self._names: dict[str, str] = {}
        self._licenses: dict[str, dict[str, list[str]]] = defaultdict(lambda: {kind: [] for kind in _LICENSES})
        self._others = Counter[tuple[str, str]]()  # (property, value): what was passed over
        self._downloads = Counter(  # what several are downloaded from names none of them
            key
            for element in graph.elements.values()
            for text in texts_of(element.get("software_downloadLocation"))
            for key in _download_keys(text)
        )

    def begin_materials(self) -> None:
        """A draft for each element that is a model or a data set."""
        for identifier, element in list(self._graph.elements.items()):
            kind = _material_type(element)
            if kind is None:
                if not element_type(element).endswith(_RELATED) and "licensing_" not in element_type(element):
                    self._others["type", shown(element_type(element) or "none")] += 1
                continue
            draft = self._drafts.begin(self._name(identifier), kind, shown(identifier))
            if draft is not None:
                self._made[identifier] = draft
                self._take_properties(draft, element)

    def _name(self, identifier: str) -> str:
        """An external name for an element; found once, for a thousand relationships may end there."""
        if identifier not in self._names:
            self._names[identifier] = self._find_name(identifier)
        return self._names[identifier]

    def _find_name(self, identifier: str) -> str:
        """Its package URL, another identifier that is one, where it is downloaded, or its own IRI."""
        element = self._graph.elements.get(identifier, {})
        found = [text for text in texts_of(element.get("software_packageUrl")) if text.startswith("pkg:")]
        found += _identifiers(element)
        downloads = texts_of(element.get("software_downloadLocation"))
        found += [text for text in downloads if self._downloads[_download_keys(text)[-1]] == 1]
        for text in (*found, identifier):
            name = external_name(text)
            if name is not None:
                return name
        return generic_name("spdx", identifier)

    def _take_properties(self, draft: Draft, element: Element) -> None:
        draft.put("title", element.get("name"), "name")
        draft.put("version", element.get("software_packageVersion"), "software_packageVersion")
        draft.put("media", element.get("software_contentType"), "software_contentType")
        kinds = [kind for kind in texts_of(element.get("dataset_datasetType")) if kind != "noAssertion"]
        draft.put("modality", ", ".join(kinds) or None, "dataset_datasetType")
        for key in ("software_downloadLocation", "software_homePage"):
            value = element.get(key)
            if value is None or (isinstance(value, str) and value.casefold() in SAYS_NOTHING):
                continue  # NOASSERTION and NONE, as SPDX 2 has them, stay where documents are converted
            if "uri" in draft.fields:
                draft.note(key, value, NOT_CARRIED, "a description has one uri")
            else:
                draft.put("uri", value, key)
        for key, texts in (
            ("software_packageUrl", texts_of(element.get("software_packageUrl"))),
            ("externalIdentifier", _identifiers(element)),
        ):
            for text in texts:
                if external_name(text) != draft.name:
                    draft.note(key, text, NOT_CARRIED, "another name of it, and a description has one")
        draft.leave_out(element, _TAKEN)

    def take_relationships(self) -> None:
        """Sources from the relationships that say what was made from what; licences by who says them."""
        for identifier, element in list(self._graph.elements.items()):
            if not element_type(element).endswith(_RELATED):
                continue
            kind = element.get("relationshipType")
            begin = self._graph.refer(element.get("from"))
            listed = element.get("to")
            ends = [self._graph.refer(end) for end in (listed if isinstance(listed, list) else [listed])]
            if not isinstance(kind, str) or begin is None or None in ends:
                self._drafts.note(
                    shown(identifier), "relationshipType", kind, REFUSED, "a relationship has a type, a from and a to"
                )
                continue
            self._relate(shown(identifier), element, kind, begin, [end for end in ends if end is not None])

    def _relate(self, place: str, element: Element, kind: str, begin: str, ends: list[str]) -> None:
        if kind in _LICENSES:
            self._licenses[begin][kind] += ends
            return
        if kind not in RELATIONSHIPS:
            self._others["relationshipType", shown(kind)] += 1
            return
        relation, made = RELATIONSHIPS[kind]
        for end in ends:
            if end.endswith(_NOBODY):
                self._drafts.note(place, kind, end, NOT_CARRIED, "that there is none, or that none is known")
                continue
            product, source = (begin, end) if made == "from" else (end, begin)
            draft = self._made.get(product)
            if draft is None:
                self._drafts.note(
                    place, kind, product, NOT_CARRIED, "what was made is no model or data set of the file"
                )
                continue
            draft.add_source(self._name(source), relation, kind)
            if source not in self._graph.elements:
                draft.note(kind, source, GUESSED, f"defined elsewhere: called {self._name(source)}")
        if kind == "hasDataFile":
            self._drafts.note(place, kind, ends, GUESSED, "taken as contains")
        for name, value in element.items():
            if name not in _RELATIONSHIP_TAKEN and value is not None:
                self._drafts.note(place, name, value, NOT_CARRIED, "a source is a name and a relation")

    def finish(self) -> None:
        """The drafts into the reading, with their licences, and what was passed over."""
        for identifier, draft in self._made.items():
            self._take_license(draft, self._licenses[identifier])
            draft.finish()
        for (name, value), count in self._others.items():
            self._drafts.note(self._place, name, value, NOT_CARRIED, f"of no concern to a description: {count} of them")
        for identifier in self._graph.repeated:
            self._drafts.note(
                self._place, "spdxId", identifier, AMBIGUOUS, "two elements of one identifier: the first was taken"
            )
        if self._graph.unnamed:
            detail = "elements without an identifier: nothing can refer to them"
            self._drafts.note(self._place, "spdxId", self._graph.unnamed, REFUSED, detail)
        note_cycles(self._drafts)

    def _take_license(self, draft: Draft, stated: dict[str, list[str]]) -> None:
        """The concluded one; the declared one where nothing is concluded."""
        concluded, declared = (self._joined(draft, kind, stated[kind]) for kind in _LICENSES)
        if concluded is not None:
            draft.put("license", concluded, "hasConcludedLicense")
            if declared is not None and declared != concluded:
                detail = f"declared in the material; {concluded} was concluded, and taken"
                draft.note("hasDeclaredLicense", declared, NOT_CARRIED, detail)
        elif declared is not None and draft.put("license", declared, "hasDeclaredLicense"):
            detail = "declared in the material, and nothing was concluded: taken in its place"
            draft.note("hasDeclaredLicense", declared, GUESSED, detail)

    def _joined(self, draft: Draft, kind: str, identifiers: list[str]) -> str | None:
        """Several licences hold together, each `to` governs (spec, RelationshipType)."""
        found: dict[str, None] = {}
        for identifier in identifiers:
            expression = self._graph.license(identifier)
            if expression is None:
                draft.note(kind, identifier, UNKNOWN, "it states no licence that can be read")
            else:
                found[expression] = None
        return " AND ".join(f"({text})" if " " in text and len(found) > 1 else text for text in found) or None


def _identifiers(element: Element) -> list[str]:
    listed = element.get("externalIdentifier")
    entries = listed if isinstance(listed, list) else [listed]
    return [text for entry in entries if isinstance(entry, dict) for text in texts_of(entry.get("identifier"))]


def _download_keys(text: str) -> tuple[tuple[str, bool], ...]:
    """What a download address is counted under: last what decides whether it names its element. A repository's page
    names it, whatever files of it are listed too; a file stands for its repository only where nothing else does."""
    name, page = external_name(text) or text, hub_page(text)
    with_files = (name, True)
    return (with_files,) if page is not None and page.path else (with_files, (name, False))


def _material_type(element: dict[str, Any]) -> str | None:
    kind = element_type(element)
    if kind in _SOFTWARE:
        return next(
            (_PURPOSES[text] for text in texts_of(element.get("software_primaryPurpose")) if text in _PURPOSES), None
        )
    return _TYPES.get(kind)
