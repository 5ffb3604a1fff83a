"""What went into a model, from its lineage: its sources, each with every way by which it got in.

Sources are what edges (`trained_on`, `derived_from`, …) or logged uses (`train`, `finetune`, …) join with the model;
evaluating, searching and grounding put nothing into it. Base models and models whose outputs were used are named, and
not gone through: what these were trained on is for their own summaries. That outputs were used is what `generated_by`,
`distilled_from` and the uses `infer` and `distill` say, and nothing else says it. Whose word counts: authority.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from node.lineage.graph import Graph, Node, UseSum
from node.lineage.outputs import OUTPUT_RELATIONS, OUTPUT_USES
from node.reports.authority import Authority, Fact, Material, Statement
from proofs.errors import InputError
from proofs.pricing import OBSERVED

MODEL = "model"
BASE_RELATIONS = ("derived_from", "contains", "trained_on")
NOT_IN_IT = ("evaluated_on", "evaluate", "search", "index", "ground")
"""Relations and uses that put nothing into what was made: what a model is asked to look into isn't in it."""
ORIGINS = ("public", "licensed", "crawled", "user", "synthetic", "other")
_ENDS = 4
"""Ids that are kept of either end of a long way."""


class UseKey(NamedTuple):
    """What a lineage counts uses by. `source`: id of the node that was used; `into`: as in UseSum."""

    source: str
    use: str
    status: str
    party: str
    into: str | None


class Through(NamedTuple):
    """The way between a source and the model. `steps`: how many other sources are on it, 0 where it went into the
    model itself; `ids`: of these, the nearest to the model first, of a long way the first and last _ENDS."""

    steps: int = 0
    ids: tuple[str, ...] = ()

    def then(self, material_id: str) -> Through:
        """One step further from the model."""
        ids = (*self.ids, material_id)
        return Through(self.steps + 1, ids if len(ids) <= 2 * _ENDS else ids[:_ENDS] + ids[-_ENDS:])


@dataclass(frozen=True, slots=True)
class Used:
    """A material in the model or in another material, `made`. `statements`: who says so; `logged`: uses, each with the
    id of the node that was used; `through`: what is between `made` and the model, with `made`."""

    material: Material
    made: Material
    statements: tuple[Statement, ...]
    logged: tuple[tuple[str, UseSum], ...]
    through: Through

    @property
    def relations(self) -> tuple[str, ...]:
        """What the statements say, each relation once; evaluation is none."""
        every = (relation for one in self.statements for relation in one.relations)
        return tuple(dict.fromkeys(one for one in every if one not in NOT_IN_IT))

    @property
    def uses(self) -> tuple[UseSum, ...]:
        """The logged uses."""
        return tuple(use for _, use in self.logged)

    @property
    def keys(self) -> dict[UseKey, int]:
        """How many records there are of each sum of uses that put something into what was made. Those that a provider
        saw aren't among them: they are the second meter of the same uses."""
        counts: dict[UseKey, int] = {}
        for source, use in self.logged:
            if use.use not in NOT_IN_IT and use.status != OBSERVED:
                key = UseKey(source, use.use, use.status, use.party, use.into)
                counts[key] = counts.get(key, 0) + use.uses
        return counts

    @property
    def is_direct(self) -> bool:
        """Whether it went into the model itself."""
        return not self.through.steps

    @property
    def is_in_it(self) -> bool:
        """Whether anything says that it put something into what was made."""
        return bool(self.relations) or any(use.use not in NOT_IN_IT for use in self.uses)

    @property
    def has_outputs_in(self) -> bool:
        """Whether anything says that its outputs are in what was made."""
        return any(one in OUTPUT_RELATIONS for one in self.relations) or any(
            use.use in OUTPUT_USES for use in self.uses
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A source with every way by which it got in, a shortest one first."""

    material: Material
    ways: tuple[Used, ...]

    @property
    def relations(self) -> tuple[str, ...]:
        """Of all ways, each once."""
        return tuple(dict.fromkeys(relation for way in self.ways for relation in way.relations))

    @property
    def uses(self) -> tuple[UseSum, ...]:
        """Of all ways: each logged use is in one."""
        return tuple(use for way in self.ways for use in way.uses)

    @property
    def through(self) -> Through:
        """Its shortest way."""
        return self.ways[0].through

    @property
    def is_direct(self) -> bool:
        """Whether it went into the model itself."""
        return self.ways[0].is_direct


@dataclass(frozen=True, slots=True)
class Training:
    """What went into a model. `data`: data sets, works and outputs, direct ones first; `bases`: models that it was made
    from; `writers`: models whose outputs are in it or in its data; `others`: models in its data of which nobody says
    that their outputs are; `evaluated`: what put nothing into it; `rivals`: names of the model with the assets of other
    parties that claim them too; `is_cut`: whether the lineage left something out; `curators`: parties whose words alone
    count beside owners' and the provider's, None: everybody's."""

    model: Material
    data: tuple[Entry, ...]
    bases: tuple[Entry, ...]
    writers: tuple[Used, ...]
    others: tuple[Used, ...]
    evaluated: tuple[Used, ...]
    rivals: tuple[tuple[str, Node], ...]
    is_cut: bool
    curators: tuple[str, ...] | None

    @property
    def direct(self) -> tuple[Entry, ...]:
        """The data that went into the model itself: sums are of these, for parts of them would count twice."""
        return tuple(one for one in self.data if one.is_direct)

    @property
    def used(self) -> tuple[Used, ...]:
        """Everything that is in it, models too, each once for what it is in; direct ones first."""
        ways = (way for one in (*self.data, *self.bases) for way in one.ways)
        every = {(one.material.id, one.made.id): one for one in (*ways, *self.writers, *self.others)}
        return tuple(sorted(every.values(), key=lambda one: not one.is_direct))

    def of_origin(self, origin: str | None) -> tuple[Entry, ...]:
        """The data that anybody whose word counts says to be of this origin; None: of which nobody says one."""
        return tuple(
            one for one in self.data
            if origin in ([fact.value for fact in one.material.facts("origin")] or [None])
        )  # fmt: skip


class _Sources:
    """What went into each material."""

    def __init__(self, graph: Graph, authority: Authority) -> None:
        self._authority = authority
        self._uses: dict[str, list[tuple[Node, int]]] = {}
        self._counted: set[tuple[str, int]] = set()
        self._heard: set[str] = set()
        self._models = _sources_of_models(authority, graph.root)
        for node in graph.nodes:
            for at, use in enumerate(node.uses):
                for made in graph.made_by(use):
                    self._uses.setdefault(made, []).append((node, at))

    def into(self, made: Material, through: Through) -> Iterator[Used]:
        """What edges and uses say went into a material, each source once, as it was logged. To be asked once of each
        material, the nearest to the model first: a use that could be of several is the first one's."""
        statements: dict[str, list[Statement]] = {}
        uses: dict[str, list[tuple[str, UseSum]]] = {}
        for source, said in self._authority.statements(made, self._heard):
            statements.setdefault(source, []).append(said)
        for node in made.own:
            for used, at in self._uses.get(node.id, ()) if self._authority.counts(node, made) else ():
                if (used.id, at) not in self._counted:
                    self._counted.add((used.id, at))
                    uses.setdefault(used.id, []).append((used.id, used.uses[at]))
        for source in dict.fromkeys([*statements, *uses]):
            if source != made.id:
                yield Used(
                    self._authority.material(source), made, tuple(statements.get(source, ())),
                    tuple(uses.get(source, ())), through,
                )  # fmt: skip

    def is_model(self, material: Material) -> bool:
        """By its name, or as all say whose word counts; where nobody says a type, by what was made from it."""
        return _is_said_model(material) or (material.id in self._models and not material.facts("type"))


def _is_model_name(material: Material) -> bool:
    return material.id.startswith("model:")


def _is_said_model(material: Material) -> bool:
    return _is_model_name(material) or {fact.value for fact in material.facts("type")} == {MODEL}


def _sources_of_models(authority: Authority, root: str) -> set[str]:
    """What a model was derived from (on data it would be trained), and what anything was distilled from."""
    found: set[str] = set()
    seen = {root}
    heard: set[str] = set()
    queue = deque(seen)
    while queue:
        made = authority.material(queue.popleft())
        is_model = made.id == root or _is_said_model(made)
        for source, said in authority.statements(made, heard):
            if "distilled_from" in said.relations or (is_model and "derived_from" in said.relations):
                found.add(source)
            if source not in seen:
                seen.add(source)
                queue.append(source)
    return found


def gather(graph: Graph, curators: Iterable[str] | None = None) -> Training:
    """What went into the graph's root. `curators`: as in Authority. Raises InputError where nobody says that it is a
    model.

    Each material is gone through once, by a shortest way: time is linear in the graph, whatever cycles there are.
    """
    only = None if curators is None else tuple(curators)
    authority = Authority(graph, only)
    model = authority.material(graph.root)
    if not _is_model_name(model) and all(fact.value != MODEL for fact in model.facts("type")):
        raise InputError(f"{graph.root} is no model: nobody says so", field="MODEL", expected="an asset of type model")
    look = _Sources(graph, authority)
    data: dict[str, list[Used]] = {}
    bases: list[Entry] = []
    writers: list[Used] = []
    others: list[Used] = []
    evaluated: list[Used] = []
    queue = deque([(model, Through())])
    while queue:
        made, through = queue.popleft()
        for used in look.into(made, through):
            key = used.material.id
            if key == model.id or key in model.names:
                continue
            if not used.is_in_it:
                evaluated += [used] if used.is_direct else []
            elif look.is_model(used.material):
                if used.has_outputs_in:
                    writers.append(used)
                elif not used.is_direct:
                    others.append(used)
                if used.is_direct and (not used.has_outputs_in or any(one in BASE_RELATIONS for one in used.relations)):
                    bases.append(Entry(used.material, (used,)))
            else:
                if key not in data:
                    queue.append((used.material, through.then(key)))
                data.setdefault(key, []).append(used)
    entries = tuple(Entry(ways[0].material, tuple(ways)) for ways in data.values())
    return Training(
        model, entries, tuple(bases), tuple(writers), tuple(others), tuple(evaluated),
        tuple(authority.rivals(model)), bool(graph.truncated), only,
    )  # fmt: skip


def sources_of(used: Iterable[Entry], name: str) -> Iterator[tuple[Entry, Fact]]:
    """Every statement of one field that counts, for each of these."""
    for one in used:
        for fact in one.material.facts(name):
            yield one, fact
