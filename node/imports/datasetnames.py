"""The external name of a material by all that others call it: identifiers, addresses, DOIs."""

from __future__ import annotations

import re
from urllib.parse import unquote

from node.imports.foreignnames import hub_url, name_of_url, one_package
from proofs.fields import is_external_name

_DOI = re.compile(r"(?:https?://(?:dx\.|www\.)?doi\.org/|doi:\s?)?(10\.[0-9]{4,}/\S+)", re.IGNORECASE)
_EXACT, _HUB, _DOI_RANK, _ADDRESS = range(4)


def external_name(text: str) -> str | None:
    """The external name that one identifier or address stands for: as it is, or of a page of Hugging Face or a DOI in
    its usual forms; None for any other text."""
    return _ranked(text.strip())[1]


def best_name(texts: list[str]) -> tuple[str | None, list[str]]:
    """The name to take of several, and the other names that they come to. Package, model and DOI names as such go
    first, then what a hub's page stands for, then DOIs, then addresses; of equals the first."""
    found: dict[str, tuple[int, int]] = {}
    for place, text in enumerate(texts):
        rank, name = _ranked(text.strip())
        if name is not None:
            found[name] = min((rank, place), found.get(name, (rank, place)))
    names = sorted(found, key=found.__getitem__)
    return (names[0], names[1:]) if names else (None, [])


def _ranked(text: str) -> tuple[int, str | None]:
    if text.startswith(("pkg:", "model:")) and is_external_name(text):
        return _EXACT, one_package(text)
    doi = _doi_of(text)
    if doi is not None:
        return (_EXACT if text.startswith("doi:10") else _DOI_RANK), doi
    name = name_of_url(text)
    if name is None:
        return _ADDRESS, None
    return (_ADDRESS if name == text else _HUB), name


def _doi_of(text: str) -> str | None:
    """The name of a DOI, in its usual forms. Letters of ASCII are taken in lower case, since a DOI's stand for the same
    either way (ISO 26324); what a resolver's address escapes is taken as it is meant."""
    found = _DOI.fullmatch(text)
    if found is None:
        return None
    plain = unquote(found[1]) if text.startswith(("http://", "https://")) else found[1]
    names = (f"doi:{one.encode().lower().decode()}" for one in (plain, found[1]))
    return next((name for name in names if is_external_name(name)), None)


def page_of(name: str, type: str) -> str | None:
    """An address at which a name's material is found: the name itself, a DOI's resolver, a page at Hugging Face, by its
    type a model's or a data set's, where that comes to this very name again; None for other names."""
    if name.startswith(("http://", "https://")):
        return name
    if name.startswith("doi:"):
        return f"https://doi.org/{name.removeprefix('doi:')}"
    if name.startswith("pkg:huggingface/"):
        repository, _, revision = name.removeprefix("pkg:huggingface/").partition("@")
        page = hub_url(repository, type, unquote(revision))
        return page if external_name(page) == name else None
    return None
