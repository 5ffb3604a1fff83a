"""External names of what other places hold (design section 4): one material, one name, whoever imports it.

- a data set of Hugging Face: `pkg:huggingface/ORG/NAME`, as the recording library names what it loaded
- a model of any place: `model:<provider>/<name>`, in lower case; Hugging Face's own has its organisation as provider
- what has a free name only: `pkg:generic/<collection>/<name, percent-encoded>`
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from proofs.fields import is_external_name

_REPOSITORY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*")
_REPOSITORY_CHARS_MAX = 200
_HUB_PAGES = frozenset((
    "api", "blog", "chat", "collections", "datasets", "docs", "enterprise", "join", "learn", "login", "models", "new",
    "organizations", "papers", "posts", "pricing", "settings", "spaces", "tasks",
))  # fmt: skip


def is_repository(text: str) -> bool:
    """`ORG/NAME`, or `NAME` as the first data sets of Hugging Face are called."""
    return len(text) <= _REPOSITORY_CHARS_MAX and _REPOSITORY.fullmatch(text) is not None


def dataset_name(repository: str, revision: str = "") -> str:
    """The external name of a data set of Hugging Face. `repository`: is_repository holds."""
    return f"pkg:huggingface/{quote(repository, safe='/')}" + (f"@{quote(revision, safe='')}" if revision else "")


def model_name(provider: str, name: str) -> str:
    """The external name of a model: lower case, spaces and what else no name may hold percent-encoded. It may still be
    too long, or empty: is_external_name judges."""
    return f"model:{_plain(provider)}/{_plain(name, slashes='/')}"


def hub_model_name(repository: str) -> str:
    """The external name of a model of Hugging Face. One without an organisation has `huggingface` as its provider."""
    provider, _, name = repository.rpartition("/")
    return model_name(provider or "huggingface", name)


def generic_name(collection: str, name: str) -> str:
    """The external name of what is known by a free name only, within a collection of such."""
    return f"pkg:generic/{quote(collection, safe='')}/{quote(name, safe='')}"


def name_of_url(url: str) -> str | None:
    """The external name that an address stands for: of a data set or model page of Hugging Face the names above, else
    the address as it is; None where it is no http(s) address that a record can hold."""
    if not url.startswith(("http://", "https://")) or not is_external_name(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.hostname not in ("huggingface.co", "www.huggingface.co", "hf.co") or parts.query or parts.fragment:
        return url
    steps = [unquote(step) for step in parts.path.strip("/").split("/")]
    if steps[0] == "datasets" and len(steps) in (2, 3) and is_repository("/".join(steps[1:])):
        return dataset_name("/".join(steps[1:]))
    if len(steps) == 2 and steps[0] not in _HUB_PAGES and is_repository("/".join(steps)):
        return hub_model_name("/".join(steps))
    return url


def _plain(text: str, *, slashes: str = "") -> str:
    return quote(text.strip().lower(), safe=":@+,!~*'()$&;=" + slashes)
