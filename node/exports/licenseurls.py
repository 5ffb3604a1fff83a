"""Where a licence stands, for formats that name licences by address."""

from __future__ import annotations

import re

from node.imports.spdxlicenses import license_expression

_CREATIVE = re.compile(r"CC-(BY(?:-NC)?(?:-SA|-ND)?)-([0-9]\.[0-9])(?:-([A-Z]+))?")
_IDENTIFIER = re.compile(r"[A-Za-z0-9.+-]+")


def license_url(expression: str) -> str | None:
    """The address of one licence that SPDX lists, from which an import comes back to it; None for expressions of
    several, for `LicenseRef-…` and for what isn't known."""
    creative = _CREATIVE.fullmatch(expression)
    if creative is not None:
        part, version, place = creative.groups()
        behind = f"{place.lower()}/" if place else ""
        url = f"https://creativecommons.org/licenses/{part.lower()}/{version}/{behind}"
    elif expression == "CC0-1.0":
        url = "https://creativecommons.org/publicdomain/zero/1.0/"
    elif _IDENTIFIER.fullmatch(expression) and not expression.startswith("LicenseRef-"):
        url = f"https://spdx.org/licenses/{expression}.html"
    else:
        return None
    return url if license_expression(url) == expression else None
