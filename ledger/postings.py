"""What the records of one batch add to accounts and counts, held until the batch's end (design section 6).

A batch mostly adds many lines to few accounts, so they are gathered and written as one chunk a list. A rule that reads
lists flushes first.

Lists, by their keys:

* ``l payer payee currency 0``: an account's lines, ``c …``: its credits; both have a sum tree;
* ``p payer owner currency 0``: uses of assets of that currency, unpriced or part-priced; ``u …``: unlicensed ones;
* ``n payer owner``: unlicensed uses of assets that had no terms at the use's leaf; when such an asset gets its first
  terms, its uses so far go to ``o payer owner`` (taken out) and ``i payer owner currency 0`` (put in), at that leaf.
  This holds for the first RIDERS_MAX parties that used it; uses by others count as of no currency for ever;
* ``v``, ``e``, ``w``, ``k``: what a trace shows of uses and money, see ledger/lineage.py. No rule reads them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger import keys, sumlist
from ledger.state import STATUS_CODES, State
from ledger.store import Overlay
from proofs.fields import USES as USE_NAMES

LINES = b"l"
CREDITS = b"c"
PART = b"p"
UNLICENSED = b"u"
NO_TERMS = b"n"
MOVED_OUT = b"o"
MOVED_IN = b"i"
USES = b"v"
EARNED = b"e"
NOT_KEPT = b"w"
CREDITED = b"k"
TRACED = (USES, EARNED, NOT_KEPT, CREDITED)
"""Lists that no rule reads."""
NOWHERE = b"-"
"""A use that says nothing of what it went into."""
USE_CODES = {use: code for code, use in enumerate(USE_NAMES)}
"""As they stand in keys: a use that is added comes at the end of proofs.fields.USES."""
_USE_BYTES = {use: bytes([code]) for use, code in USE_CODES.items()}
_STATUS_BYTES = {status: bytes([code]) for status, code in STATUS_CODES.items()}

TREES = (LINES, CREDITS)

LIST_STEPS = 4
"""What the first entry of a batch in a list costs the batch beyond the entry itself (see Context.spend)."""
RIDER_STEPS = 16
"""For each party whose uses an asset's first terms move."""
RIDERS_MAX = 4096
"""Parties whose uses of an asset without terms are followed until it has some, and a currency."""

Spend = Callable[[int, str], None]
"""Context.spend."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays whom in which currency."""

    payer: bytes
    payee: bytes
    currency: str

    @property
    def key(self) -> bytes:
        """As it stands in the keys of rows."""
        return self.payer + self.payee + keys.text(self.currency)

    @property
    def lines(self) -> bytes:
        """The list of its lines."""
        return LINES + self.key

    @property
    def credits(self) -> bytes:
        """The list of its credits."""
        return CREDITS + self.key


def account_of(key: bytes) -> Account:
    """The account whose `key` this is."""
    return Account(key[:32], key[32:64], key[64:-1].decode())


Use = tuple[bytes | str, bytes | None, str | None, bytes, str, str]
"""What a use counts for: the asset's index in 8 bytes or the name, `into`, `into_name`, party, use, status."""


def uses_key(of: Use) -> bytes:
    """The list of such uses, see ledger/lineage.py."""
    material, into, into_name, party, use, status = of
    packed = b"=" + keys.text(material) if isinstance(material, str) else b"#" + material
    made = b"#" + into[:8] if into is not None else NOWHERE if into_name is None else b"=" + keys.text(into_name)
    return b"".join((USES, packed, made, party, _USE_BYTES[use], _STATUS_BYTES[status]))


@dataclass(slots=True)
class Postings:
    """Entries of lists: leaf and amount by turns, leaves ascending. `uses`: the same by what they count for: their keys
    are made once a batch. `riders`: unlicensed uses of an asset that has no terms yet, by (asset, payer). Owner: the
    batch that is being taken. `sums_uses`: whether anybody will ask what uses of a material came to."""

    lists: defaultdict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    uses: defaultdict[Use, list[int]] = field(default_factory=lambda: defaultdict(list))
    riders: defaultdict[tuple[int, bytes], int] = field(default_factory=lambda: defaultdict(int))
    sums_uses: bool = True

    def add(self, key: bytes, index: int, amount: int) -> None:
        """One more entry of a list."""
        self.lists[key] += (index, amount)

    def flush(self, overlay: Overlay) -> None:
        """Write what was gathered."""
        for key, flat in self.lists.items():
            count = sumlist.append(overlay, key, flat, with_tree=key[:1] in TREES)
            if not count and key[:1] == LINES:
                overlay.put(keys.PAYEE + key[33:65] + key[1:33] + key[65:], b"")
        for of, flat in self.uses.items():
            sumlist.append(overlay, uses_key(of), flat, with_tree=False)
        for (asset, payer), count in self.riders.items():
            key = keys.RIDER + asset.to_bytes(8, "big") + payer
            held = overlay.get(key)
            if held is not None or _follow(overlay, key[:9]):
                overlay.put(key, keys.number(count + (int.from_bytes(held, "big") if held else 0)))
        self.lists.clear()
        self.uses.clear()
        self.riders.clear()


def _follow(overlay: Overlay, key: bytes) -> bool:
    """One more user of an asset without terms; whether there is room. `key`: of the row that counts them."""
    held = overlay.get(key)
    count = int.from_bytes(held, "big") if held else 0
    if count == RIDERS_MAX:
        return False
    overlay.put(key, keys.number(count + 1))
    return True


def move_riders(
    state: State, postings: Postings, *, asset: int, owner: bytes, currency: str, index: int, spend: Spend
) -> None:
    """The asset gets its first terms at leaf `index`: its uses so far count for accounts of that currency alone.

    Raises RuleRefusal, by `spend`, where the batch has cost too much already.
    """
    postings.flush(state.overlay)
    prefix = keys.RIDER + keys.number(asset)
    count = state.view.get(prefix)
    if count is None:
        return
    spend(RIDER_STEPS * int.from_bytes(count, "big"), "asset")
    state.overlay.delete(prefix)
    for key, value in list(state.view.scan(prefix + b"\0", keys.after(prefix))):
        payer, uses = key[len(prefix) :], int.from_bytes(value, "big")
        postings.add(MOVED_OUT + payer + owner, index, uses)
        postings.add(MOVED_IN + payer + owner + keys.text(currency), index, uses)
        state.overlay.delete(key)


def free_rides(state: State, account: Account, to: int) -> tuple[int, int]:
    """(unpriced, unlicensed): the payer's uses below leaf `to` of assets that the payee owns, of the account's currency
    as known below `to`, or of none."""
    pair = account.payer + account.payee
    whole = account.key

    def total(key: bytes) -> int:
        return sumlist.extent_at(state.view, key, to).total

    unlicensed = total(UNLICENSED + whole) + total(NO_TERMS + pair) - total(MOVED_OUT + pair) + total(MOVED_IN + whole)
    return total(PART + whole), unlicensed
