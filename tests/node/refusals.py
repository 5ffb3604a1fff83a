"""What the tests of refusals share: records and batches that are wrong, and what must hold after one was refused."""

from typing import Any

import msgpack

from proofs.entry import Batch, delegate_message, rotate_message
from tests.node.harness import NOW_MS, Actor, NodeProcess, body, nil_body

NIL = {"at": NOW_MS, "from": 1, "kind": "none", "until": 300}


def packed(value: Any) -> bytes:
    """MessagePack as the library writes it, in the order given, whatever our rules say."""
    data = msgpack.packb(value, use_bin_type=True, use_single_float=False)
    assert isinstance(data, bytes)
    return data


def usage(**changed: Any) -> dict[str, Any]:
    """A usage record's fields, keys in order; None leaves one out."""
    fields = {"kind": "usage", "at": NOW_MS, "asset": "model:lab/one", "use": "train", "quantities": {"token": 7},
              "from": 1, "until": 2, **{name.rstrip("_"): value for name, value in changed.items()}}  # fmt: skip
    return {name: fields[name] for name in sorted(fields) if fields[name] is not None}


class Snapshot:
    """What must not change by a refusal."""

    def __init__(self, node: NodeProcess, *keys: bytes) -> None:
        self.node, self.keys = node, keys
        self.seen = self._look()

    def _look(self) -> list[bytes]:
        paths = ["/checkpoint", *(f"/keys/{key.hex()}" for key in self.keys)]
        return [self.node.get(path).body for path in paths]

    def check(self) -> None:
        """Raise unless checkpoint and keys are as they were."""
        assert self._look() == self.seen


def refused(
    actor: Actor, batch: Batch, status: int, kind: str, *, field: str | None = None, position: int | None = None
) -> dict[str, Any]:
    """Submit a batch that must be refused so; and nothing may have changed by it."""
    before = Snapshot(actor.node, actor.key)
    [problem] = actor.node.submit(batch)
    before.check()
    assert (problem["status"], problem["type"]) == (status, kind), problem
    assert problem["title"]
    assert problem["detail"]
    assert problem.get("position") == position, problem
    if field is not None:
        assert problem.get("field") == field, problem
    assert problem["expected"], problem
    return problem


def goes_on(actor: Actor) -> None:
    """The next good request works."""
    actor.log(nil_body(actor.next))


def resigned(batch: Batch, **changed: Any) -> Batch:
    """The batch with parts replaced and its signature as it was."""
    parts = {name: getattr(batch, name) for name in ("key", "size", "root", "first", "signature", "bodies")}
    return Batch(**{**parts, **changed})


def delegation(owner: Actor, delegate: Actor, kinds: list[str], /, **changed: Any) -> bytes:
    """A delegate record; `changed` replaces what the new key signs its acceptance over."""
    signed = {"origin": owner.node.origin, "party": owner.key, "kinds": kinds, **changed}
    accept = delegate.private_key.sign(delegate_message(**signed))
    return body("delegate", key=delegate.key, kinds=kinds, accept=accept)


def rotation(owner: Actor, new: Actor, /, **changed: Any) -> bytes:
    """A rotate record."""
    signed = {"origin": owner.node.origin, "party": owner.key, **changed}
    return body("rotate", key=new.key, accept=new.private_key.sign(rotate_message(**signed)))
