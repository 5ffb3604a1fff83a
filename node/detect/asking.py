"""Sources that a node has registered: it gets prints only, never text, and answers which of its assets have them.

That something matches is the node's word. What an asset is called, what its terms say of a match, and that its prints
were registered is read from the log and verified. A node's quota is waited for, as long as it asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from node.agents.inforce import terms_in_force
from node.client import Client
from node.detect import finding as found
from node.detect.calibration import Rate
from node.detect.chances import Counted
from node.detect.looking import Answer, Hit, Looked, Said, cut_name
from node.detect.matching import Pair, Rule
from node.detect.postings import Source
from node.detect.printset import leaf_of
from node.detect.remarks import TOO_MANY, Remarks
from node.detect.winnow import DEFAULT, NO_HASHES, Hashes, Scheme
from node.errors import NetworkError, ProblemError
from node.transport import JSON_BYTES_MAX, RETRY_AFTER_S_MAX, json_object
from proofs import codec
from proofs.errors import InputError, VerifyError
from proofs.ref import Ref, parse_ref

REQUEST_ITEMS = 4_096
REQUEST_PRINTS = 250_000
"""At first; a node that takes fewer is sent halves."""
WAITS_MAX = 48
WAIT_S_MAX = 3_600
"""A quota by the hour is waited for, so many times in one run; a node that asks for more isn't."""
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class _Whose:
    """What the node's answer says of an owner."""

    title: str | None
    policy: str | None
    prints_root: str


class NodeSources:
    """What is registered with a node. Items that no request can hold are remarked as TOO_MANY."""

    def __init__(self, client: Client, remarks: Remarks) -> None:
        self._client, self._remarks = client, remarks
        self._size: tuple[int, int] | None = None
        self._whose: dict[str, _Whose] = {}
        self._waits = 0
        self._prints_max = REQUEST_PRINTS

    @property
    def scheme(self) -> Scheme:
        """See Sources. Nodes have no other."""
        return DEFAULT

    @property
    def boilerplate(self) -> Hashes:
        """See Sources. Only the node knows which it has."""
        return NO_HASHES

    @property
    def prompts(self) -> None:
        """See Sources. A node knows none."""
        return None

    def against(self) -> found.Against:
        """See Sources."""
        owners, items = self._size or (None, None)
        return found.Against("node", cut_name(f"{self._client.transport.url} ({self._client.origin})"), owners, items)

    def classes(self, rates: Sequence[Rate], rule: Rule) -> Counted | None:
        """See Sources: how long its items are, a node doesn't tell."""
        return None

    def ask(self, items: Sequence[Looked], rule: Rule) -> Answer:
        """See Sources."""
        answer, hits, waiting = Answer(), list[Hit](), [list(enumerate(items))]
        while waiting:
            rows = waiting.pop()
            half = len(rows) // 2
            if half and (len(rows) > REQUEST_ITEMS or sum(len(item.prints) for _, item in rows) > self._prints_max):
                waiting += [rows[half:], rows[:half]]
                continue
            said = self._post([item for _, item in rows], rule)
            if said is None and half:
                self._prints_max = max(1, min(self._prints_max, sum(len(item.prints) for _, item in rows)) // 2)
                waiting += [rows[half:], rows[:half]]
            elif said is None:
                self._remarks.note(TOO_MANY, rows[0][1].prints.name)
            elif said["left_out"] and half:
                waiting += [rows[half:], rows[:half]]  # asked again, fewer at a time
            else:
                hits += self._take(answer, rows, said)
        answer.hits = sorted(hits, key=lambda hit: hit.pair.item)
        return answer

    def _post(self, items: list[Looked], rule: Rule) -> dict[str, Any] | None:
        """The node's answer, None where that is too much at a time."""
        body = codec.pack(
            {"items": [leaf_of(item.prints) for item in items], "rule": rule.name, "scheme": str(DEFAULT)}
        )
        transport = self._client.transport
        while True:
            try:
                answer = transport.request(
                    "POST", "/detect", bytes_max=JSON_BYTES_MAX, body=body, content_type="application/msgpack"
                )
                return _checked(json_object(transport.url, answer), len(items), transport.url)
            except NetworkError as error:
                self._waits += 1
                if not RETRY_AFTER_S_MAX < error.retry_after_s <= WAIT_S_MAX or self._waits > WAITS_MAX:
                    raise
                transport.wait(error.retry_after_s)
            except ProblemError as error:
                if error.status == _TOO_LARGE or error.field == "items":
                    return None
                if error.status == 404:
                    raise ProblemError(
                        f"{transport.url} answers no questions of this kind", status=404, field="--node",
                        expected="a node with detection, and its own URL",
                    ) from None  # fmt: skip
                raise

    def _take(self, answer: Answer, rows: list[tuple[int, Looked]], said: dict[str, Any]) -> Iterator[Hit]:
        self._size = (said["index"]["owners"], said["index"]["items"])
        answer.boilerplate += said["boilerplate"]
        answer.left_out += said["left_out"]
        for one in said["pairs"]:
            source, ref = one["source"], one["owner"]
            whose = said["owners"].get(ref) or {}
            self._whose[ref] = _Whose(_text(whose.get("title")), _policy(whose.get("on_match")), one["prints_root"])
            pair = Pair(rows[one["item"]][0], 0, one["hits"], one["of_item"], one["of_source"], one["run"],
                        one["place"], 0)  # fmt: skip
            origin = Source(ref, "", bytes.fromhex(source["sha256"]), source["length"], 0)
            yield Hit(pair, origin, one["copy"])

    def describe(self, owner: str, *, verified: bool) -> Said:
        """See Sources. Raises VerifyError where the log contradicts the node."""
        whose = self._whose[owner]
        if not verified:
            return Said(whose.title, whose.policy)
        ref = parse_ref(owner)
        entry = self._client.entry(ref.index)
        prints = entry.body.get("prints") or {}
        if entry.ref != ref or entry.body["kind"] != "asset" or prints.get("root", b"").hex() != whose.prints_root:
            raise VerifyError(
                f"the node names {owner} with prints {whose.prints_root[:16]}…, and the log has no such asset there",
                field="owner",
            )
        version = entry.body.get("version")
        title = str(entry.body["name"]) + (f"@{version}" if version else "")
        return Said(title, self._on_match(ref), found.Registered(owner, whose.prints_root))

    def _on_match(self, ref: Ref) -> str | None:
        terms = terms_in_force(self._client, ref)
        return None if terms is None else _policy(terms.fields.get("on_match"))


def _text(value: Any) -> str | None:
    return value[: found.NAME_CHARS_MAX] if isinstance(value, str) else None


def _policy(value: Any) -> str | None:
    return value if value in found.POLICIES else None


_COUNTS = ("hits", "of_item", "of_source", "run", "place")


def _checked(said: dict[str, Any], items: int, url: str) -> dict[str, Any]:
    """The answer, if it is one. Raises NetworkError."""
    try:
        sizes = said["index"]
        counts = [said["left_out"], said["boilerplate"], sizes["owners"], sizes["items"]]
        good = isinstance(said["pairs"], list) and all(isinstance(whose, dict) for whose in said["owners"].values())
        for one in said["pairs"]:
            counts += [one["item"], one["source"]["length"], *(one[name] for name in _COUNTS)]
            parse_ref(one["owner"])
            good &= len(bytes.fromhex(one["source"]["sha256"])) == len(bytes.fromhex(one["prints_root"])) == 32
            good &= one["item"] < items and type(one["copy"]) is bool and isinstance(one["source"]["sha256"], str)
            good &= max(one["of_item"], one["of_source"]) <= found.PPM
        good &= all(type(count) is int and 0 <= count <= found.COUNT_MAX for count in counts)
    except (AttributeError, KeyError, TypeError, ValueError, InputError):
        good = False
    if not good:
        raise NetworkError(f"{url} answered what is no finding; is that a Usance node of this version?")
    return said
