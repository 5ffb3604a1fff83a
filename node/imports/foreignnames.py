"""External names of what other places hold (design section 4): one material, one name, whoever imports it.

- a data set or a model of Hugging Face: its package URL `pkg:huggingface/ORG/NAME`, as the recording library names what
  it loaded and as others' bills of materials name models; which of both it is, a description's type says
- a model that isn't there: `model:<provider>/<name>`, in lower case
- what has a free name only: `pkg:generic/<collection>/<name, percent-encoded>`
"""

from __future__ import annotations

import re
from typing import NamedTuple
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
    "api", "blog", "brand", "changelog", "chat", "code-of-conduct", "collections", "contact", "content-guidelines",
    "content-policy", "dashboard", "datasets", "docs", "enterprise", "inference", "join", "kernels", "learn", "login",
    "logout", "models", "new", "notifications", "organizations", "papers", "posts", "pricing", "privacy", "search",
    "security", "settings", "spaces", "storage", "subscribe", "support", "tasks", "terms-of-service", "welcome",
))  # fmt: skip
_VIEWS = frozenset(("tree", "blob", "resolve", "raw", "commit"))
"""Pages of one revision, which the next step names."""
_NEWEST = frozenset(("main", "HEAD"))
"""What moves on with the repository is no revision of it."""


def is_repository(text: str) -> bool:
    """`ORG/NAME`, or `NAME` as the first data sets of Hugging Face are called."""
    return len(text) <= _REPOSITORY_CHARS_MAX and _REPOSITORY.fullmatch(text) is not None


class HubPage(NamedTuple):
    """What a page at Hugging Face shows. `repository`: is_repository holds; `type`: `dataset` or `model`; `revision`: a
    commit in lower case, a tag or a branch, "" for the newest; `path`: of a file or folder in it, "" for all of it."""

    repository: str
    type: str
    revision: str = ""
    path: str = ""

    @property
    def name(self) -> str:
        """The external name of that."""
        return hub_name(self.repository, self.revision)


def hub_name(repository: str, revision: str = "") -> str:
    """The external name of a data set or a model of Hugging Face. `repository`: is_repository holds."""
    return f"pkg:huggingface/{quote(repository, safe='/')}" + (f"@{quote(revision, safe='/')}" if revision else "")


def model_name(provider: str, name: str) -> str:
    """The external name of a model: lower case, spaces and what else no name may hold percent-encoded. It may still be
    too long, or empty: is_external_name judges."""
    return f"model:{_plain(provider)}/{_plain(name, slashes='/')}"


def generic_name(collection: str, name: str) -> str:
    """The external name of what is known by a free name only, within a collection of such."""
    return f"pkg:generic/{quote(collection, safe='')}/{quote(name, safe='')}"


def name_of_url(url: str) -> str | None:
    """The external name that an address stands for: of a data set or model page of Hugging Face, or of a file there,
    the names above, else the address as it is; None where it is no http(s) address that a record can hold."""
    if not url.startswith(("http://", "https://")) or not is_external_name(url):
        return None
    page = hub_page(url)
    return page.name if page and is_external_name(page.name) else url


def hub_page(url: str) -> HubPage | None:
    """What a page at Hugging Face shows: a repository, a revision of it, or a file of that. None for another address,
    and for what else a repository has (its discussions).

    A single step (`huggingface.co/gpt2`) is taken as a model, as the first ones were called; a page of an organization
    looks the same, but is nothing that material comes from."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.hostname not in ("huggingface.co", "www.huggingface.co", "hf.co"):
        return None
    steps = parts.path.strip("/").split("/")
    kind = "dataset" if steps[0] == "datasets" else "model"
    if kind == "dataset":
        del steps[0]
    if not steps or (kind == "model" and unquote(steps[0]) in _HUB_PAGES):
        return None
    at = next((place for place in (1, 2) if len(steps) > place + 1 and steps[place] in _VIEWS), len(steps))
    repository = "/".join(unquote(step) for step in steps[:at])
    if at > 2 or not is_repository(repository):
        return None
    revision, path = _revision(steps[at + 1 :])
    if (parts.query or parts.fragment) and not path:  # of a file: how to load it, a line of it
        return None
    return HubPage(repository, kind, revision, path)


def _revision(steps: list[str]) -> tuple[str, str]:
    """What follows a view: the revision, as one step or as a reference with its slashes (`refs/pr/1`), and the path."""
    own = 3 if steps[:1] == ["refs"] else 1
    revision, path = unquote("/".join(steps[:own])), unquote("/".join(steps[own:]))
    if revision in _NEWEST:
        return "", path
    return revision.lower() if _COMMIT.fullmatch("@" + revision) else revision, path


def hub_url(repository: str, type: str, revision: str = "") -> str:
    """The page of a repository of Hugging Face, or of one revision of it: of a model where `type` says so, else of a
    data set."""
    page = f"https://huggingface.co/{'' if type == 'model' else 'datasets/'}{repository}"
    return f"{page}/tree/{quote(revision, safe='')}" if revision else page


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
