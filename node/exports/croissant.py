"""Croissant 1.1 (mlcommons.org/croissant) of one asset or description: JSON-LD that an import reads back whole.

What schema.org, Croissant, PROV and ODRL have words for is said in theirs; the rest stands under names of ours, which
JSON-LD lets others pass over. What Croissant asks for and the log doesn't know (creator, date of publication) is
noted as missing and never made up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from node.exports.croissantterms import usage_info
from node.exports.licenseurls import license_url
from node.exports.model import Exported, ExportMaterial
from node.imports.croissant import ANY_BYTES, FILES_MAX, GENERATED, NAME_PROPERTY, OWN, SOURCES
from node.imports.croissanttimes import MS_MAX, OPEN, show_time
from node.imports.datasetnames import external_name, page_of
from node.imports.jsonld import PREFIXES
from node.imports.model import NOT_CARRIED, Note
from proofs.errors import InputError
from proofs.fields import URL, is_external_name
from proofs.ref import unpack_ref

VERSION = "http://mlcommons.org/croissant/1.1"
_CROISSANT_TERMS = """
annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject fileProperty
fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path readLines recordSet references regex
repeated replace samplingRate sdVersion separator source subField transform unArchive value
"""
_RELATIONS = {relation: name for name, relation in SOURCES.items() if name != "isBasedOn"}
_OWN_NAMES = {field: name for name, field in OWN.items()}
_MISSING = ("creator", "datePublished")


def export_croissant(material: ExportMaterial) -> Exported:
    """The document, JSON in UTF-8. Raises InputError for a model: Croissant describes data sets."""
    if material.record["type"] == "model":
        raise InputError(
            "a model, and Croissant describes data sets", field="ASSET", expected="a dataset, outputs or a work"
        )
    writer = _Writer(material)
    data = json.dumps(writer.document(), ensure_ascii=False, indent=2) + "\n"
    return Exported(data.encode(), writer.notes)


class _Writer:
    """One document in the making."""

    def __init__(self, material: ExportMaterial) -> None:
        self.notes: list[Note] = []
        self._material, self._record = material, material.record
        self._place = material.ref or material.name
        self._title = str(
            self._record.get("title") or (material.name if material.owner is None else self._record["name"])
        )
        self._document: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        """The whole document."""
        made = self._document
        made["@context"] = _context()
        made["@type"] = "sc:Dataset"
        made["conformsTo"] = VERSION
        made["name"] = self._title
        made["description"] = self._description()
        self._add_names()
        if "license" in self._record:
            expression = str(self._record["license"])
            made["license"] = license_url(expression) or {"@type": "sc:CreativeWork", "name": expression}
        if "version" in self._record:
            made["version"] = self._record["version"]
        if "media" in self._record:
            made["encodingFormat"] = self._record["media"]
        for field, name in _OWN_NAMES.items():
            value = self._record.get(field)
            if value is not None and (field, value) != ("type", "dataset"):
                made[name] = value.hex() if isinstance(value, bytes) else value
        self._add_collection()
        self._add_sources()
        self._add_files()
        if self._material.terms is not None:
            made["usageInfo"] = usage_info(self._material.terms, title=self._title, terms_ref=self._material.terms_ref)
        if "prints" in self._record:
            self._note("prints", self._record["prints"], "Croissant has no word for a commitment to fingerprints")
        for name in _MISSING:
            self._note(name, "", "Croissant asks for it, and the log doesn't know it: add it")
        return made

    def _note(self, field: str, value: object, detail: str) -> None:
        self.notes.append(Note.of(self._place, field, value, NOT_CARRIED, detail))

    def _description(self) -> str:
        where = f", entry {self._material.ref} of a Usance log" if self._material.ref else " on a Usance log"
        who = self._material.owner_name or self._material.said_by
        words = f"{self._title}: {self._record['type']}{where}"
        return f"{words}, registered by {who}" if self._material.owner and who else words

    def _add_names(self) -> None:
        name, made = self._material.name, self._document
        others = [other for other in self._record.get("aka", ()) if other != name]  # type: ignore[attr-defined]
        if is_external_name(name):
            made["identifier"] = _identifier(name)
            page = page_of(name, str(self._record["type"]))
            if page is not None and page not in (name, self._record.get("uri")):
                others.append(page)
        else:
            self._note("name", name, "it has no external name, by which others could import it: add an aka")
        if "uri" in self._record or URL.ok(name):
            made["url"] = self._record.get("uri", name)
        else:
            self._note("url", "", "Croissant asks for it, and the log doesn't know it: add it")
        if self._record.get("uri") == name:
            self._note("uri", name, "it is the name, which an import doesn't repeat")
        if others:
            made["sameAs"] = others
        who = self._material.owner_name or self._material.said_by
        if who:
            made["sdPublisher"] = {"name": who}

    def _add_collection(self) -> None:
        times: list[str] = []
        for field in ("collected_from", "collected_until"):
            ms = self._record.get(field)
            if isinstance(ms, int) and ms > MS_MAX:
                self._note(field, ms, "after the year 9999, which no date says")
                ms = None
            times.append(OPEN if ms is None else show_time(ms))  # type: ignore[arg-type]
        if times != [OPEN, OPEN]:
            self._document["rai:dataCollectionTimeframe"] = "/".join(times) if OPEN in times else times

    def _add_sources(self) -> None:
        agents = []
        for source in self._record.get("sources", ()):  # type: ignore[attr-defined]
            name, relation = self._source_name(source["asset"]), source["as"]
            if name is None:
                shown = str(unpack_ref(source["asset"]))
                self._note("sources", f"{relation} {shown}", "an asset of the log without an external name")
                continue
            if source.get("bps"):
                self._note(
                    "sources", f"{relation} {name}: {source['bps']} bps", "shares mean something on the log only"
                )
            if relation == "generated_by":
                agents.append(_thing(name))
            else:
                self._document.setdefault(_RELATIONS[relation], []).append(_thing(name))
        if agents:
            self._document[GENERATED] = {"@type": "prov:Activity", "prov:wasAssociatedWith": agents}

    def _source_name(self, asset: object) -> str | None:
        if isinstance(asset, bytes):
            return self._material.source_names.get(str(unpack_ref(asset)))
        return str(asset)

    def _add_files(self) -> None:
        if len(self._material.files) > FILES_MAX:
            self._note(
                "files", len(self._material.files), f"only up to {FILES_MAX:,} are listed: the root stands for them"
            )
            return
        media = self._record.get("media", ANY_BYTES)
        files = [
            {
                "@type": "cr:FileObject", "@id": item.path, "name": item.path, "contentUrl": item.path,
                "contentSize": f"{item.size} B", "encodingFormat": media, "sha256": item.sha256.hex(),
            }
            for item in self._material.files
        ]  # fmt: skip
        if files:
            self._document["distribution"] = files


def _identifier(name: str) -> dict[str, str]:
    """The external name, as an identifier that says what it is."""
    return {"@type": "sc:PropertyValue", "propertyID": NAME_PROPERTY, "value": name}


def _thing(name: str) -> dict[str, Any]:
    """A thing by its external name, exactly: an address that an import would call otherwise has an identifier, too."""
    return {"@id": name} if external_name(name) == name else {"@id": name, "identifier": _identifier(name)}


def _context() -> Mapping[str, Any]:
    """The context that Croissant 1.1 recommends (its appendix 1), whole, because validators compare it; and ours."""
    return {
        "@language": "en",
        "@vocab": PREFIXES["sc"],
        **PREFIXES,
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{term: f"cr:{term}" for term in _CROISSANT_TERMS.split()},
    }
