"""Licences by the names that the world gives them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.imports.spdxlicenses import license_expression, license_ref
from proofs.fields import is_spdx_expression


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("apache-2.0", "Apache-2.0"), ("Apache License 2.0", "Apache-2.0"), ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"), ("gpl-3.0", "GPL-3.0-only"), ("GPL-3.0+", "GPL-3.0-or-later"),
        ("odbl", "ODbL-1.0"), ("c-uda", "C-UDA-1.0"), ("llama2", "LicenseRef-Llama-2"), ("bsl-1.0", "BSL-1.0"),
        ("Meta Llama3 Community License", "LicenseRef-Llama-3"), ("openrail++", "LicenseRef-OpenRAIL-PP"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"), (" MIT ", "MIT"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"), ("LicenseRef-own", "LicenseRef-own"),
        ("LicenseRef-llama-2", "LicenseRef-Llama-2"), ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("apache-2.0+", "Apache-2.0+"),
    ],
)  # fmt: skip
def test_names_and_identifiers(name: str, expression: str) -> None:
    """One licence has one expression, however it is called."""
    assert license_expression(name) == expression


@pytest.mark.parametrize(
    ("url", "expression"),
    [
        ("https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0"),
        ("http://www.creativecommons.org/licenses/by/3.0/us/", "CC-BY-3.0-US"),
        ("https://creativecommons.org/licenses/by-sa/4.0/legalcode.en", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("https://opensource.org/license/mit", "MIT"), ("https://spdx.org/licenses/ODbL-1.0.html", "ODbL-1.0"),
        ("https://www.gnu.org/licenses/gpl-3.0.en.html", "GPL-3.0-only"),
        ("https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0"),
    ],
)  # fmt: skip
def test_addresses(url: str, expression: str) -> None:
    """The page of a licence names it, in every form that the page is linked to."""
    assert license_expression(url) == expression


@pytest.mark.parametrize(
    "name",
    ["cc", "bsd", "gpl", "unknown", "other", "", "my own licence", "https://creativecommons.org/licenses/by/9.9/",
     "https://example.com/MIT", "https://[", "mit or apache", "LicenseRef-", "MIT and", "Unspecified"],
)  # fmt: skip
def test_what_nobody_knows(name: str) -> None:
    """A family without a version, and a name that nobody has heard of, is never taken for a licence."""
    assert license_expression(name) is None


def test_a_family_without_a_version_stays_one() -> None:
    """`CC BY` is no version of it: versions differ in what they ask."""
    assert license_expression("CC BY-SA") == "LicenseRef-CC-BY-SA"


@given(st.text(max_size=400))
def test_every_answer_is_an_expression(name: str) -> None:
    """Whatever the name: what comes out is an SPDX expression that a record can hold, or None."""
    found = license_expression(name)
    assert found is None or is_spdx_expression(found)
    assert is_spdx_expression(license_ref(name))


def test_the_names_of_the_data_provenance_collection(shared_dir: Path) -> None:
    """Every licence of the collection is known, but for those that say that it isn't."""
    names = json.loads((shared_dir / "real" / "license_classes.json").read_bytes())
    assert [name for name in names if license_expression(name) is None] == ["Unspecified"]
