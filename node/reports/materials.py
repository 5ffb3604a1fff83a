"""What went into a model, from its lineage: its sources with everything that anybody said of each.

A *material* is one thing, known by one name or several: an asset, the external names that its owner claims, and for an
external name the assets that claim it. Sources are what edges (`trained_on`, `derived_from`, …) or logged uses
(`train`, `finetune`, …) join with the model; evaluating, searching and grounding put nothing into it. Base models and
models whose outputs were used are named, and not gone through: what these were trained on is for their own summaries.
That outputs were used is what `generated_by`, `distilled_from` and the uses `infer` and `distill` say, and nothing
else says it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from node.lineage.graph import Graph, Node, Speaker, UseSum
from node.lineage.material import same_material
from node.reports.document import CONCLUDED, DECLARED, Source
from proofs.errors import InputError
from proofs.pricing import OBSERVED

MODEL = "model"
BASE_RELATIONS = ("derived_from", "contains", "trained_on")
OUTPUT_RELATIONS = ("generated_by", "distilled_from")
OUTPUT_USES = ("infer", "distill")
_THROUGH_MAX = 8
NOT_IN_IT = ("evaluated_on", "evaluate", "search", "index", "ground")
"""Relations and uses that put nothing into what was made: what a model is asked to look into isn't in it."""
_INTEGERS = ("bytes", "items", "collected_from", "collected_until")
"""Large ones are decimal strings in a record's JSON form."""
ORIGINS = ("public", "licensed", "crawled", "user", "synthetic", "other")


@dataclass(frozen=True, slots=True)
class Fact:
    """One field that one record says. `standing`: DECLARED or CONCLUDED."""

    value: Any
    standing: str
    source: Source


@dataclass(frozen=True, slots=True)
class Material:
    """One thing under its names, assets first. `id`: that by which it was reached."""

    id: str
    title: str
    nodes: tuple[Node, ...]

    def facts(self, name: str) -> Iterator[Fact]:
        """What the records say in one field, each with its author."""
        for node in self.nodes:
            if node.is_asset:
                party, party_name = str(node.party), str(node.party_name)
                if name in node.record:
                    yield Fact(_value(node.record, name), DECLARED, Source(str(node.ref), party, party_name))
                if name == "license" and node.terms and node.terms.license not in (None, node.record.get(name)):
                    yield Fact(node.terms.license, DECLARED, Source(node.terms.ref, party, party_name))
                continue
            for one in node.descriptions:
                if name in one.record:
                    yield Fact(_value(one.record, name), CONCLUDED, Source(one.ref, one.party, one.party_name))

    def figure(self, name: str) -> Fact | None:
        """The one figure that a sum may take: the owner's, else what all curators agree on. None where nobody says
        one, or where they differ."""
        said = list(self.facts(name))
        standing = DECLARED if any(one.standing == DECLARED for one in said) else CONCLUDED
        said = [one for one in said if one.standing == standing]
        return said[0] if len({one.value for one in said}) == 1 else None

    @property
    def is_model(self) -> bool:
        """Whether anybody says that it is a model, or its name does."""
        return self.id.startswith("model:") or any(fact.value == MODEL for fact in self.facts("type"))

    @property
    def owners(self) -> tuple[Node, ...]:
        """The assets among its nodes."""
        return tuple(node for node in self.nodes if node.is_asset)


def _value(record: Mapping[str, Any], name: str) -> Any:
    return int(record[name]) if name in _INTEGERS else record[name]


class UseKey(NamedTuple):
    """What a lineage counts uses by. `source`: id of the node that was used; `into`: as in UseSum."""

    source: str
    use: str
    status: str
    party: str
    into: str | None


@dataclass(frozen=True, slots=True)
class Used:
    """A material in a model or in another material. `relations` and `said_by`: of the edges; `logged`: uses, each with
    the id of the node that was used; `through`: ids of the materials between it and the model, the nearest to the model
    first; () where it is direct."""

    material: Material
    relations: tuple[str, ...]
    said_by: tuple[Speaker, ...]
    logged: tuple[tuple[str, UseSum], ...]
    through: tuple[str, ...] = ()

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
        return not self.through


@dataclass(frozen=True, slots=True)
class Training:
    """What went into a model. `data`: data sets, works and outputs, direct ones first; `bases`: models that it was made
    from; `writers`: models whose outputs are in it, each with the material that they wrote (the model itself where it
    was distilled); `others`: models in its data of which nobody says that their outputs are, each with the material
    that they are in; `again`: data by further ways that have uses; `evaluated`: how many put nothing into it."""

    model: Material
    data: tuple[Used, ...]
    bases: tuple[Used, ...]
    writers: tuple[tuple[Used, Material], ...]
    others: tuple[tuple[Used, Material], ...]
    again: tuple[Used, ...]
    evaluated: int

    @property
    def direct(self) -> tuple[Used, ...]:
        """The data that went into the model itself: sums are of these, for parts of them would count twice."""
        return tuple(one for one in self.data if one.is_direct)

    @property
    def used(self) -> tuple[Used, ...]:
        """Everything that is in it, models too, each once for what it is in; direct ones first."""
        models = [*self.bases, *(one for one, _ in (*self.writers, *self.others))]
        every = {(one.material.nodes[0].id, one.through): one for one in (*self.data, *self.again, *models)}
        return tuple(sorted(every.values(), key=lambda one: not one.is_direct))

    def of_origin(self, origin: str) -> tuple[Used, ...]:
        """The data of which anybody says this origin."""
        return tuple(
            one for one in self.data if any(fact.value == origin for fact in one.material.facts("origin"))
        )  # fmt: skip

    def of_no_origin(self) -> tuple[Used, ...]:
        """The data of which nobody says one."""
        return tuple(one for one in self.data if not any(one.material.facts("origin")))


class _Sources:
    """Looks up materials and what went into each."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._materials: dict[str, Material] = {}
        self._used: dict[str, list[tuple[str, UseSum]]] = {}
        named = _by_name(graph)
        for node in graph.nodes:
            for use in node.uses:
                if use.into is not None:
                    for made in (use.into,) if use.into in graph else named.get((use.party, use.into), ()):
                        self._used.setdefault(made, []).append((node.id, use))

    def material(self, node_id: str) -> Material:
        """The material of a node: everything that claims join with it, however long that chain."""
        if node_id not in self._materials:
            reached = same_material(self._graph, node_id)
            nodes = tuple(sorted((self._graph.node(one) for one in reached), key=lambda node: not node.is_asset))
            for one in reached:
                self._materials[one] = Material(one, self._graph.node(one).title, nodes)
        return self._materials[node_id]

    def into(self, made: Material) -> Iterator[Used]:
        """What edges and uses say went into a material, each source once, by the name by which it was logged: a claim
        of that name puts no asset in its place."""
        reached: dict[str, Material] = {}
        relations: dict[str, list[str]] = {}
        said_by: dict[str, list[Speaker]] = {}
        uses: dict[str, list[tuple[str, UseSum]]] = {}
        for node in made.nodes:
            for edge in self._graph.sources(node.id):
                if not edge.is_claim:
                    key = self._key(edge.source, reached)
                    relations.setdefault(key, []).extend(edge.relations)
                    said_by.setdefault(key, []).extend(edge.said_by)
            for source, use in self._used.get(node.id, ()):
                uses.setdefault(self._key(source, reached), []).append((source, use))
        own = {node.id for node in made.nodes}
        for key in dict.fromkeys([*relations, *uses]):
            if key not in own:
                yield Used(
                    reached[key], tuple(dict.fromkeys(relations.get(key, ()))),
                    tuple(said_by.get(key, ())), tuple(uses.get(key, ())),
                )  # fmt: skip

    def _key(self, node_id: str, reached: dict[str, Material]) -> str:
        """One id for a material, however it is reached; `reached` keeps it as it was first."""
        material = self.material(node_id)
        reached.setdefault(material.nodes[0].id, material)
        return material.nodes[0].id


def _by_name(graph: Graph) -> dict[tuple[str | None, str], list[str]]:
    """Assets by their party and what its uses with `into_name` may call them: `=name` and `=name@version`."""
    found: dict[tuple[str | None, str], list[str]] = {}
    for node in graph.nodes:
        name, version = node.record.get("name"), node.record.get("version")
        if node.is_asset:
            for text in (f"={name}", f"={name}@{version}") if version else (f"={name}",):
                found.setdefault((node.party, text), []).append(node.id)
    return found


def gather(graph: Graph) -> Training:
    """What went into the graph's root. Raises InputError where nobody says that it is a model.

    Each material is visited once, by a shortest way: time is linear in the graph, whatever cycles there are.
    """
    look = _Sources(graph)
    model = look.material(graph.root)
    if not model.is_model:
        raise InputError(f"{graph.root} is no model: nobody says so", field="MODEL", expected="an asset of type model")
    data: list[Used] = []
    bases: list[Used] = []
    writers: list[tuple[Used, Material]] = []
    others: list[tuple[Used, Material]] = []
    again: list[Used] = []
    evaluated = 0
    seen = {node.id for node in model.nodes}
    queue: deque[tuple[Material, tuple[str, ...]]] = deque([(model, ())])
    while queue:
        made, through = queue.popleft()
        for used in look.into(made):
            kept = [*used.relations, *(use.use for use in used.uses)]
            if all(word in NOT_IN_IT for word in kept):
                evaluated += made is model
                continue
            found = replace(used, through=through)
            if used.material.is_model:
                _sort_model(found, made, is_root=made is model, bases=bases, writers=writers, others=others)
            elif used.material.nodes[0].id not in seen:
                seen.update(node.id for node in used.material.nodes)
                data.append(found)
                queue.append((used.material, (*through, used.material.id)[-_THROUGH_MAX:]))
            elif used.logged and used.material.nodes[0].id != model.nodes[0].id:
                again.append(found)
    return Training(model, tuple(data), tuple(bases), tuple(writers), tuple(others), tuple(again), evaluated)


def _sort_model(
    found: Used, made: Material, *, is_root: bool, bases: list[Used], writers: list[tuple[Used, Material]],
    others: list[tuple[Used, Material]],
) -> None:  # fmt: skip
    """A model whose outputs are used is a writer. Otherwise in a model it is its base (or both), and in data it is what
    was said of it and no more."""
    wrote = any(word in OUTPUT_RELATIONS for word in found.relations) or any(
        use.use in OUTPUT_USES for use in found.uses
    )
    if wrote:
        writers.append((found, made))
    elif not is_root:
        others.append((found, made))
    if is_root and (any(word in BASE_RELATIONS for word in found.relations) or not wrote):
        bases.append(found)


def sources_of(used: Iterable[Used], name: str) -> Iterator[tuple[Used, Fact]]:
    """Every statement of one field, for each of these."""
    for one in used:
        for fact in one.material.facts(name):
            yield one, fact
