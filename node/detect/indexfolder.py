"""An index's folder: a file of our own in it says that it is one. No other folder's database is ever opened.

The file is made first and empty, locked while the database is made, and filled at the end. So a folder where that was
broken off is known, and begun anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator

from ledger.errors import StorageError
from proofs.errors import InputError

MARKER = "usance-index"
LINE = b"usance/index/v1\n"

_DATABASE = re.compile(r"CURRENT|LOCK|LOG|LOG\.old|MANIFEST-[0-9]+|[0-9]+\.(log|ldb|sst|dbtmp)")


def has_index(folder: str) -> bool:
    """Whether an index stands in this folder. Raises StorageError where that can't be read."""
    try:
        with open(os.path.join(folder, MARKER), "rb") as file:
            return file.read(len(LINE) + 1) == LINE
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return False
    except OSError as error:
        raise StorageError(f"the index {folder} can't be read: {error.strerror}; free space or mend the disk") from None


@contextlib.contextmanager
def making(folder: str) -> Iterator[None]:
    """Make an index's database within; from the block's end on the folder has an index. Raises InputError where there
    is something already, StorageError where another process is making one, or the disk doesn't let it be made."""
    try:
        os.makedirs(folder, exist_ok=True)
        _check_free(folder)
        with open(os.path.join(folder, MARKER), "ab+") as marker:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _check_free(folder)
            for name in os.listdir(folder):  # of one that was broken off: nothing else is there
                if name != MARKER:
                    os.unlink(os.path.join(folder, name))
            yield
            marker.truncate(0)
            marker.write(LINE)
            marker.flush()
            os.fsync(marker.fileno())
    except FileExistsError:
        raise InputError(f"{folder} is no folder", field="DIR", expected="a new folder") from None
    except BlockingIOError:
        raise StorageError(f"another process has the index {folder} open: wait for it, then try again") from None
    except OSError as error:
        raise StorageError(f"the index {folder} can't be made: {error.strerror}; free space or mend the disk") from None


def _check_free(folder: str) -> None:
    """Nothing is there, or what is left of an index that was never finished. Raises InputError, OSError."""
    names = os.listdir(folder)
    is_ours = MARKER in names and all(name == MARKER or _DATABASE.fullmatch(name) for name in names)
    if is_ours:
        with open(os.path.join(folder, MARKER), "rb") as file:
            data = file.read(len(LINE) + 1)
        is_ours = data != LINE and LINE.startswith(data)
    if names and not is_ours:
        raise InputError(f"{folder} is not empty, and no index", field="DIR", expected="a new folder, or an index")
