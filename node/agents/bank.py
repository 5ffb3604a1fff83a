"""A bank's file, whichever it is: XML is camt.053, everything else CSV (docs/settlement.md)."""

from __future__ import annotations

from node.agents.bankcsv import read_bank_csv
from node.agents.camt053 import read_camt053
from node.agents.incoming import BankFile
from node.errors import FileError
from proofs.errors import InputError

BANK_BYTES_MAX = 64 * 1024 * 1024
_XML = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


def load_bank_file(path: str) -> BankFile:
    """The credits in a file. Raises FileError, naming it, where it can't be read, is too large, or is wrong."""
    try:
        with open(path, "rb") as file:
            data = file.read(BANK_BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="bank", expected="a bank's file") from None
    try:
        return parse_bank_file(data)
    except InputError as error:
        raise FileError(f"{path}: {error.detail}", field=error.field, expected=error.expected) from None


def parse_bank_file(data: bytes) -> BankFile:
    """The credits in a file's bytes. Raises InputError for more than BANK_BYTES_MAX and where it is wrong."""
    if len(data) > BANK_BYTES_MAX:
        raise InputError("too large", field="bank", expected=f"at most {BANK_BYTES_MAX} bytes")
    return read_camt053(data) if data.lstrip().startswith(_XML) else read_bank_csv(data)
