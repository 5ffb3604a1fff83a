"""Texts, their prints, and somebody with a token who sends them to a node."""

import io
import random
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from node.detect.prints import Item, Prints, print_item
from node.detect.printset import Summary, leaf_of, write_print_set
from node.detect.winnow import DEFAULT, Winnower
from node.tokens import add_token
from proofs import codec
from tests.node.harness import Actor, Answer, NodeProcess, body

_LETTERS = random.Random(7)
WORDS = ["".join(_LETTERS.choices("abcdefghijklmnoprstuvw", k=_LETTERS.randint(3, 9))) for _ in range(3000)]
LOOK_TYPE, SET_TYPE = "application/msgpack", "application/octet-stream"


def prose(seed: int, words: int = 200) -> str:
    """A text that no other seed gives."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def print_text(name: str, text: str | None) -> Prints:
    """An item's prints; of None, one that is no text."""
    data = name.encode() if text is None else text.encode()
    return print_item(Item(name, sha256(data).digest(), text), Winnower())


def print_set(items: Sequence[Prints]) -> tuple[bytes, Summary]:
    """The file, and what a record says of it."""
    file = io.BytesIO()
    summary = write_print_set(file, items)
    return file.getvalue(), summary


def asked(prints: Sequence[Prints], **changes: Any) -> bytes:
    """The body of a request to look."""
    value = {"items": [leaf_of(item) for item in prints], "rule": "documents", "scheme": str(DEFAULT), **changes}
    return codec.pack(codec.sort_maps(value))


class Detector:
    """Who has a token for detection on a node."""

    def __init__(self, node: NodeProcess, name: str = "detector", may: Sequence[str] = ("detect",)) -> None:
        self.node = node
        self.token = add_token(str(node.folder), name, now_ms=1, may=may)

    def headers(self, content_type: str) -> dict[str, str]:
        """What its requests carry."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}

    def look(self, items: Sequence[Prints], **changes: Any) -> Answer:
        """Ask which assets have what these items have."""
        return self.node.request("POST", "/detect", asked(items, **changes), self.headers(LOOK_TYPE))

    def send(self, ref: str, data: bytes) -> Answer:
        """Send a print set."""
        return self.node.request("PUT", f"/assets/{ref}/prints", data, self.headers(SET_TYPE))


def register(owner: Actor, summary: Summary | None, name: str = "corpus", **fields: Any) -> str:
    """Log an asset with these prints; its reference."""
    prints = {} if summary is None else {"prints": summary.value()}
    index = owner.log(body("asset", type="dataset", name=name, **prints, **fields))["first_index"]
    ref: str = owner.node.json(f"/records/{index}")["ref"]
    return ref
