"""The private file of canaries, `usance/canaries/v1`, and the record that commits to it, logged once.

JSON, mode 0600: salts and marks, what was drawn in each, the log and asset, then the signed batch that is under way,
then the record's reference. It is durable before anything is sent, and the batch before it leaves: a crash at any
moment leaves a file from which the same command goes on, sends the very same batch again where there was one, and logs
one record. Nothing is ever logged that can't be opened.

Erasing it erases what opens the commitment: the hash in the log then says nothing to anybody.
"""

from __future__ import annotations

import json
import os
import re
import stat
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.signrecord import write_durably
from node import ownfiles
from node.client import Client
from node.detect.canaries import MARKS_MAX, Part, Passage
from node.errors import FileError, NetworkError
from node.ownfiles import read_own
from node.sending import CONFLICTS_MAX, Sending
from proofs import canary, jsonread
from proofs.canary import Mark, Opening
from proofs.entry import Batch, encode_request, parse_request
from proofs.errors import InputError
from proofs.fields import is_text
from proofs.ref import Ref, parse_ref
from proofs.text import encode_base64

FORMAT = "usance/canaries/v1"
FILE_BYTES_MAX = 8 * 1024 * 1024
_REQUEST_BYTES_MAX = 128 * 1024
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_PART = re.compile(r"(0|[1-9][0-9]{0,3})-([1-9][0-9]{0,3})/([1-9][0-9]{0,6})", re.ASCII)
_REQUIRED = frozenset(("format", "log", "root", "marks"))
_OPTIONAL = frozenset(("asset", "request", "ref"))


@dataclass(frozen=True, slots=True)
class Canaries:
    """What the file holds. `log`: the log's origin; `asset`: a reference or an external name, None without; `request`:
    the batch under way; `ref`: of the record, None until it is logged."""

    log: str
    asset: str | None
    passages: tuple[Passage, ...]
    request: Batch | None = None
    ref: Ref | None = None

    @property
    def marks(self) -> list[Mark]:
        """In the order of the tree's leaves."""
        return [passage.mark for passage in self.passages]

    @property
    def root(self) -> bytes:
        """What the record commits to."""
        return canary.root(self.marks)

    def open(self, number: int) -> Opening:
        """The opening of a mark by its number, from 1. Raises InputError where there is none."""
        if not 1 <= number <= len(self.passages):
            raise InputError(f"no mark {number}", field="NUMBER", expected=f"1 to {len(self.passages)}")
        return canary.open_mark(self.marks, number - 1)

    def save(self, path: str) -> None:
        """Replace the file, durably, readable by its owner alone. Raises StorageError."""
        value: dict[str, Any] = {"format": FORMAT, "log": self.log}
        if self.asset is not None:
            value["asset"] = self.asset
        value["root"] = self.root.hex()
        if self.ref is not None:
            value["ref"] = str(self.ref)
        if self.request is not None:
            value["request"] = encode_base64(encode_request([self.request]))
        value["marks"] = [
            {"salt": one.mark.salt.hex(), "mark": one.mark.text,
             "drawn": " ".join(f"{part.start}-{part.end}/{part.choices}" for part in one.drawn)}
            for one in self.passages
        ]  # fmt: skip
        write_durably(path, json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n", mode=0o600)


def load_canaries(path: str) -> Canaries | None:
    """What the file holds, None where there is none. Raises FileError for one that others can read, that is damaged, or
    is something else."""
    data = read_own(path, bytes_max=FILE_BYTES_MAX, field="FILE")
    if data is None:
        return None
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if mode & 0o077:
        raise FileError(
            f"{path} has mode {mode:04o}: others can read these marks", field="FILE",
            expected=f"mode 0600: chmod 600 {path}",
        )  # fmt: skip
    try:
        return parse_canaries(data)
    except InputError as error:
        raise FileError(
            f"{path} is no file of canaries, or damaged: {error.detail}", field=error.field, expected=error.expected
        ) from None


def parse_canaries(data: bytes) -> Canaries:
    """The content of a file. Raises InputError that names the field; a root that isn't the marks' is damage."""
    if len(data) > FILE_BYTES_MAX:
        raise InputError(f"more than {FILE_BYTES_MAX} bytes", field="FILE", expected="a file of canaries")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("not JSON", field="FILE", expected=FORMAT) from None
    if type(value) is not dict or value.get("format") != FORMAT:
        raise InputError("another format", field="format", expected=FORMAT)
    if not _REQUIRED <= value.keys() <= _REQUIRED | _OPTIONAL:
        raise InputError("other fields than these", field="FILE", expected=", ".join(sorted(_REQUIRED | _OPTIONAL)))
    listed = value["marks"]
    if type(listed) is not list or not 1 <= len(listed) <= MARKS_MAX:
        raise InputError("not a list of marks", field="marks", expected=f"1 to {MARKS_MAX:,} marks")
    for name in ("log", "asset"):
        if name in value and not is_text(value[name]):
            raise InputError("not a text", field=name, expected="1 to 1,024 bytes of text")
    found = Canaries(
        log=value["log"],
        asset=value.get("asset"),
        passages=tuple(_passage(item, f"marks.{at}") for at, item in enumerate(listed)),
        request=_request(value["request"]) if "request" in value else None,
        ref=parse_ref(jsonread.text(value["ref"], "ref")) if "ref" in value else None,
    )
    if found.root.hex() != value["root"]:
        raise InputError("marks of another root", field="root", expected=found.root.hex())
    return found


def _passage(value: Any, where: str) -> Passage:
    salt, text, drawn = jsonread.members(value, where, "salt", "mark", "drawn")
    if type(salt) is not str or not _HEX.fullmatch(salt):
        raise InputError("no salt", field=where, expected="lower-case hexadecimal")
    words = jsonread.text(drawn, where).split(" ", 1024)
    parts = [_PART.fullmatch(word) for word in words]
    if not all(parts):
        raise InputError("no drawn parts", field=where, expected="START-END/CHOICES, one space between")
    numbers = [[int(number) for number in part.groups()] for part in parts if part]
    passage = Passage(
        Mark(bytes.fromhex(salt), jsonread.text(text, where)), tuple(Part(*three) for three in numbers)
    )  # fmt: skip
    passage.mark.leaf()
    if numbers[-1][1] > len(passage.mark.text):
        raise InputError("drawn parts beyond the mark", field=where, expected="places in it")
    passage.form()
    return passage


def _request(value: Any) -> Batch:
    batches = parse_request(jsonread.binary(value, "request", _REQUEST_BYTES_MAX))
    if len(batches) != 1 or len(batches[0].bodies) != 1:
        raise InputError("another request", field="request", expected="a batch of one record")
    return batches[0]


def held_folder(path: str) -> AbstractContextManager[None]:
    """Hold the folder of a file of canaries against other programs that make some: two that went on with one file could
    log it twice. Raises FileError."""
    return ownfiles.held_folder(path, doing="making canaries", field="FILE")


def log_canaries(path: str, held: Canaries, body: bytes, client: Client, key: Ed25519PrivateKey) -> Canaries:
    """Log the record of a file that is saved already; answers the file's new content, with the record's reference,
    saved as well. `body`: the record, for a file without a batch under way. Within `held_folder`.

    Raises FileError for a batch under way of another key, ProblemError for a refusal (then nothing is under way any
    more), and as Client.submit: then the same call goes on where this one stopped.
    """
    sending = Sending(client, key)
    if held.request is not None and held.request.key != sending.public:
        raise FileError(
            f"the record of {path} was signed by the key {held.request.key.hex()} and may be on its way: use that one",
            field="--key",
        )
    for _ in range(CONFLICTS_MAX + 2):
        if held.request is None:
            sending.begin()
            held = replace(held, request=sending.sign([body]))
            held.save(path)
        sent = sending.send([held.request] if held.request else [])
        if sent.taken:
            held = replace(held, request=None, ref=sent.taken[0].refs[0])
            held.save(path)
            return held
        if sent.left_open is not None:
            raise sent.left_open
        # Refused for good: that batch can never be logged any more.
        held = replace(held, request=None)
        held.save(path)
        if sent.refusal is not None and not sent.conflict:
            sent.refusal.position = None  # there is one record only
            raise sent.refusal
    raise NetworkError("other programs keep using this key's numbers; run the same command again")
