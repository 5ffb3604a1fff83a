"""Runs in .venv-interop, on `tlog-scales`: reads a log over HTTP and checks it by that package's code alone.

    scales_client.py log URL VKEY INDICES [NOTE…]     the whole log; NOTE: an earlier checkpoint, in a file
    scales_client.py cosigned NOTE VKEY…              every VKEY's signature on a checkpoint in a file
    scales_client.py cosign NOTE                      signs it as a witness (ML-DSA-44), prints vkey and line

Prints JSON; an exception, and so exit code 1, is its refusal.
"""

import json
import sys
from pathlib import Path

from tlog_scales import backend, signing, tiles, tlog
from tlog_scales.reader import TilesReader


def read_log(url: str, vkey_text: str, indices: str, *notes: str) -> dict[str, object]:
    """What a monitor does: signature, root from the tiles, entries and their proofs, consistency with earlier heads."""
    vkey = signing.Vkey.from_string(vkey_text)
    reader = TilesReader(backend.make_backend(url))
    head = reader.get_checkpoint()
    head.verify(vkey)
    if reader.calculate_root_hash() != head.root_hash:
        raise RuntimeError("the tiles don't hash to the root")
    leaves = {}
    for index in map(int, indices.split(",")):
        leaf = tiles.leaf_hash(reader.get_entry(index))
        reader.get_inclusion_proof(index, head.size).check(leaf, head.root_hash)
        leaves[index] = leaf.hex()
    sizes = []
    for path in notes:
        earlier = tlog.Checkpoint.from_text(Path(path).read_text(encoding="utf-8"))
        earlier.verify(vkey)
        reader.get_consistency_proof(earlier.size, head.size).check(earlier.root_hash, head.root_hash)
        sizes.append(earlier.size)
    return {"size": head.size, "root": head.root_hash.hex(), "leaves": leaves, "consistent": sizes}


def check_cosigned(path: str, *vkeys: str) -> dict[str, object]:
    """The names of those keys whose signatures on the checkpoint hold; all must."""
    head = tlog.Checkpoint.from_text(Path(path).read_text(encoding="utf-8"))
    for text in vkeys:
        head.verify(signing.Vkey.from_string(text))
    return {"signed": [text.split("+")[0] for text in vkeys]}


def cosign(path: str) -> dict[str, object]:
    """A cosignature by this package's own signer."""
    head = tlog.Checkpoint.from_text(Path(path).read_text(encoding="utf-8"))
    signer = signing.MLDSA44CosignatureSigner("witness.example/scales", bytes(range(32)))
    return {"vkey": signer.vkey.serialize(), "line": signer.sign(head).serialize() + "\n"}


COMMANDS = {"log": read_log, "cosigned": check_cosigned, "cosign": cosign}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
