"""Rules of the log, its parties and their keys (design section 4): genesis, party, delegate, rotate, revoke.

A key is bound once, for ever, to one party in one role. What a party owns stays with it when its key rotates, because
everything refers to the party's first key.
"""

from __future__ import annotations

from dataclasses import replace

from ledger import keys
from ledger.context import Body, Context
from ledger.errors import KEY, RuleRefusal
from ledger.state import ACTIVE, DELEGATE, LOGGED, MAIN, REVOKED, ROTATED, KeyRow, PartyRow, State
from proofs import ed25519
from proofs.entry import delegate_message, rotate_message
from proofs.errors import InputError


def _check_unbound(state: State, context: Context, key: bytes) -> None:
    if key in context.log.keys:
        raise RuleRefusal("that is the log's own key", field="key", expected="a key with no other role", type=KEY)
    if state.key(key) is not None:
        raise RuleRefusal("that key is bound already", field="key", expected="a key never bound before", type=KEY)


def _check_accept(key: bytes, message: bytes, accept: bytes) -> None:
    try:
        ed25519.check(key, message, accept)
    except InputError as error:
        raise RuleRefusal(
            f"the new key did not accept: {error.detail}",
            field="accept",
            expected="the new key's signature over this log's origin, the signer's party and this use",
            type=KEY,
        ) from None


def _bind(state: State, party: bytes, key: bytes, row: KeyRow) -> None:
    state.put_key(key, row)
    state.overlay.put(keys.PARTY_KEY + party + key, b"")


def _found(state: State, context: Context, body: Body) -> None:
    """Make the unbound signing key a party of its own."""
    _check_unbound(state, context, context.key)
    _bind(state, context.key, context.key, KeyRow(context.key, MAIN, (), ACTIVE, 0, context.index))
    state.put_party(context.key, PartyRow(body["name"], context.index, context.key, False))


def genesis(state: State, context: Context, body: Body) -> str:
    """Entry 0 and only there: names the log and binds the operator's party."""
    if context.index != 0:
        raise RuleRefusal("a log has one genesis", field="kind", expected="genesis as entry 0 only")
    if body["origin"] != context.log.origin:
        raise RuleRefusal("the genesis of another log", field="origin", expected=context.log.origin)
    _found(state, context, body)
    return LOGGED


def party(state: State, context: Context, body: Body) -> str:
    """First record of a party's first key, or news of its current main key."""
    if context.row is None:
        _found(state, context, body)
        return LOGGED
    row = state.party(context.party)
    if row is not None:
        state.put_party(context.party, replace(row, name=body["name"], profile=context.index))
    return LOGGED


def delegate(state: State, context: Context, body: Body) -> str:
    """Another key may sign some kinds for the party."""
    key, kinds = body["key"], body["kinds"]
    _check_unbound(state, context, key)
    _check_accept(key, delegate_message(origin=context.log.origin, party=context.party, kinds=kinds), body["accept"])
    _bind(state, context.party, key, KeyRow(context.party, DELEGATE, tuple(kinds), ACTIVE, 0, context.index))
    return LOGGED


def rotate(state: State, context: Context, body: Body) -> str:
    """The party's main key is another one from here on."""
    key = body["key"]
    _check_unbound(state, context, key)
    _check_accept(key, rotate_message(origin=context.log.origin, party=context.party), body["accept"])
    _bind(state, context.party, key, KeyRow(context.party, MAIN, (), ACTIVE, 0, context.index))
    if context.row is not None:
        state.put_key(context.key, replace(context.row, status=ROTATED))
    row = state.party(context.party)
    if row is not None:
        state.put_party(context.party, replace(row, main=key))
    return LOGGED


def revoke(state: State, context: Context, body: Body) -> str:
    """End a delegate, or with the current main key the whole party."""
    key = body["key"]
    row = state.key(key)
    if row is None or row.party != context.party or row.status != ACTIVE:
        raise RuleRefusal(
            "not an active key of this party",
            field="key",
            expected="an active delegate, or the current main key",
            type=KEY,
        )
    state.put_key(key, replace(row, status=REVOKED))
    if row.role == MAIN:
        known = state.party(context.party)
        if known is not None:
            state.put_party(context.party, replace(known, ended=True))
    return LOGGED
