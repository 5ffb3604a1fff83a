"""What a licence asks of whoever uses the material: commercial use, attribution, share-alike, rival models.

A table of its own, by SPDX identifier or LicenseRef-… (as node/imports/spdxlicenses.py names them), each row with its
reason: the clause of the text that it rests on. It is a reading aid and no legal advice. A licence that isn't in it is
unknown; nothing is concluded from its name. `DIFFERENCES` holds every place where it departs from the classes of the
Data Provenance Collection, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from node.imports.safejson import loads
from node.imports.spdxlicenses import license_expression, license_ref
from proofs.errors import InputError, excerpt

ALLOWED = "allowed"
UNSPECIFIED = "unspecified"
UNKNOWN = "unknown"
NON_COMMERCIAL = "non-commercial"
ACADEMIC = "academic only"
COMMERCIAL = (ALLOWED, UNSPECIFIED, UNKNOWN, NON_COMMERCIAL, ACADEMIC)
"""Whether commercial use is allowed; where several licences apply together, the latest in this order holds."""
FILE_BYTES_MAX = 1 << 20
FILE_ROWS_MAX = 4096
OWN_TABLE = "the table of this program"
_FILE_CLASSES = {"All": ALLOWED, "NC": NON_COMMERCIAL, "Acad": ACADEMIC, "Unspecified": UNSPECIFIED, "?": UNKNOWN}
_FILE_FLAGS = {"0": False, "1": True, "?": None}
_EXPECTED = "{name: [All, NC, Acad, Unspecified or ?; 0, 1 or ?; 0, 1 or ?]}"


@dataclass(frozen=True, slots=True)
class LicenseClass:
    """`commercial`: one of COMMERCIAL. `attribution`, `share_alike`, `rivals` (it forbids making rival models with what
    it covers), `outputs` (it has a term about a model's outputs): None where it isn't known. `reason`: the clause, or
    why nothing is known. `by`: whose table says it."""

    commercial: str
    attribution: bool | None
    share_alike: bool | None
    rivals: bool | None
    outputs: bool | None
    reason: str
    by: str = OWN_TABLE

    @property
    def open(self) -> bool:
        """Whether it is no class: the licence is unknown, or none is stated."""
        return self.commercial in (UNKNOWN, UNSPECIFIED)


UNKNOWN_CLASS = LicenseClass(UNKNOWN, None, None, None, None, "no table knows this licence", by="")

# What the three letters of a row say, in this order: attribution, share-alike, rival models; y, n, or ? for unknown.
# A fourth, where there is one: whether it has a term about a model's outputs (n where it isn't there).
_ROWS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (ALLOWED, "nnn", "gives up the rights in it", (
        "CC0-1.0", "PDDL-1.0", "Unlicense", "0BSD", "WTFPL", "MIT-0", "CC-PDDC", "CC-PDM-1.0",
        "LicenseRef-Public-Domain")),
    (ALLOWED, "ynn", "notices of copyright and licence must be kept", (
        "MIT", "MIT-CMU", "X11", "ISC", "Apache-1.1", "Apache-2.0", "BSD-2-Clause", "BSD-2-Clause-Patent",
        "BSD-3-Clause", "BSD-3-Clause-Clear", "BSD-4-Clause", "BSL-1.0", "Zlib", "libpng-2.0", "NCSA", "PostgreSQL",
        "PSF-2.0", "Python-2.0", "UPL-1.0", "AFL-3.0", "ECL-2.0", "Artistic-2.0", "LPPL-1.3c",
        "MulanPSL-2.0", "Unicode-DFS-2016", "W3C")),
    (ALLOWED, "ynn", "attribution (section 3(a) in 4.0, 4(b) or 4(c) before)", (
        "CC-BY-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-2.5-AU", "CC-BY-3.0-AT", "CC-BY-3.0-AU",
        "CC-BY-3.0-DE", "CC-BY-3.0-IGO", "CC-BY-3.0-NL", "CC-BY-3.0-US", "CC-BY-4.0", "LicenseRef-CC-BY")),
    (ALLOWED, "yyn", "attribution, and adapted material under the same licence (section 3(b) in 4.0, 4(b) before)", (
        "CC-BY-SA-1.0", "CC-BY-SA-2.0", "CC-BY-SA-2.0-UK", "CC-BY-SA-2.5", "CC-BY-SA-3.0", "CC-BY-SA-3.0-AT",
        "CC-BY-SA-3.0-DE", "CC-BY-SA-3.0-IGO",
        "CC-BY-SA-4.0", "LicenseRef-CC-BY-SA")),
    (ALLOWED, "ynn", "attribution; adapted material may not be shared at all (NoDerivatives)", (
        "CC-BY-ND-1.0", "CC-BY-ND-2.0", "CC-BY-ND-2.5", "CC-BY-ND-3.0", "CC-BY-ND-4.0")),
    (NON_COMMERCIAL, "ynn", "for non-commercial purposes only (section 2(a)(1) in 4.0, 4(b) or 4(c) before)", (
        "CC-BY-NC-1.0", "CC-BY-NC-2.0", "CC-BY-NC-2.5", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "LicenseRef-CC-BY-NC")),
    (NON_COMMERCIAL, "yyn", "for non-commercial purposes only; adapted material under the same licence (ShareAlike)", (
        "CC-BY-NC-SA-1.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-2.0-DE", "CC-BY-NC-SA-2.0-FR", "CC-BY-NC-SA-2.0-UK",
        "CC-BY-NC-SA-2.5", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-3.0-DE",
        "CC-BY-NC-SA-3.0-IGO", "CC-BY-NC-SA-4.0", "LicenseRef-CC-BY-NC-SA")),
    (NON_COMMERCIAL, "ynn", "for non-commercial purposes only; adapted material may not be shared (NoDerivatives)", (
        "CC-BY-NC-ND-1.0", "CC-BY-NC-ND-2.0", "CC-BY-NC-ND-2.5", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-3.0-DE",
        "CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-ND-4.0", "LicenseRef-CC-BY-NC-ND")),
    (ALLOWED, "ynn", "data licence: attribution or notice; results computed from the data are free", (
        "ODC-By-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "O-UDA-1.0")),
    (ALLOWED, "yyn", "data licence: a database made from it, or the data handed on, stays under it", (
        "ODbL-1.0", "CDLA-Sharing-1.0")),
    (ALLOWED, "yyn", "for computational use only; handed on under the same terms (section 3); results are free", (
        "C-UDA-1.0",)),
    (ALLOWED, "ynn", "government's open licence: attribution", (
        "OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "OGL-Canada-2.0", "etalab-2.0", "DL-DE-BY-2.0", "NLOD-1.0",
        "NLOD-2.0")),
    (ALLOWED, "nnn", "government's open licence without conditions", ("DL-DE-ZERO-2.0",)),
    (ALLOWED, "yyn", "copyleft: what is made from it is handed on under the same licence", (
        "GPL-1.0-only", "GPL-1.0-or-later", "GPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0", "GPL-3.0-only",
        "GPL-3.0-or-later", "AGPL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "GFDL-1.1-only", "GFDL-1.1-or-later",
        "GFDL-1.2-only", "GFDL-1.2-or-later", "GFDL-1.3", "GFDL-1.3-only", "GFDL-1.3-or-later", "EUPL-1.1", "EUPL-1.2",
        "OSL-3.0", "OFL-1.1")),
    (ALLOWED, "yyn", "copyleft for the covered files or library itself, not for what only uses them", (
        "LGPL-2.0-only", "LGPL-2.0-or-later", "LGPL-2.1", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0",
        "LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-1.1", "MPL-2.0", "EPL-1.0", "EPL-2.0", "CDDL-1.0", "CDDL-1.1",
        "CPL-1.0", "MS-PL", "MS-RL")),
    (NON_COMMERCIAL, "ynn", "noncommercial purposes only; notices must be kept", (
        "PolyForm-Noncommercial-1.0.0",)),
    (ALLOWED, "yyny", "its use restrictions must be handed on with the model and what is made from it (section III)", (
        "LicenseRef-BigScience-OpenRAIL-M", "LicenseRef-BigScience-BLOOM-RAIL-1.0", "LicenseRef-CreativeML-OpenRAIL-M",
        "LicenseRef-BigCode-OpenRAIL-M", "LicenseRef-OpenRAIL", "LicenseRef-OpenRAIL-PP")),
    (ALLOWED, "yyny", "terms of use: a model trained on its outputs to behave like it counts as made from it, and the "
     "use restrictions must be handed on (sections 1.1(e), 3.1)", ("LicenseRef-Gemma",)),
    (ALLOWED, "ynyy", "section 1.b.v: neither the materials nor their outputs may improve any other large language "
     "model; above 700 million monthly users a licence must be asked for (section 2)", (
        "LicenseRef-Llama-2", "LicenseRef-Llama-3")),
    (ALLOWED, "ynny", "section 1.b.i: outputs may improve other models, whose names must then begin with Llama; above "
     "700 million monthly users a licence must be asked for (section 2)", (
        "LicenseRef-Llama-3.1", "LicenseRef-Llama-3.2", "LicenseRef-Llama-3.3", "LicenseRef-Llama-4")),
    (NON_COMMERCIAL, "???", "research licence: non-commercial research only", (
        "LicenseRef-FAIR-Noncommercial-Research", "LicenseRef-Apple-AMLR", "LicenseRef-DeepFloyd-IF")),
    (NON_COMMERCIAL, "ynny", "Llama 1: for non-commercial research only", ("LicenseRef-Llama-1",)),
    (ALLOWED, "nnyy", "terms of use: output is the user's, and may not be used to develop models that compete with "
     "OpenAI", ("LicenseRef-OpenAI",)),
    (ALLOWED, "nnyy", "commercial terms: outputs are the customer's; no competing product or service may be built, nor "
     "competing models be trained, without approval", ("LicenseRef-Anthropic",)),
    (ALLOWED, "??yy", "API terms, prohibitions: it may not be used to create, train or improve a similar product or "
     "service, machine translation included", ("LicenseRef-Google-Cloud-Translation-API",)),
    (ALLOWED, "??yy", "API terms: not to be used to develop models that compete with it", (
        "LicenseRef-Google-Gemini-API",)),
    (ALLOWED, "yyn", "low-risk artifact: use restrictions are handed on with it and with what is made from it", (
        "LicenseRef-AI2-ImpACT-LR",)),
    (ALLOWED, "yn?", "community licence: commercial use is allowed under its own conditions", (
        "LicenseRef-Skywork-Community",)),
    (ALLOWED, "nn?", "research and commercial purposes; the data may not be handed on; the makers of the models that "
     "answered may have terms of their own", ("LicenseRef-LMSYS-Chat-1M",)),
    (ALLOWED, "ynn", "open corpus without restrictions on use; attribution is asked for", ("LicenseRef-OANC",)),
    (ALLOWED, "yn?", "all uses with attribution, as its curator says", ("LicenseRef-All-Uses-Attribution",)),
    (ACADEMIC, "yyn", "research data licence: academic use only, handed on under the same terms", (
        "LicenseRef-Microsoft-Data-Licensing-Agreement",)),
    (NON_COMMERCIAL, "ynn", "agreement with the corpus's publisher: non-commercial use, not handed on", (
        "LicenseRef-CSLU-Agreement", "LicenseRef-LDC-User-Agreement")),
    (NON_COMMERCIAL, "???", "only that it is non-commercial is said", ("LicenseRef-Non-Commercial",)),
    (ACADEMIC, "???", "only that it is for academic research is said", ("LicenseRef-Academic-Research-Purposes-Only",)),
    (UNKNOWN, "???", "terms of its own that nobody has classed; its text must be read", (
        "LicenseRef-Custom", "LicenseRef-Various", "LicenseRef-Request-Form", "LicenseRef-Unclear",
        "LicenseRef-Open-Access", "LicenseRef-Proprietary", "LicenseRef-Other")),
    (UNSPECIFIED, "???", "no licence is stated; no permission follows from that", (
        "NONE", "NOASSERTION", "LicenseRef-Unspecified", "LicenseRef-No-License", "LicenseRef-Unknown")),
)  # fmt: skip
_FLAGS = {"y": True, "n": False, "?": None}


def _table() -> dict[str, LicenseClass]:
    found: dict[str, LicenseClass] = {}
    for commercial, letters, reason, names in _ROWS:
        attribution, share_alike, rivals = (_FLAGS[letter] for letter in letters[:3])
        outputs = _FLAGS[letters[3]] if len(letters) > 3 else (None if commercial == UNKNOWN else False)
        for name in names:
            found[name.lower()] = LicenseClass(commercial, attribution, share_alike, rivals, outputs, reason)
    return found


@dataclass(frozen=True, slots=True)
class Classes:
    """Licences by their names in lower case (SPDX: identifiers don't differ by case alone)."""

    rows: Mapping[str, LicenseClass]

    def find(self, license_id: str) -> LicenseClass:
        """What a single licence asks; UNKNOWN_CLASS for one that isn't there. `X+` is X or a later version: as X."""
        found = self.rows.get(license_id.lower())
        if found is None and license_id.endswith("+"):
            found = self.rows.get(license_id[:-1].lower())
        return found or UNKNOWN_CLASS


OWN = Classes(_table())


DIFFERENCES: Mapping[tuple[str, str], str] = {
    ("LicenseRef-OpenAI", "commercial"): "its terms give the output to the user and forbid rival models, not commerce",
    ("LicenseRef-Anthropic", "commercial"): "its terms give the output to the customer and forbid rivals, not commerce",
    ("LicenseRef-Google-Cloud-Translation-API", "commercial"): "its terms forbid rival services, not commerce",
    ("LicenseRef-OpenAI", "attribution"): "its terms ask for none",
    ("LicenseRef-OpenAI", "share_alike"): "its terms ask for none",
    ("LicenseRef-Anthropic", "attribution"): "its terms ask for none",
    ("LicenseRef-Anthropic", "share_alike"): "its terms ask for none",
    ("MIT", "attribution"): "the notice must be kept; that file says so of `MIT License` and not of `MIT`",
    ("CC-BY-ND-4.0", "share_alike"): "what is adapted may not be shared at all, so not alike either",
    ("LicenseRef-CC-BY-NC-SA", "share_alike"): "ShareAlike is in its name; that file says so of its versions",
    ("LGPL-2.1-only", "share_alike"): "the library itself and changes of it stay under it",
    ("LGPL-3.0-only", "share_alike"): "the library itself and changes of it stay under it",
    ("MPL-2.0", "share_alike"): "the covered files stay under it (section 3.1)",
    ("EPL-1.0", "share_alike"): "the program and changes of it stay under it (section 3)",
    ("LicenseRef-No-License", "commercial"): "no licence gives no permission",
    ("LicenseRef-No-License", "attribution"): "no licence says nothing of it",
    ("LicenseRef-No-License", "share_alike"): "no licence says nothing of it",
    ("LicenseRef-Unspecified", "attribution"): "no licence says nothing of it",
    ("LicenseRef-Unspecified", "share_alike"): "no licence says nothing of it",
    ("LicenseRef-Non-Commercial", "attribution"): "only the purpose is known",
    ("LicenseRef-Non-Commercial", "share_alike"): "only the purpose is known",
    ("LicenseRef-Academic-Research-Purposes-Only", "attribution"): "only the purpose is known",
    ("LicenseRef-Academic-Research-Purposes-Only", "share_alike"): "only the purpose is known",
    ("LicenseRef-Request-Form", "commercial"): "that a form must be filled in says nothing of what is then allowed",
    ("LicenseRef-Various", "commercial"): "which licences these are isn't said",
    ("LicenseRef-Unclear", "commercial"): "it isn't known",
    ("LicenseRef-Open-Access", "commercial"): "open access is no licence",
    ("LicenseRef-Open-Access", "attribution"): "open access is no licence",
    ("LicenseRef-Open-Access", "share_alike"): "open access is no licence",
}
"""Where this table says otherwise than the Data Provenance Collection's classes, by licence and field, and why."""


def read_classes(data: bytes, place: str) -> Classes:
    """The own table with the rows of a file over it, each marked as that file's: what it says of commercial use,
    attribution and share-alike; of rival models and outputs such files say nothing, so the own row stands.

    `data`: UTF-8 JSON `{name: [class, attribution, share-alike]}`, class All, NC, Acad, Unspecified or ?, the others
    0, 1 or ?; at most FILE_BYTES_MAX bytes and FILE_ROWS_MAX names, read as the importers read a licence's name. Where
    two names of one licence are classed differently, it is unknown. Raises InputError naming the row.
    """
    value = loads(data, place=place, bytes_max=FILE_BYTES_MAX)
    if type(value) is not dict or not value or len(value) > FILE_ROWS_MAX:
        raise InputError(f"{place} isn't a map of 1 to {FILE_ROWS_MAX} licences", field=place, expected=_EXPECTED)
    from_file: dict[str, LicenseClass] = {}
    for name, said in value.items():
        license_id = license_of(name).lower()
        read = replace(_file_class(name, said, place), by=place)
        from_file[license_id] = _agreed(from_file.get(license_id, read), read)
    rows = dict(OWN.rows)
    for license_id, read in from_file.items():
        own = rows.get(license_id)
        if own is None:
            rows[license_id] = replace(read, reason="no other table knows this licence")
        else:
            rows[license_id] = replace(read, rivals=own.rivals, outputs=own.outputs, reason=own.reason)
    return Classes(rows)


def license_of(name: str) -> str:
    """A licence's SPDX identifier or LicenseRef, of any name that people give it."""
    return license_expression(name) or license_ref(name)


def _file_class(name: str, said: object, place: str) -> LicenseClass:
    where = f"{place}: {excerpt(name)}"
    if type(said) is not list or len(said) != 3 or not all(type(part) is str for part in said):
        raise InputError(f"{where} has {excerpt(said)}", field=name[:80], expected=_EXPECTED)
    commercial, attribution, share_alike = said
    if commercial not in _FILE_CLASSES or attribution not in _FILE_FLAGS or share_alike not in _FILE_FLAGS:
        raise InputError(f"{where} has {excerpt(said)}", field=name[:80], expected=_EXPECTED)
    return LicenseClass(_FILE_CLASSES[commercial], _FILE_FLAGS[attribution], _FILE_FLAGS[share_alike], None, None, "")


def _agreed(one: LicenseClass, other: LicenseClass) -> LicenseClass:
    """What both say; unknown where they differ."""
    return replace(
        one,
        commercial=one.commercial if one.commercial == other.commercial else UNKNOWN,
        attribution=one.attribution if one.attribution == other.attribution else None,
        share_alike=one.share_alike if one.share_alike == other.share_alike else None,
    )
