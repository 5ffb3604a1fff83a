"""What the records of uses say that went into a model: quantities, and when it was first and last used.

A lineage counts uses; their records have the quantities and times. Whoever reads the records adds each one here, in
any order. Only uses that their user logged count, after corrections, by unit as logged: no unit is made into another,
and what a provider saw, the second meter of the same uses, adds nothing. A use corrected to nothing was none. Of a sum
of uses of which not every record was read there is no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from node.reports.document import USAGES, Source
from node.reports.materials import Training, Used, UseKey

SOURCES_MAX = 4
"""Records that stand with one figure; of more, only who logged them."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One user-seen use. `quantities`: after corrections, by unit; `since`, `until`: Unix milliseconds; `correction`:
    index of the newest one, None where there is none, or where it isn't known which."""

    key: UseKey
    index: int
    ref: str
    quantities: Mapping[str, int]
    since: int
    until: int
    is_corrected: bool = False
    correction: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A time that one record says, in Unix milliseconds."""

    ms: int
    index: int
    use: str
    source: Source = field(compare=False)


@dataclass(slots=True)
class Amount:
    """Uses added up. `records`: those that weren't corrected to nothing; `corrected`: how many of them were lowered;
    `annulled`: how many others were, to nothing; `sources`: records and corrections by index, while there are few;
    `parties`: who logged them."""

    records: int = 0
    corrected: int = 0
    annulled: int = 0
    quantities: Counter[str] = field(default_factory=Counter)
    first: Moment | None = None
    last: Moment | None = None
    sources: dict[int, Source] = field(default_factory=dict)
    parties: dict[str, Source] = field(default_factory=dict)

    def add(self, one: Logged, party_name: str) -> None:
        """One use more."""
        party = one.key.party
        self.parties.setdefault(party, Source(USAGES, party, party_name))
        if one.correction is not None:
            self._keep({one.correction: Source(str(one.correction), party, party_name)})
        if not one.quantities:
            self.annulled += 1
            return
        self.records += 1
        self.corrected += one.is_corrected
        self.quantities.update(one.quantities)
        said = Source(one.ref, party, party_name)
        moment = Moment(one.since, one.index, one.key.use, said)
        self._see(first=moment, last=Moment(one.until, one.index, one.key.use, said))
        self._keep({one.index: said})

    def join(self, other: Amount) -> None:
        """Another sum's uses too."""
        self.records += other.records
        self.corrected += other.corrected
        self.annulled += other.annulled
        self.quantities.update(other.quantities)
        if other.first is not None and other.last is not None:
            self._see(first=other.first, last=other.last)
        self._keep(other.sources)
        self.parties.update(other.parties)

    def _see(self, *, first: Moment, last: Moment) -> None:
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def _keep(self, sources: Mapping[int, Source]) -> None:
        for index, source in sources.items():
            if len(self.sources) <= SOURCES_MAX:  # one more than is shown: so it is known that there are more
                self.sources[index] = source

    def said_by(self) -> tuple[Source, ...]:
        """The records, or where there are more than SOURCES_MAX who logged them."""
        if len(self.sources) <= SOURCES_MAX:
            return tuple(self.sources[index] for index in sorted(self.sources))
        return tuple(self.parties[party] for party in sorted(self.parties))[:SOURCES_MAX]


class UseFigures:
    """Sums of the uses that a lineage counts for a model, filled from their records."""

    def __init__(self, training: Training) -> None:
        self._wanted: dict[UseKey, int] = {}
        self._names: dict[str, str] = {}
        for used in training.used:
            self._wanted.update(used.keys)
            self._names.update((use.party, use.party_name) for use in used.uses)
        self._of_pair: dict[tuple[str, str], list[UseKey]] = {}
        for key in self._wanted:
            self._of_pair.setdefault((key.source, key.party), []).append(key)
        self._read: Counter[UseKey] = Counter()
        self._amounts: dict[UseKey, Amount] = {}

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(id of what was used, party in hex) of the records to read; those of direct sources first."""
        return tuple(self._of_pair)

    def wants(self, key: UseKey) -> bool:
        """Whether the lineage counts such uses for the model."""
        return key in self._wanted

    def add(self, one: Logged) -> None:
        """A use. Those that the lineage doesn't count for the model are passed over."""
        if not self.wants(one.key):
            return
        self._read[one.key] += 1
        self._amounts.setdefault(one.key, Amount()).add(one, self._names[one.key.party])

    def is_read(self, source: str, party: str) -> bool:
        """Whether there is no more to read of what this party used."""
        return self._are_read(self._of_pair.get((source, party), ()))

    def _are_read(self, keys: Iterable[UseKey]) -> bool:
        return all(self._read[key] == self._wanted[key] for key in keys)

    def is_whole(self, used: Used) -> bool:
        """Whether all records of its uses were read."""
        return self._are_read(used.keys)

    def of(self, used: Used) -> dict[str, Amount]:
        """What went in of a source, by use; nothing where not all of its records were read."""
        found: dict[str, Amount] = {}
        if self.is_whole(used):
            for key in used.keys:
                if key in self._amounts and self._amounts[key].records:
                    found.setdefault(key.use, Amount()).join(self._amounts[key])
        return found

    def left_out(self) -> tuple[str, ...]:
        """In words, what wasn't read; nothing where all was."""
        total = sum(self._wanted.values())
        missing = sum(count for key, count in self._wanted.items() if self._read[key] != count)
        if not missing:
            return ()
        return (f"quantities and times of {missing:,} of {total:,} uses: not all of their records were read",)
