"""Makes the folder of a node with the program of an older commit: run it in a checkout of that commit.

    PYTHONPATH=. python make.py FOLDER

Keys, times and bodies are fixed, so the entries are always the same. A record kind that the commit doesn't support yet
is left out with all that refers to it.
"""

import contextlib
import hashlib
import inspect
import os
import sys
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ledger.append import Ledger, prepare
from ledger.context import LogIdentity
from ledger.errors import Refusal
from ledger.leveldb import LevelStore
from ledger.signrecord import Signer
from ledger.state import State
from node.config import default_toml
from proofs.entry import delegate_message, rotate_message, sign_batch
from proofs.records import make_body
from proofs.ref import Ref

ORIGIN = "log.example/old"
AT = 1_700_000_000_000
NAME = "doi:10.1234/material"
folder = sys.argv[1]


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return key(name).public_key().public_bytes_raw()


def body(kind: str, **fields: Any) -> bytes:
    return make_body({"kind": kind, "at": AT, **{name.rstrip("_"): value for name, value in fields.items()}})


def usage(asset: Any, **fields: Any) -> bytes:
    return body(
        "usage", **{"asset": asset, "use": "train", "quantities": {"token": 5}, "from": 1, "until": 2, **fields}
    )


os.makedirs(folder, mode=0o700)
for name, seed in (("log.key", "the log"), ("operator.key", "operator")):
    with open(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(key(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
with open(f"{folder}/node.toml", "w") as file:
    file.write(default_toml(origin=ORIGIN))
store = LevelStore(f"{folder}/db", create=True)
ledger = Ledger(store, log=LogIdentity(ORIGIN, frozenset((public("the log"),))))


def sign(who: str, *bodies: bytes, first: int | None = None) -> Any:
    row = State(store).key(public(who))
    number = first if first is not None else 0 if row is None else row.next
    head = (ledger.size, ledger.tree.root)
    return sign_batch(key(who), origin=ORIGIN, size=head[0], root=head[1], first=number, bodies=bodies)


def put(who: str, *bodies: bytes, first: int | None = None) -> bytes:
    """Take a batch; the reference of its first record."""
    group = ledger.group()
    try:
        at = group.take(prepare(sign(who, *bodies, first=first), origin=ORIGIN, root_at=ledger.root_at)).first_index
    finally:
        group.commit()  # a conflict stays, whatever the answer
    return Ref(at, ledger.view().leaf(at)).pack()


def offers(price: int, **more: int) -> dict[str, Any]:
    return {"currency": "USD", "offers": [{"per": 1, "price": price, "unit": "token", "use": "train"}], **more}


put("operator", body("genesis", origin=ORIGIN, name="operator"))
kinds = sorted(("none", "usage"))
accept = key("agent").sign(delegate_message(origin=ORIGIN, party=public("lab"), kinds=kinds))
put("lab", body("party", name="lab"), body("delegate", key=public("agent"), kinds=kinds, accept=accept))
put("owner", body("party", name="owner"))
corpus = put("owner", body("asset", type="dataset", name="corpus", version="1", aka=[NAME]))
put("agent", usage(corpus, into_name="model"), usage(NAME), usage("pkg:pypi/x"), body("none", from_=1, until=2))
model = put("lab", body("asset", type="model", name="model", sources=[{"as": "derived_from", "asset": corpus}]))
put("lab", body("description", name=NAME, type="work"))
put("agent", usage(corpus, into=model))
put("agent", *(body("none", from_=1, until=at) for at in range(2, 302)))
with contextlib.suppress(Refusal):
    put("lab", body("none", from_=1, until=9), first=1)
put("agent", usage(NAME, seen_by="provider", party=public("owner")), body("revoke", key=public("agent")))
if "MONEY" in os.environ:
    priced = put("owner", body("asset", type="dataset", name="priced", terms=offers(1_000)))
    granted = put("owner", body("grant", terms=priced, licensee=public("lab")))
    put("lab", *(usage(priced, terms=priced) for _ in range(3)))
    newer = put("owner", body("terms", asset=priced, **offers(2_000)))
    spent = put("lab", usage(priced, terms=newer))
    fixed = put("lab", body("correction", usage=spent, quantities={"token": 4}, reason="counted twice"))
    put("owner", body("accept", correction=fixed))
    put("owner", body("withdraw", target=granted))
if "TRACE" in os.environ:
    base = put("owner", body("asset", type="dataset", name="base", terms=offers(1_000, derivatives=500)))
    sources = [{"asset": base, "as": "derived_from", "bps": 500}, {"asset": NAME, "as": "evaluated_on"}]
    made = put("lab", body("asset", type="dataset", name="made", sources=sources, terms=offers(3_000)))
    charged = put("owner", usage(made, terms=made))
    put("lab", body("dispute", target=charged, reason="too little"))
    contains = [{"asset": base, "as": "contains"}]
    put("owner", body("description", type="dataset", name="pkg:generic/a", title="a", sources=contains))
    put("owner", body("description", type="dataset", name="pkg:generic/a", title="A"))
accept = key("lab-2").sign(rotate_message(origin=ORIGIN, party=public("lab")))
put("lab", body("rotate", key=public("lab-2"), accept=accept))
put("lab-2", body("none", from_=1, until=3))
put("owner", body("withdraw", target=corpus))
signing: dict[str, Any] = {"private_keys": (key("the log"),)}
if "private_keys" not in inspect.signature(Signer.__init__).parameters:
    signing = {"private_key": key("the log")}
signer = Signer(f"{folder}/sign-record.json", origin=ORIGIN, clock_ms=lambda: AT, **signing)
signer.sign(ledger.size, ledger.tree.root)
with open(f"{folder}/log.vkey", "w") as file:
    file.write((signer.vkeys[0] if signing.get("private_keys") else signer.vkey).text + "\n")
print(ledger.size, ledger.tree.root.hex())
store.close()
