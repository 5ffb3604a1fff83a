"""Licences by the names that the world gives them: identifiers in any case, Hugging Face ids, full names and URLs, to
one SPDX expression (design section 4, `license`). Every importer asks here.

A licence that SPDX doesn't list but many know (Llama 2, OpenRAIL, …) has one fixed `LicenseRef-`, which the reports'
licence classes know as well. What names a family of licences and no version (`CC BY`) never becomes a version of it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from proofs.fields import is_spdx_expression

_IDS = """
0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 APSL-2.0 Artistic-1.0 Artistic-2.0 BSD-2-Clause
BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSD-4-Clause BSL-1.0 BUSL-1.1 C-UDA-1.0 CAL-1.0 CDDL-1.0 CDDL-1.1
CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 CECILL-2.1 CECILL-B CECILL-C CPAL-1.0 CPL-1.0 DL-DE-BY-2.0
DL-DE-ZERO-2.0 ECL-2.0 EFL-2.0 Elastic-2.0 EPL-1.0 EPL-2.0 etalab-2.0 EUPL-1.1 EUPL-1.2 GFDL-1.2-only GFDL-1.2-or-later
GFDL-1.3-only GFDL-1.3-or-later GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only
GPL-3.0-or-later HPND ICU IPL-1.0 ISC LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only
LGPL-3.0-or-later LGPLLR LiLiQ-P-1.1 LPPL-1.3c MIT MIT-0 MPL-1.1 MPL-2.0 MS-PL MS-RL MulanPSL-2.0 NCSA NLOD-1.0
NLOD-2.0 NTP O-UDA-1.0 ODbL-1.0 ODC-By-1.0 OFL-1.1 OGC-1.0 OGL-Canada-2.0 OGL-UK-1.0 OGL-UK-2.0 OGL-UK-3.0 OSL-3.0
PDDL-1.0 PostgreSQL PSF-2.0 Python-2.0 QPL-1.0 Ruby SSPL-1.0 TAPR-OHL-1.0 Unlicense UPL-1.0 Vim W3C WTFPL X11 Zlib
ZPL-2.1 CC0-1.0 CC-PDM-1.0 CC-BY-2.5-AU CC-BY-3.0-AT CC-BY-3.0-AU CC-BY-3.0-DE CC-BY-3.0-IGO CC-BY-3.0-NL CC-BY-3.0-US
CC-BY-NC-SA-2.0-DE CC-BY-NC-SA-2.0-FR CC-BY-NC-SA-2.0-UK CC-BY-NC-SA-3.0-DE CC-BY-NC-SA-3.0-IGO CC-BY-SA-2.0-UK
CC-BY-SA-3.0-AT CC-BY-SA-3.0-DE CC-BY-SA-3.0-IGO
"""
_CC_PARTS = ("BY", "BY-SA", "BY-ND", "BY-NC", "BY-NC-SA", "BY-NC-ND")
_CC_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")

_NAMES = {
    # Deprecated identifiers, and what people write for them: SPDX reads a GNU licence without a suffix as "only".
    "AGPL-3.0": "AGPL-3.0-only", "GPL-2.0": "GPL-2.0-only", "GPL-3.0": "GPL-3.0-only", "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-3.0": "LGPL-3.0-only", "LGPL-2.0": "LGPL-2.0-only", "GPL-2.0+": "GPL-2.0-or-later",
    "GPL-3.0+": "GPL-3.0-or-later", "GPLv2": "GPL-2.0-only", "GPLv3": "GPL-3.0-only", "LGPLv3": "LGPL-3.0-only",
    "AGPLv3": "AGPL-3.0-only", "GNU General Public License v2.0": "GPL-2.0-only",
    "GNU General Public License v3.0": "GPL-3.0-only", "GNU Affero General Public License v3.0": "AGPL-3.0-only",
    # Hugging Face ids that are no identifiers of SPDX.
    "c-uda": "C-UDA-1.0", "lgpl-lr": "LGPLLR", "odbl": "ODbL-1.0", "odc-by": "ODC-By-1.0", "pddl": "PDDL-1.0",
    # Full names, as cards, catalogues and the Data Provenance Collection write them.
    "Academic Free License v3.0": "AFL-3.0", "Apache": "Apache-2.0", "Apache 2": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0", "Apache v2": "Apache-2.0",
    "Artistic License 2.0": "Artistic-2.0", "Boost Software License 1.0": "BSL-1.0",
    "BSD 2-Clause License": "BSD-2-Clause", "BSD 3-Clause License": "BSD-3-Clause",
    "CC0": "CC0-1.0", "CC Zero": "CC0-1.0", "CC0 1.0 Universal": "CC0-1.0", "Creative Commons Zero": "CC0-1.0",
    "Creative Commons Zero v1.0 Universal": "CC0-1.0", "Public Domain Mark 1.0": "CC-PDM-1.0",
    "CDLA Permissive 1.0": "CDLA-Permissive-1.0", "CDLA Permissive 2.0": "CDLA-Permissive-2.0",
    "CDLA Sharing 1.0": "CDLA-Sharing-1.0", "Community Data License Agreement Permissive 2.0": "CDLA-Permissive-2.0",
    "Computational Use of Data Agreement": "C-UDA-1.0", "Eclipse Public License 1.0": "EPL-1.0",
    "Eclipse Public License 2.0": "EPL-2.0", "ISC License": "ISC", "MIT License": "MIT", "The MIT License": "MIT",
    "Mozilla Public License 2.0": "MPL-2.0", "MPL 2": "MPL-2.0", "ODC BY 1.0": "ODC-By-1.0", "ODC BY": "ODC-By-1.0",
    "Open Data Commons Attribution License": "ODC-By-1.0", "Open Data Commons Attribution License v1.0": "ODC-By-1.0",
    "Open Database License": "ODbL-1.0", "Open Database License v1.0": "ODbL-1.0",
    "Open Data Commons Open Database License": "ODbL-1.0", "OGL 3.0": "OGL-UK-3.0",
    "Open Government Licence v3.0": "OGL-UK-3.0", "SIL Open Font License 1.1": "OFL-1.1", "The Unlicense": "Unlicense",
    "Open Data Commons Public Domain Dedication and License": "PDDL-1.0",
    # Known, but not listed by SPDX.
    "llama2": "LicenseRef-Llama-2", "Llama 2 Community License": "LicenseRef-Llama-2",
    "llama3": "LicenseRef-Llama-3", "Meta Llama3 Community License": "LicenseRef-Llama-3",
    "Llama 3 Community License": "LicenseRef-Llama-3", "llama3.1": "LicenseRef-Llama-3.1",
    "llama3.2": "LicenseRef-Llama-3.2", "llama3.3": "LicenseRef-Llama-3.3", "llama4": "LicenseRef-Llama-4",
    "gemma": "LicenseRef-Gemma", "openrail": "LicenseRef-OpenRAIL", "openrail++": "LicenseRef-OpenRAIL-PP",
    "bigscience-openrail-m": "LicenseRef-BigScience-OpenRAIL-M",
    "creativeml-openrail-m": "LicenseRef-CreativeML-OpenRAIL-M",
    "bigcode-openrail-m": "LicenseRef-BigCode-OpenRAIL-M", "BigCode Open RAIL-M v1": "LicenseRef-BigCode-OpenRAIL-M",
    "bigscience-bloom-rail-1.0": "LicenseRef-BigScience-BLOOM-RAIL-1.0",
    "deepfloyd-if-license": "LicenseRef-DeepFloyd-IF", "apple-ascl": "LicenseRef-Apple-ASCL",
    "apple-amlr": "LicenseRef-Apple-AMLR", "h-research": "LicenseRef-H-Research",
    "intel-research": "LicenseRef-Intel-Research", "openmdw-1.0": "LicenseRef-OpenMDW-1.0",
    "openmdw-1.1": "LicenseRef-OpenMDW-1.1", "grok2-community": "LicenseRef-Grok-2-Community",
    "fair-noncommercial-research-license": "LicenseRef-FAIR-Noncommercial-Research",
    "AI2 ImpACT License - Low Risk": "LicenseRef-AI2-ImpACT-LR",
    "Microsoft Data Licensing Agreement": "LicenseRef-Microsoft-Data-Licensing-Agreement",
    "LMSYS-Chat-1M Dataset License": "LicenseRef-LMSYS-Chat-1M", "OANC": "LicenseRef-OANC",
    "CSLU Agreement": "LicenseRef-CSLU-Agreement", "LDC User Agreement": "LicenseRef-LDC-User-Agreement",
    "Skywork Community License": "LicenseRef-Skywork-Community", "OpenAI": "LicenseRef-OpenAI",
    "Anthropic": "LicenseRef-Anthropic", "Google Cloud Translation API": "LicenseRef-Google-Cloud-Translation-API",
    # Known to be said, and known not to say which text: a family, or a class of uses.
    "CC BY": "LicenseRef-CC-BY", "CC BY-SA": "LicenseRef-CC-BY-SA", "CC BY-NC": "LicenseRef-CC-BY-NC",
    "CC BY-ND": "LicenseRef-CC-BY-ND", "CC BY-NC-SA": "LicenseRef-CC-BY-NC-SA",
    "CC BY-NC-ND": "LicenseRef-CC-BY-NC-ND", "All Uses-Attribution": "LicenseRef-All-Uses-Attribution",
    "Non Commercial": "LicenseRef-Non-Commercial", "Open Access": "LicenseRef-Open-Access",
    "Academic Research Purposes Only": "LicenseRef-Academic-Research-Purposes-Only", "Custom": "LicenseRef-Custom",
    "Public Domain": "LicenseRef-Public-Domain", "Various": "LicenseRef-Various", "Unclear": "LicenseRef-Unclear",
    "Request Form": "LicenseRef-Request-Form", "No License": "LicenseRef-No-License",
}  # fmt: skip

_URLS = {
    "apache.org/licenses/license-2.0": "Apache-2.0", "cdla.dev/permissive-1-0": "CDLA-Permissive-1.0",
    "cdla.dev/permissive-2-0": "CDLA-Permissive-2.0", "cdla.dev/sharing-1-0": "CDLA-Sharing-1.0",
    "cdla.io/permissive-1-0": "CDLA-Permissive-1.0", "cdla.io/sharing-1-0": "CDLA-Sharing-1.0",
    "gnu.org/licenses/agpl-3.0": "AGPL-3.0-only", "gnu.org/licenses/gpl-3.0": "GPL-3.0-only",
    "gnu.org/licenses/old-licenses/gpl-2.0": "GPL-2.0-only", "gnu.org/licenses/lgpl-3.0": "LGPL-3.0-only",
    "mozilla.org/en-us/mpl/2.0": "MPL-2.0", "mozilla.org/mpl/2.0": "MPL-2.0",
    "nationalarchives.gov.uk/doc/open-government-licence/version/3": "OGL-UK-3.0",
    "opendatacommons.org/licenses/by/1-0": "ODC-By-1.0", "opendatacommons.org/licenses/by": "ODC-By-1.0",
    "opendatacommons.org/licenses/odbl/1-0": "ODbL-1.0", "opendatacommons.org/licenses/odbl": "ODbL-1.0",
    "opendatacommons.org/licenses/pddl/1-0": "PDDL-1.0", "opendatacommons.org/licenses/pddl": "PDDL-1.0",
    "unlicense.org": "Unlicense", "creativecommons.org/publicdomain/zero/1.0": "CC0-1.0",
    "creativecommons.org/publicdomain/mark/1.0": "CC-PDM-1.0", "ai.google.dev/gemma/terms": "LicenseRef-Gemma",
    "ai.meta.com/llama/license": "LicenseRef-Llama-2", "llama.meta.com/llama3/license": "LicenseRef-Llama-3",
}  # fmt: skip
_BY_ID = re.compile(
    r"(?:spdx\.org/licenses|opensource\.org/licenses?|choosealicense\.com/licenses|licenses\.nuget\.org)/([^/]+)"
)
_CC_URL = re.compile(r"creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)(?:/([a-z]+))?")
_URL_END = re.compile(r"(?:/(?:legalcode|deed)(?:[.-][a-z_-]+)?|(?:\.en)?\.(?:html|htm|txt|php|json|md))$")
_OTHER_THAN_REF = re.compile(r"[^A-Za-z0-9.-]+")
_REF = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_REF_CHARS_MAX = 200


def _fold(name: str) -> str:
    """What two spellings of one name have in common: case, spaces, dashes and the like don't count."""
    return re.sub(r"[\s_,/()“”\"'‘’-]+", "", name.casefold())


def _tables() -> dict[str, str]:
    ids = [*_IDS.split(), *(f"CC-{part}-{version}" for part in _CC_PARTS for version in _CC_VERSIONS)]
    known = {_fold(name): name for name in ids}
    words = {"BY": "Attribution", "SA": "ShareAlike", "NC": "NonCommercial", "ND": "NoDerivatives"}
    for part in _CC_PARTS:
        long = " ".join(words[letters] for letters in part.split("-"))
        for version in _CC_VERSIONS:
            for name in (f"Creative Commons {long} {version}", f"Creative Commons {long} {version} International"):
                known[_fold(name)] = f"CC-{part}-{version}"
    known.update((_fold(name), expression) for name, expression in _NAMES.items())
    known.update((_fold(ref), ref) for ref in set(_NAMES.values()) if ref.startswith("LicenseRef-"))
    return known


_KNOWN = _tables()


def license_expression(name: str) -> str | None:
    """The SPDX expression that a licence's name, identifier, Hugging Face id or URL stands for; None where nobody
    knows. Expressions of several identifiers (`MIT OR Apache-2.0`) are taken as they are where they say what SPDX
    could mean: with operators in capitals."""
    text = name.strip()
    found = _KNOWN.get(_fold(text))
    if found is not None:
        return found
    if text.casefold().startswith(("http://", "https://")):
        return _of_url(text)
    if " " in text and is_spdx_expression(text) and any(sign in text for sign in (" AND ", " OR ", " WITH ")):
        return text
    if text.endswith("+"):
        return _or_later(_KNOWN.get(_fold(text[:-1])))
    return text if _REF.fullmatch(text) and is_spdx_expression(text) else None


def _or_later(found: str | None) -> str | None:
    """A listed licence, or any later version: GNU's have identifiers for it."""
    if found is None or found.startswith("LicenseRef-") or found.endswith("-or-later"):
        return None
    return f"{found.removesuffix('-only')}-or-later" if found.endswith("-only") else f"{found}+"


def license_ref(name: str) -> str:
    """`LicenseRef-…` of any name, for a licence that nobody knows: its letters, digits, dots and dashes, the rest as
    one dash. Answers `LicenseRef-unnamed` where nothing of it is left."""
    kept = _OTHER_THAN_REF.sub("-", name[: 4 * _REF_CHARS_MAX]).strip("-.")[:_REF_CHARS_MAX].rstrip("-.")
    return f"LicenseRef-{kept}" if kept else "LicenseRef-unnamed"


def _of_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    address = _URL_END.sub("", (host + parts.path.casefold()).rstrip("/")).rstrip("/")
    if address in _URLS:
        return _URLS[address]
    if match := _BY_ID.fullmatch(address):
        return _KNOWN.get(_fold(match[1]))
    if match := _CC_URL.fullmatch(address):
        return _KNOWN.get(_fold("-".join(filter(None, ("cc", match[1], match[2], match[3])))))
    return None
