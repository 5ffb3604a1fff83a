"""RSL 1.0 (Really Simple Licensing, rslstandard.org/rsl): each `content` becomes a work and a draft of its terms.

A licence that holds only for some users, places or reporters isn't taken: terms hold for everybody, and half a
condition is worse than none. Where licences of one content differ, the most restrictive holds, as RSL has it; what was
decided so is noted. Amounts are converted exactly.
"""

from __future__ import annotations

from urllib.parse import urljoin

from node.errors import FileError
from node.imports.drafting import Drafts
from node.imports.foreignfile import read_bytes
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, Reading, TermsDraft
from node.imports.rsllicenses import Licence, note_rest, note_stranger, read_licence
from node.imports.rslterms import join_licences
from node.imports.rslwords import NAMESPACE
from node.xmlstream import Node, describe_root, read_records
from proofs.errors import InputError
from proofs.fields import LICENSE, URL, is_external_name

FILE_BYTES_MAX = 16 * 1024 * 1024
CONTENTS_MAX = 100_000
_CONTENT = ("rsl", "content")
_ATTRIBUTES = ("url", "server", "encrypted", "lastmod")
_BESIDE = {
    "copyright": "who holds the rights is nothing that a curator says",
    "schema": "only what RSL itself says was read",
    "alternate": "another form of the same content",
}


def read_rsl(path: str, *, place: str, base: str | None = None) -> Reading:
    """The contents of an RSL document and the terms that it states. `place`: what the file is called in messages;
    `base`: the http(s) URL of the site, for paths (`/articles/`). A content that can't be named is noted, and the rest
    is taken. Raises FileError for what is no RSL, has a document type, or passes a bound."""
    if base is not None and not URL.ok(base):
        raise FileError(f"{base[:80]} is no base", field="--base", expected=URL.expected)
    document = _Document(place, base)
    try:
        root = read_records(
            read_bytes(path, bytes_max=FILE_BYTES_MAX), _CONTENT, field="FILE",
            on_root=_check_root, on_record=document.add_content,
        )  # fmt: skip
    except FileError:
        raise
    except InputError as error:
        raise FileError(f"{place}: {error.detail}", field=error.field, expected=error.expected) from None
    if root is not None:
        document.finish(root)
    return document.reading


def _check_root(namespace: str, name: str) -> None:
    if (namespace, name) != (NAMESPACE, "rsl"):
        raise InputError(
            f"no RSL document: {describe_root(namespace, name)}", field="FILE", expected=f"<rsl xmlns='{NAMESPACE}'>"
        )


def _place(element: Node) -> str:
    return f"line {element.line}"


class _Document:
    """What was read so far. Belongs to the thread that reads the file."""

    def __init__(self, place: str, base: str | None) -> None:
        self.reading = Reading(source=place)
        self._drafts = Drafts(self.reading)
        self._base = base
        self._contents = 0

    def note(self, element: Node, field: str, value: object, reason: str, detail: str) -> None:
        """Note what wasn't simply carried over, by the line of its element."""
        self._drafts.note(_place(element), field, value, reason, detail)

    def finish(self, root: Node) -> None:
        """What stood around the contents."""
        for name, value in root.attributes.items():
            self.note(root, f"rsl {name}", value, NOT_CARRIED, "a record holds until a newer one")
        for child in root.children:
            note_stranger(child, self.note)

    def add_content(self, content: Node, _around: list[Node]) -> None:
        """One `content`."""
        name = self._name_of(content)
        if name is None:
            return
        self._contents += 1
        if self._contents > CONTENTS_MAX:
            raise InputError("too many contents", field="FILE", expected=f"at most {CONTENTS_MAX:,}")
        draft = self._drafts.begin(name, "work", _place(content))
        if draft is None:
            return
        self._note_beside(content)
        licences = [read_licence(child, self.note) for child in content.all("license")]
        if not licences:
            self.note(content, "license", "", REFUSED, "a content without a licence says nothing: left out")
            return
        taken = [licence for licence in licences if not licence.limited]
        draft.put("license", self._license_of(content, taken), "standard")
        draft.finish()
        if taken:
            terms = {**join_licences(content, taken, self.note), **draft.fields, **self._url_of(content)}
            self.reading.terms.append(TermsDraft(name, draft.place, terms))

    def _name_of(self, content: Node) -> str | None:
        written = content.attributes.get("url", "").strip()
        name = written
        if written.startswith("/"):
            if self._base is None:
                detail = "a path, and of which site isn't said: give --base https://…"
                self.note(content, "content url", written, REFUSED, detail)
                return None
            name = urljoin(self._base, written)
        if not is_external_name(name):
            detail = "no address that a record can name: left out" if written else "no url: left out"
            self.note(content, "content url", written, REFUSED, detail)
            return None
        if "*" in name or name.endswith("$"):
            detail = "a pattern of addresses: it is one work of this very name"
            self.note(content, "content url", name, GUESSED, detail)
        return name

    def _note_beside(self, content: Node) -> None:
        """Whatever a content says besides its address, licences and terms."""
        for name, value in content.attributes.items():
            if name not in _ATTRIBUTES:
                self.note(content, f"content {name}", value, NOT_CARRIED, "no attribute of RSL 1.0")
            elif name != "url" and (name, value) != ("encrypted", "false"):
                self.note(content, f"content {name}", value, NOT_CARRIED, "no field of a record holds it")
        for child in content.children:
            if child.name in _BESIDE:
                shown = child.text or " ".join(child.attributes.values())
                self.note(child, child.name, shown, NOT_CARRIED, _BESIDE[child.name])
            elif child.name not in ("license", "terms"):
                note_stranger(child, self.note)

    def _license_of(self, content: Node, licences: list[Licence]) -> str | None:
        """The one licence that the standards of all its licences come to."""
        found = sorted({expression for licence in licences for expression in licence.standards})
        if len(found) == 1 and LICENSE.ok(found[0]):
            return found[0]
        if found:
            self.note(content, "standard", ", ".join(found), AMBIGUOUS, "several licences: none was taken")
        return None

    def _url_of(self, content: Node) -> dict[str, object]:
        found = list(content.all("terms"))
        good = [child.text for child in found if URL.ok(child.text)]
        for child in found:
            note_rest(child, self.note)
            if child.text not in good[:1]:
                self.note(child, "terms", child.text, REFUSED, f"a record holds one, {URL.expected}")
        return {"url": good[0]} if good else {}
