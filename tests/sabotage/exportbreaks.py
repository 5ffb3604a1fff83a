"""One-line defects of exports, and of what is printed in place of files, as in breaks.py."""

from tests.sabotage.breaks import Break

_PARQUET = ("tests/exports/test_parquet.py",)
_DSR = ("tests/exports/test_dsr.py",)
_FOCUS = ("tests/exports/test_focus.py",)
_MATERIALS = ("tests/exports/test_materials.py",)
_LINEAGE = ("tests/exports/test_lineage_exports.py",)
_LOCALES = ("tests/node/test_locales.py",)

EXPORT_BREAKS = (
    Break(
        "a record's number is its batch's first", "node/exports/tables.py",
        "            number += 1\n", "",
        _PARQUET,
    ),
    Break(
        "a line is covered by the statement after", "node/exports/tables.py",
        "while self._to <= index and not self._ended:", "while self._to <= index + 1 and not self._ended:",
        _PARQUET,
    ),
    Break(
        "lines that no statement covers name the last one", "node/exports/tables.py",
        "return None if self._ended else self._statement", "return self._statement",
        _PARQUET,
    ),
    Break(
        "the last row group isn't written", "node/exports/parquet.py",
        "        for file in files.values():\n            file.flush()\n", "",
        _PARQUET,
    ),
    Break(
        "half a folder stays", "node/exports/parquet.py",
        "        shutil.rmtree(part, ignore_errors=True)\n", "",
        _PARQUET,
    ),
    Break(
        "a link is taken for an empty folder", "node/exports/parquet.py",
        "os.path.islink(path) or os.listdir(path)", "os.listdir(path)",
        _PARQUET,
    ),
    Break(
        "a usage report counts a party's own uses", "node/exports/dsr.py",
        " or usage.party == asked.party:", ":",
        _DSR,
    ),
    Break(
        "a usage report takes both meters", "node/exports/dsr.py",
        "usage.asset is None or usage.status == OBSERVED or", "usage.asset is None or",
        _DSR,
    ),
    Break(
        "uses of other assets aren't counted", "node/exports/dsr.py",
        "counted=not self._is_own(usage.asset)", "counted=False",
        _DSR,
    ),
    Break(
        "credits of another period count", "node/exports/dsr.py",
        "not self._asked.since <= body[\"from\"] < self._asked.until", "body[\"from\"] >= self._asked.until",
        _DSR,
    ),
    Break(
        "a pipe in a name parts a cell", "node/exports/dsr.py",
        '.replace("|", "\\\\\\\\|")', "",
        _DSR,
    ),
    Break(
        "a name begins a formula", "node/exports/dsr.py",
        "return _escaped(guarded(text))", "return _escaped(text)",
        _DSR,
    ),
    Break(
        "the footer counts without the headings", "node/exports/dsr.py",
        "str(len(RECORDS) + len(summaries)", "str(len(summaries)",
        _DSR,
    ),
    Break(
        "a payer's statements to others are in the file", "node/cli/exports.py",
        " or (payee is not None and account.payee != payee):", ":",
        _FOCUS,
    ),
    Break(
        "only an account's newest statement is exported", "node/cli/exports.py",
        "index = 0 if row is None else row.previous", "index = 0",
        _FOCUS,
    ),
    Break(
        "a withdrawn asset's terms are an offer", "node/exports/material.py",
        "terms = None if retired else terms_in_force(client, entry.ref)", "terms = terms_in_force(client, entry.ref)",
        _MATERIALS,
    ),
    Break(
        "an author's oldest description counts", "node/exports/material.py",
        "max(row, newest.get(", "min(row, newest.get(",
        _MATERIALS,
    ),
    Break(
        "files are printed in the terminal's encoding", "node/cli/files.py",
        '    raw = getattr(sys.stdout, "buffer", None)\n', "    raw = None\n",
        _LOCALES,
    ),
    Break(
        "evidence is printed as words", "node/cli/evidence.py",
        '        emit_file({**value, "evidence": data.decode()}, data, as_json=args.json)\n',
        "        emit({**value}, as_json=args.json, lines=data.decode().splitlines())\n",
        _LOCALES,
    ),
    Break(
        "a report is printed in the terminal's encoding", "node/cli/modelreport.py",
        '        print_bytes(joined(text, what="the report"))\n', '        print("".join(text), end="")\n',
        _LOCALES,
    ),
    Break(
        "a title in another script ends a command", "node/cli/__init__.py",
        'sys.stdout.reconfigure(errors="backslashreplace")', "pass",
        _LOCALES,
    ),
    Break(
        "any manifest is taken", "node/exports/material.py",
        'if manifest.root != record.get("root"):', "if False:",
        _MATERIALS,
    ),
    Break(
        "a cut lineage ends well", "node/cli/exports.py",
        "    return INCOMPLETE if notes else OK", "    return OK",
        _LINEAGE,
    ),
)  # fmt: skip
