"""A bank's bookings as CSV with fixed column names, for banks without camt.053 (docs/settlement.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from node.agents.incoming import BankFile, Incoming, Namer, read_credit
from proofs.errors import InputError, excerpt

COLUMNS = ("booked", "amount", "currency", "reference", "text")
OPTIONAL = ("end_to_end",)
DELIMITERS = (",", ";")
COLUMNS_MAX = 200


def read_bank_csv(data: bytes) -> BankFile:
    """The credits in a CSV file; other columns than COLUMNS and OPTIONAL are passed over. Raises InputError where it is
    no UTF-8, a column is missing or twice, or a row hasn't as many cells as the first."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("not UTF-8", field="bank", expected="CSV in UTF-8, or a camt.053") from None
    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    file, namer = BankFile(), Namer()
    rows = _rows(text, delimiter)
    columns = _columns(next(rows, (1, []))[1])
    for line, cells in rows:
        if len(cells) != columns[""]:
            raise InputError(f"line {line}: {len(cells)} cells", field="bank", expected=f"{columns['']} cells")
        row = {name: cells[at].strip() for name, at in columns.items() if name}
        if row["amount"].startswith("-"):
            file.debits += 1
            continue
        amount = row["amount"]
        if delimiter == ";" and "." not in amount:
            amount = amount.replace(",", ".", 1)
        try:
            nanos = read_credit(amount, row["currency"])
        except InputError as error:
            file.skip(f"line {line}", f"{error.detail} (expected {error.expected})")
            continue
        told = (row["booked"], str(nanos), row["currency"], row["text"], row.get("end_to_end", ""))
        name = namer.name(row["reference"], *told)
        references = tuple(filter(None, [row.get("end_to_end", "")]))
        file.add(Incoming(nanos, row["currency"], row["text"], references, name, row["booked"]))
    return file


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that aren't empty, each with the number of its last line. Raises InputError."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"line {reader.line_num}: {error}", field="bank", expected='CSV, quoted with "') from None


def _columns(header: list[str]) -> dict[str, int]:
    """Where each column that is read stands, and under "" how many there are."""
    names = [name.strip().lower() for name in header]
    known = [name for name in names if name in COLUMNS or name in OPTIONAL]
    missing = [name for name in COLUMNS if name not in known]
    if missing or len(set(known)) != len(known) or len(names) > COLUMNS_MAX:
        raise InputError(
            f"the first line is {excerpt(', '.join(names))}",
            field="bank",
            expected=f"the columns {', '.join(COLUMNS)} and perhaps {', '.join(OPTIONAL)}, each once, or a camt.053",
        )
    return {name: names.index(name) for name in known} | {"": len(names)}
