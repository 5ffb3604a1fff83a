"""The one table of key prefixes: every row of the database, what it holds, and who writes it.

Integers in keys are 8 bytes big-endian, so that LevelDB's order is the log's. Texts in keys end with a zero byte, which
no text of a record may contain. Only META, ENTRY and BATCH are the log itself; every other row is derived from them
and can be rebuilt.
"""

from __future__ import annotations

META = b"m"  # m name -> store version, tree head                                    owner: append
ENTRY = b"e"  # e index -> the record's body, as it came                              owner: append
BATCH = b"b"  # b index of first entry -> [key, size, root, first, count, signature]  owner: append
TILE = b"t"  # t level(1) number -> a full tile, 256 hashes                           owner: append
KEY_BATCH = b"j"  # j key first -> index of first entry: finds a batch sent again     owner: append
CONFLICT = b"c"  # c key count(1) -> [lines, signature, first, count]                 owner: append
STATUS = b"u"  # u index -> UsageRow: status, reason, party, asset, terms, charge     owner: usages
BY_KIND = b"x"  # x kind 0 index -> "", every kind but usage                          owner: append
BY_PARTY = b"z"  # z party, index of first entry -> count(2)                          owner: append
BY_ASSET = b"y"  # y asset index, index -> "", usage by reference                     owner: usages
BY_NAME_USE = b"w"  # w external name 0 index -> "", usage by external name           owner: usages
KEY = b"k"  # k key -> KeyRow                                                         owner: parties
PARTY = b"p"  # p party -> PartyRow                                                   owner: parties
PARTY_KEY = b"d"  # d party, key -> "": every key ever bound to the party             owner: parties
ASSET = b"a"  # a index -> AssetRow                                                   owner: assets
ASSET_MORE = b"s"  # s index -> AssetMore: sources, aka; of descriptions too           owner: assets
ASSET_NAME = b"q"  # q name or title 0 index -> "a" asset or "d" description          owner: assets
ASSET_PARTY = b"r"  # r party, index -> ""                                            owner: assets
ASSET_ROOT = b"o"  # o manifest root, index -> ""                                     owner: assets
AKA = b"n"  # n external name 0 party, index -> its older, newer claim, while it stands owner: claims
CLAIM = b"f"  # f external name 0 party -> index of its newest standing claim         owner: claims
CLAIMS = b"v"  # v external name 0 -> how many parties claim it(8), their names XORed owner: claims
INTO = b"i"  # i party, into_name 0 target -> index of the first such usage           owner: usages
TERMS = b"T"  # T index -> [asset, leaf, splits, fields of the terms, packed]         owner: terms
TERMS_OF = b"O"  # O asset, terms index -> "": an asset's terms in log order          owner: terms
ASSET_TERMS = b"N"  # N asset -> [newest, first, currency, derivatives]               owner: terms
CLOSURE = b"C"  # C asset -> [shares, currency, fault]: whom the asset pays           owner: assets
GRANT = b"G"  # G index -> [terms, licensee, asset, derivatives, withdrawn]           owner: terms
GRANTED = b"g"  # g terms, licensee -> grant index, while it stands                   owner: terms
GRANT_SHARE = b"h"  # h licensee, asset, bps(2), terms, grant -> "": every grant      owner: terms
GRANT_SHARES = b"J"  # J licensee, asset, bps(2) -> how many such grants stand(8)     owner: terms
LIST_HEAD = b"H"  # H list -> count(8) sum(16), the tree's peaks                      owner: sumlist
LIST_CHUNK = b"L"  # L list, first leaf -> count before, sum before, (leaf, amount)…  owner: sumlist
LIST_NODE = b"M"  # M list, level(1) number -> hash, sum of 256 or 65,536 … lines     owner: sumlist
PAYEE = b"P"  # P payee, payer, currency 0 -> "": every account by its payee          owner: postings
RIDER = b"R"  # R asset, payer -> uses(8) while it has no terms; R asset -> payers(8) owner: postings
ACCOUNT = b"A"  # A payer, payee, currency 0 -> AccountRow, once there is a statement owner: accounts
STATEMENT = b"S"  # S index -> StatementRow                                           owner: accounts
STATED = b"B"  # B payer, payee, currency 0 to -> index of the statement              owner: accounts
RECEIPT = b"I"  # I statement, reference 0 -> index of the receipt                    owner: accounts
CORRECTED = b"Q"  # Q usage -> [newest correction, its quantities]                    owner: corrections
CORRECTION = b"K"  # K correction -> index of the usage                               owner: corrections
BASE = b"W"  # W usage, payee -> [base, newest correction accepted]                   owner: corrections
DISPUTE = b"D"  # D index -> [disputer, target, state]                                owner: disputes
EVENT = b"E"  # E target, index -> kind of the later record about it                  owner: events
MADE_FROM = b"l"  # l source, index of who says so -> relations, bps, what was made   owner: lineage
DESCRIBED = b"F"  # F external name 0 party -> index of its newest description        owner: lineage
DISPUTED = b"V"  # V material, index of the dispute -> ""                             owner: lineage
FINDING = b"X"  # X index -> [leaf, asset, accused party, withdrawn]: claims          owner: findings
ACCUSED = b"Y"  # Y party, index -> "": claims against it or what it owns            owner: findings
FOUND = b"U"  # U material, index -> "claim" or "canary" about it                     owner: lineage

PREFIXES = {
    name: value for name, value in list(globals().items()) if name.isupper() and isinstance(value, bytes)
}  # fmt: skip
"""Every prefix by its name; a test holds that no two are alike."""

LINEAGE = (MADE_FROM, DESCRIBED, DISPUTED, FOUND)
"""What a replay keeps that is to answer questions about lineage."""
REPLAY_DROPS = (
    KEY_BATCH, BY_KIND, BY_PARTY, BY_ASSET, BY_NAME_USE, ASSET_NAME, ASSET_PARTY, ASSET_ROOT, GRANT_SHARE, EVENT,
    ACCUSED,
    *LINEAGE,
)  # fmt: skip
"""Rows that no rule reads: a replay needn't keep them."""
REPLAY_SPILLS = (ENTRY, BATCH, STATUS)
"""One row or more for every record, written once, in the log's order: a replay keeps them in a file."""


def number(value: int) -> bytes:
    """8 bytes, big-endian."""
    return value.to_bytes(8, "big")


def text(value: str) -> bytes:
    """UTF-8 and a zero byte."""
    return value.encode() + b"\0"


def after(prefix: bytes) -> bytes:
    """The smallest key above every key that starts with `prefix` (which doesn't end in 0xff)."""
    for end in range(len(prefix) - 1, -1, -1):
        if prefix[end] < 0xFF:
            return prefix[:end] + bytes([prefix[end] + 1])
    return b"\xff" * (len(prefix) + 1)
