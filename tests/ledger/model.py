"""A small model of the ledger, written from the design (sections 3.4, 4 and 5) and not from the code.

Slow and plain: it keeps everything in dicts by name, copies itself for each batch, and walks lineage anew each time.
Records are tuples: the kind, then what they name. Keys, parties and assets are known by names and positions.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

Record = tuple[Any, ...]


class Refused(Exception):
    """What the design says of a batch: status, problem type, position within the batch."""

    def __init__(self, status: int, problem: str, position: int | None = None) -> None:
        super().__init__(status, problem, position)
        self.answer = (status, f"usance:{problem}", position)


@dataclass
class Key:
    """A bound key."""

    party: str
    role: str
    kinds: list[str]
    state: str = "active"
    next: int = 0


@dataclass
class Asset:
    """A registered asset: `sources` without those under evaluated_on."""

    owner: str
    name: str
    sources: list[Any]
    aka: list[str]
    retired: bool = False


@dataclass
class Model:
    """The log's state by the design."""

    keys: dict[str, Key] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    assets: dict[int, Asset] = field(default_factory=dict)
    made_of: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    taken: dict[tuple[str, int], tuple[Any, int, list[str]]] = field(default_factory=dict)
    conflicts: dict[str, list[Any]] = field(default_factory=dict)
    size: int = 0

    def status_of(self, who: str) -> str:
        """active, rotated or revoked; with its party's end every key that was still active is revoked."""
        key = self.keys[who]
        return "revoked" if key.state == "active" and key.party in self.ended else key.state

    def claimants(self, name: str) -> set[str]:
        """Parties with a standing asset that lists the name."""
        return {asset.owner for asset in self.assets.values() if name in asset.aka and not asset.retired}

    def behind(self, sources: list[Any]) -> set[Any]:
        """All that stands behind these sources, themselves included."""
        found: set[Any] = set()
        for source in sources:
            found.add(source)
            if isinstance(source, int):
                found |= self.behind(self.assets[source].sources)
        return found

    def offer(
        self, who: str, first: int, records: list[Record], *, lines: Any, signed: bool = True, head_good: bool = True
    ) -> tuple[int, list[str], bool]:
        """Judge a batch in the design's order and take it: first index, statuses, whether it was a repeat. Raises
        Refused. `lines`: anything that is equal exactly where the five signed lines are."""
        if not signed:
            raise Refused(403, "signature")
        key = self.keys.get(who)
        number = key.next if key else 0
        if first < number:
            known = self.taken.get((who, first))
            if known and known[0] == lines:
                return known[1], known[2], True
            kept = self.conflicts.setdefault(who, [])
            if lines not in kept and len(kept) < 16:
                kept.append(lines)
            raise Refused(409, "sequence")
        if key and self.status_of(who) != "active":
            raise Refused(403, "key")
        if first > number:
            raise Refused(409, "sequence")
        if not key and records[0][0] != ("party" if self.size else "genesis"):
            raise Refused(403, "key", 0)
        for position, record in enumerate(records):
            kind = "none" if record[0] == "bad field" else record[0]
            if key and key.role == "delegate" and kind not in key.kinds and record != ("revoke", who):
                raise Refused(403, "key", position)
        if not head_good:
            raise Refused(422, "history")
        for position, record in enumerate(records):
            if record[0] == "bad field":
                raise Refused(422, "field", position)
        trial = copy.deepcopy(self)
        statuses = [trial.apply(who, record, position) for position, record in enumerate(records)]
        trial.keys[who].next = first + len(records)
        trial.taken[who, first] = (lines, self.size, statuses)
        self.__dict__.update(trial.__dict__)
        return self.size - len(records), statuses, False

    def apply(self, who: str, record: Record, position: int) -> str:
        """One record by the state rules; its status."""
        key = self.keys.get(who)
        if key and key.state != "active":
            raise Refused(403, "key", position)  # the batch ended its own key before
        party = key.party if key else who
        rule = getattr(self, "_" + record[0])
        try:
            status: str = rule(who, party, *record[1:])
        except Refused as refused:
            status_code, problem, _ = refused.args
            raise Refused(status_code, problem, position) from None
        self.size += 1
        return status

    def _genesis(self, who: str, party: str, name: str) -> str:
        if self.size:
            raise Refused(422, "rule")
        return self._party(who, party, name)

    def _party(self, who: str, party: str, name: str) -> str:
        if who not in self.keys:
            self._bind(who, True, Key(party, "main", []))
        self.names[party] = name
        return "logged"

    def _bind(self, new: str, accepted: bool, key: Key) -> str:
        if new in self.keys or new == "the log" or not accepted:
            raise Refused(422, "key")
        self.keys[new] = key
        return "logged"

    def _delegate(self, who: str, party: str, new: str, kinds: list[str], accepted: bool) -> str:
        return self._bind(new, accepted, Key(party, "delegate", kinds))

    def _rotate(self, who: str, party: str, new: str, accepted: bool) -> str:
        self._bind(new, accepted, Key(party, "main", []))
        self.keys[who].state = "rotated"
        return "logged"

    def _revoke(self, who: str, party: str, which: str) -> str:
        key = self.keys.get(which)
        if not key or key.party != party or key.state != "active":
            raise Refused(422, "key")
        key.state = "revoked"
        if key.role == "main":
            self.ended.add(party)
        return "logged"

    def _asset(self, who: str, party: str, name: str, sources: list[tuple[str, Any]], aka: list[str]) -> str:
        counted = []
        for relation, target in sources:
            if isinstance(target, int) and target not in self.assets:
                raise Refused(422, "rule")
            if relation != "evaluated_on":
                counted.append(target)
        if not set(self.made_of.get((party, name), [])) <= self.behind(counted):
            raise Refused(422, "rule")
        self.assets[self.size] = Asset(party, name, counted, aka)
        return "logged"

    def _withdraw(self, who: str, party: str, target: int) -> str:
        asset = self.assets.get(target)
        if not asset or asset.owner != party or asset.retired:
            raise Refused(422, "rule")
        asset.retired = True
        return "logged"

    def _none(self, who: str, party: str) -> str:
        return "logged"

    def _grant(self, who: str, party: str) -> str:
        raise Refused(422, "rule")  # its rules come later

    def _usage(
        self, who: str, party: str, target: Any, use: str, provider: bool, into: int | None, into_name: str | None
    ) -> str:
        if isinstance(target, int) and target not in self.assets:
            raise Refused(422, "rule")
        if into is not None:
            made = self.assets.get(into)
            if not made or made.owner != party:
                raise Refused(422, "rule")
            if use != "evaluate" and target not in self.behind(made.sources):
                raise Refused(422, "rule")
        elif into_name is not None and use != "evaluate" and not provider:
            self.made_of.setdefault((party, into_name), []).append(target)
        if provider:
            return "observed"
        if isinstance(target, int):
            return "unlicensed"
        claims = self.claimants(target)
        return "unclaimed" if not claims else "contested" if len(claims) > 1 else "unlicensed"
