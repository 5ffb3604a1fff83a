"""Rules of assets and descriptions (design section 4): registration, sources, `aka` claims, `into_name`, withdrawal.

References point backwards only, so lineage has no cycles. A walk through it is bounded by EDGES_MAX, the same for every
replay: a hostile web of sources costs a refusal, not the writer's time.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ledger import keys
from ledger.claims import CLAIM_STEPS, begin_claim, end_claim
from ledger.context import LOOKUP_STEPS, Behind, Body, Context, asset_index
from ledger.errors import RuleRefusal
from ledger.events import note_event
from ledger.findings import withdraw_claim
from ledger.lineage import Target, note_description, note_sources
from ledger.state import LOGGED, AssetMore, AssetRow, State
from ledger.terms import agreed_share, end_grant, publish
from proofs import codec, pricing
from proofs.pricing import Closure, Source
from proofs.ref import unpack_ref

EDGES_MAX = 16_384
"""Edges that the walks through lineage for one batch follow together."""
MISSING_SHOWN = 16


def target_of(raw: bytes | str) -> Target:
    """The index or name that an `asset` field means."""
    return raw if isinstance(raw, str) else unpack_ref(raw).index


def show_target(state: State, target: Target) -> str:
    """For messages: the full reference, or the name."""
    if isinstance(target, str):
        return target
    row = state.asset(target)
    return str(target) if row is None else f"{target}:{row.leaf.hex()}"


def behind(state: State, context: Context, sources: Iterable[Target], *, field: str) -> Behind:
    """Everything that stands behind these sources, themselves included, under any relation but evaluated_on.

    Raises RuleRefusal naming `field` where the walks of this batch together come to more than EDGES_MAX edges.
    """
    spent = context.memo.edges
    found: set[Target] = set()
    queue = deque(sources)
    edges = len(queue)
    while queue:
        # Counted as they are met, not as they are followed: else what waits grows a thousandfold before that.
        if spent + edges > EDGES_MAX:
            raise _too_far(field)
        target = queue.popleft()
        if target in found:
            continue
        found.add(target)
        if isinstance(target, int):
            more = state.asset_more(target).sources
            edges += len(more)
            queue.extend(more)
    context.memo.edges += edges
    return Behind(frozenset(found), edges)


def behind_asset(state: State, context: Context, index: int, leaf: bytes, *, field: str) -> frozenset[Target]:
    """The same for a registered asset, which a batch pays for once, however often it names it.

    Remembered over batches by its leaf hash, since what an asset lists never changes; a batch pays for what is
    remembered too, so that a replay, which remembers other things, judges alike.
    """
    memo = context.memo
    known = memo.paid.get(leaf)
    if known is not None:
        return known.targets
    known = memo.behind.get(leaf)
    if known is None:
        known = behind(state, context, state.asset_more(index).sources, field=field)
        memo.behind[leaf] = known
        if len(memo.behind) > memo.entries_max:
            memo.behind.popitem(last=False)
    else:
        if memo.edges + known.edges > EDGES_MAX:
            raise _too_far(field)
        memo.edges += known.edges
    memo.paid[leaf] = known
    return known.targets


def _too_far(field: str) -> RuleRefusal:
    return RuleRefusal(
        "too much stands behind it", field=field, expected=f"at most {EDGES_MAX} source edges walked for one batch"
    )


def _sources(state: State, context: Context, body: Body) -> tuple[tuple[Target, ...], Closure]:
    """The sources that count for lineage, and whom an asset with them pays.

    Raises RuleRefusal for a reference to anything but an asset, and for a share that the source's terms don't ask.
    """
    counted: dict[Target, None] = {}
    shares: dict[int, int] = {}
    may_share = body["kind"] == "asset"
    for position, source in enumerate(body.get("sources", ())):
        raw = source["asset"]
        target: Target = raw
        if not isinstance(raw, str):
            context.spend(LOOKUP_STEPS, f"sources.{position}.asset")
            target = asset_index(state, context, raw, f"sources.{position}.asset")
        if source["as"] == "evaluated_on":
            continue
        counted[target] = None
        if isinstance(target, int) and may_share:
            bps = source.get("bps", 0)
            asked = agreed_share(state, source=target, registrant=context.party, bps=bps)
            if asked is not None:
                raise RuleRefusal(
                    f"{bps} bps is not what this source asks of assets made from it",
                    field=f"sources.{position}.bps",
                    expected=str(asked),
                )
            shares[target] = max(bps, shares.get(target, 0))
    return tuple(counted), _closure(state, shares)


def _closure(state: State, shares: dict[int, int]) -> Closure:
    sources: list[Source] = []
    for index, bps in shares.items():
        have = state.asset_terms(index)
        sources.append(Source(index, bps, have.currency if have else "", state.closure(index)))
    return pricing.close(sources)


def _used_for(state: State, party: bytes, name: str) -> Iterator[Target]:
    """What the party's usages with this into_name used."""
    prefix = keys.INTO + party + keys.text(name)
    for key, _ in state.view.scan(prefix, keys.after(prefix)):
        yield unpack_into(key[len(prefix) :])


def _check_into_name(state: State, context: Context, body: Body, sources: tuple[Target, ...]) -> None:
    """What the party said it was making this asset from must be listed (section 4, "Making an asset from others")."""
    names = [body["name"]]
    if "version" in body:
        names.append(f"{body['name']}@{body['version']}")
    used = itertools.chain.from_iterable(_used_for(state, context.party, name) for name in names)
    first = next(used, None)
    if first is None:
        return
    have = behind(state, context, sources, field="sources").targets
    missing = [
        show_target(state, target)
        for target in itertools.islice(
            (target for target in itertools.chain((first,), used) if target not in have), MISSING_SHOWN
        )
    ]
    if missing:
        raise RuleRefusal(
            f"sources used for {body['name']!r} are not listed: {', '.join(missing)}",
            field="sources",
            expected="every asset that usages with this into_name named, under a relation other than evaluated_on",
        )


def pack_into(target: Target) -> bytes:
    """The end of an INTO row's key."""
    return b"#" + keys.number(target) if isinstance(target, int) else b"=" + target.encode()


def unpack_into(raw: bytes) -> Target:
    """What pack_into packed."""
    return int.from_bytes(raw[1:], "big") if raw[:1] == b"#" else raw[1:].decode()


def _more(state: State, sources: tuple[Target, ...], aka: tuple[str, ...], *, has_names: bool = False) -> AssetMore:
    assets = tuple(source for source in sources if isinstance(source, int))
    names = tuple(source for source in sources if isinstance(source, str))
    roots = 0
    has_names = has_names or bool(names or aka)
    for source in assets:
        behind_it = state.roots(source)
        has_names = has_names or not behind_it
        roots |= behind_it
    return AssetMore(assets, names, aka, has_names, 0 if has_names else roots)


def asset(state: State, context: Context, body: Body) -> str:
    """Register an asset of the signer's party."""
    sources, closure = _sources(state, context, body)
    _check_into_name(state, context, body, sources)
    index = keys.number(context.index)
    aka = tuple(body.get("aka", ()))
    row = AssetRow(context.leaf, context.party, body["type"], body["name"], body.get("version", ""), 0)
    state.put_asset(context.index, row)
    overlay = state.overlay
    if closure != pricing.NOTHING:
        overlay.put(keys.CLOSURE + index, codec.pack([closure.shares, closure.currency, closure.fault]))
    if "terms" in body:
        publish(state, context, asset=context.index, row=row, fields=body["terms"], closure=closure, prefix="terms.")
    if sources or aka:
        overlay.put(keys.ASSET_MORE + index, _more(state, sources, aka).pack())
    overlay.put(keys.ASSET_NAME + keys.text(body["name"]) + index, b"a")
    overlay.put(keys.ASSET_PARTY + context.party + index, b"")
    if "root" in body:
        overlay.put(keys.ASSET_ROOT + body["root"] + index, b"")
    note_sources(overlay, context.index, body)
    context.spend(CLAIM_STEPS * len(aka), "aka")
    for name in aka:
        begin_claim(state, name, context.party, context.index)
    return LOGGED


def description(state: State, context: Context, body: Body) -> str:
    """What the signer says of material whose owner is not here. It gives no ownership."""
    sources, _ = _sources(state, context, body)
    index = keys.number(context.index)
    if sources:
        state.overlay.put(keys.ASSET_MORE + index, _more(state, sources, (), has_names=True).pack())
    note_description(state.overlay, context, body)
    for name in {body["name"], body.get("title", body["name"])}:
        state.overlay.put(keys.ASSET_NAME + keys.text(name) + index, b"d")
    state.overlay.put(keys.ASSET_PARTY + context.party + index, b"")
    if "root" in body:
        state.overlay.put(keys.ASSET_ROOT + body["root"] + index, b"")
    return LOGGED


def withdraw(state: State, context: Context, body: Body) -> str:
    """End a grant, take back a claim, or retire an asset of the signer's party: its offers and its claims on names end,
    what happened stays."""
    ref = unpack_ref(body["target"])
    row = state.asset_by_ref(ref)
    if row is None:
        return LOGGED if withdraw_claim(state, context, body["target"]) else _withdraw_grant(state, context, body)
    if row.party != context.party:
        raise RuleRefusal(
            "the asset of another party", field="target", expected="an asset that the signer's party owns"
        )
    if row.retired:
        raise RuleRefusal(f"withdrawn already, by entry {row.retired}", field="target", expected="a standing asset")
    claimed = state.asset_more(ref.index).aka
    context.spend(CLAIM_STEPS * len(claimed), "target")
    context.terms_changed()
    state.put_asset(ref.index, replace(row, retired=context.index))
    for name in claimed:
        end_claim(state, name, context.party, ref.index)
    note_event(state, ref.index, context.index, "withdraw")
    return LOGGED


def _withdraw_grant(state: State, context: Context, body: Body) -> str:
    expected = "a reference to an asset, a grant or a claim of the signer's party"
    index = context.check_ref(body["target"], "target", expected)
    grant = state.grant(index)
    owner = None if grant is None else state.asset(grant.asset)
    if grant is None or owner is None or owner.party != context.party:
        raise RuleRefusal("neither an asset, a grant nor a claim of the signer's", field="target", expected=expected)
    if grant.withdrawn:
        raise RuleRefusal(f"withdrawn already, by entry {grant.withdrawn}", field="target", expected="a standing grant")
    end_grant(state, context, grant, index)
    note_event(state, index, context.index, "withdraw")
    return LOGGED
