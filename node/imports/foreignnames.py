"""External names of what other places hold (design section 4): one material, one name, whoever imports it.

- a data set or a model of Hugging Face: its package URL `pkg:huggingface/ORG/NAME`, as the recording library names what
  it loaded and as others' bills of materials name models; which of both it is, a description's type says
- a model that isn't there: `model:<provider>/<name>`, in lower case
- what has a free name only: `pkg:generic/<collection>/<name, percent-encoded>`
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from proofs.fields import is_external_name

_REPOSITORY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*")
_REPOSITORY_CHARS_MAX = 200
_HUB_PACKAGE = re.compile(
    r"pkg:huggingface/([^@?#]+)(@[^?#]*)?"
    r"(?:\?repository_url=https(?::|%3A)(?:/|%2F){2}huggingface\.co(?:/|%2F)?(?=#|$))?([?#].*)?",
    re.IGNORECASE,
)
_COMMIT = re.compile(r"@[0-9a-fA-F]{40}")
_HUB_PAGES = frozenset((
    "api", "blog", "chat", "collections", "datasets", "docs", "enterprise", "join", "learn", "login", "models", "new",
    "organizations", "papers", "posts", "pricing", "settings", "spaces", "tasks",
))  # fmt: skip


def is_repository(text: str) -> bool:
    """`ORG/NAME`, or `NAME` as the first data sets of Hugging Face are called."""
    return len(text) <= _REPOSITORY_CHARS_MAX and _REPOSITORY.fullmatch(text) is not None


def hub_name(repository: str, revision: str = "") -> str:
    """The external name of a data set or a model of Hugging Face. `repository`: is_repository holds."""
    return f"pkg:huggingface/{quote(repository, safe='/')}" + (f"@{quote(revision, safe='')}" if revision else "")


def model_name(provider: str, name: str) -> str:
    """The external name of a model: lower case, spaces and what else no name may hold percent-encoded. It may still be
    too long, or empty: is_external_name judges."""
    return f"model:{_plain(provider)}/{_plain(name, slashes='/')}"


def generic_name(collection: str, name: str) -> str:
    """The external name of what is known by a free name only, within a collection of such."""
    return f"pkg:generic/{quote(collection, safe='')}/{quote(name, safe='')}"


def name_of_url(url: str) -> str | None:
    """The external name that an address stands for: of a data set or model page of Hugging Face the names above, else
    the address as it is; None where it is no http(s) address that a record can hold."""
    if not url.startswith(("http://", "https://")) or not is_external_name(url):
        return None
    page = hub_page(url)
    return hub_name(page[0]) if page else url


def hub_page(url: str) -> tuple[str, str] | None:
    """The repository whose page at Hugging Face an address is, and its type: `dataset` or `model`; None for another
    address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        return None
    if parts.hostname not in ("huggingface.co", "www.huggingface.co", "hf.co"):
        return None
    steps = [unquote(step) for step in parts.path.strip("/").split("/")]
    if steps[0] == "datasets" and len(steps) in (2, 3) and is_repository("/".join(steps[1:])):
        return "/".join(steps[1:]), "dataset"
    if len(steps) == 2 and steps[0] not in _HUB_PAGES and is_repository("/".join(steps)):
        return "/".join(steps), "model"
    return None


def hub_url(repository: str, type: str) -> str:
    """The page of a repository of Hugging Face: of a model where `type` says so, else of a data set."""
    return f"https://huggingface.co/{'' if type == 'model' else 'datasets/'}{repository}"


def same_name(name: str) -> str:
    """What to add where one name seems to stand for two things: on the hub it can."""
    of_hub = name.startswith("pkg:huggingface/")
    return "; a model and a data set of one repository name have one external name: give one with --name" * of_hub


def one_package(name: str) -> str:
    """A package URL of Hugging Face in the one form that names it here: its type and the digits of a commit in lower
    case, and without the qualifier that says what the type says (purl-spec, type huggingface). Any other name as it
    is."""
    found = _HUB_PACKAGE.fullmatch(name)
    if found is None:
        return name
    repository, version, rest = found[1].rstrip("/"), found[2] or "", found[3] or ""
    return f"pkg:huggingface/{repository}{version.lower() if _COMMIT.fullmatch(version) else version}{rest}"


def _plain(text: str, *, slashes: str = "") -> str:
    return quote(text.strip().lower(), safe=":@+,!~*'()$&;=" + slashes)
