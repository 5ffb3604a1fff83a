"""Log the uses of AI material from a program::

    import usance

    uses = usance.Recorder()
    uses.use("pkg:huggingface/org/corpus@rev", "train", token=1_000_000)

The whole of it: docs/library.md. This package only gives names to what stands in `node`; the integrations with other
libraries are in `usance.integrations`, each imported by itself.
"""

from ledger.errors import StorageError
from node.asyncrecorder import AsyncRecorder
from node.backgroundsender import Left
from node.errors import FileError, NetworkError
from node.recorder import Recorder
from proofs.errors import InputError, UsanceError
from proofs.ref import Ref, parse_ref

__all__ = [
    "AsyncRecorder",
    "FileError",
    "InputError",
    "Left",
    "NetworkError",
    "Recorder",
    "Ref",
    "StorageError",
    "UsanceError",
    "parse_ref",
]
