"""ISCC codes with the real library, from requirements/iscc.lock in an environment of its own: the long form only, and
skipped where the registry can't be reached. Without the library: tests/detect/test_prints_command.py."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proofs import fields
from tests.interop.clients import ROOT, python_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

CODE = """
import json, sys
import iscc_core
from node.detect import iscccode
from proofs.errors import InputError

def code(path):
    try:
        return iscccode.file_code(iscccode.load_library(), path)
    except InputError as error:
        return error.detail

units = {}
for path in sys.argv[1:]:
    found = code(path)
    parts = iscc_core.iscc_decompose(found) if found.startswith("ISCC:") else []
    units[path] = [found, *("ISCC:" + part for part in parts)]
text = iscccode.text_code(iscc_core, open(sys.argv[1], encoding="utf-8").read())
print(json.dumps({"files": units, "text": text}))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python that has the library."""
    return python_environment("iscc", timeout=800, wheels=False) / "python"


def coded(python: Path, folder: Path, *names: str) -> Any:
    """What the library says of these files."""
    done = subprocess.run(
        [python, "-c", CODE, *names], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_codes_are_what_the_library_makes_of_the_file(python: Path, tmp_path: Path) -> None:
    """Text has a Text-Code before Data and Instance, binaries only these; a record takes them; alike text is alike."""
    text = "The quick brown fox jumps over the lazy dog, and a few more words stand behind it.\n" * 40
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "other.txt").write_text(text.upper().replace("\n", "\n\n"))
    (tmp_path / "b.bin").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 17 * 1024 * 1024)
    (tmp_path / "empty").touch()
    said = coded(python, tmp_path, "a.txt", "other.txt", "b.bin", "huge", "empty", ".")
    files = said["files"]
    (one, *units), (_, *other) = files["a.txt"], files["other.txt"]
    assert one.startswith("ISCC:KA")
    assert [unit[5:7] for unit in units] == ["EA", "GA", "IA"]
    assert (units[0], units[0] == said["text"]) == (other[0], True)
    assert units[2] != other[2]
    assert [unit[5:7] for unit in files["b.bin"][1:]] == ["GA", "IA"]
    assert [unit[5:7] for unit in files["empty"][1:]] == ["GA", "IA"]
    assert all(fields.ISCC.ok(found[0]) for name, found in files.items() if name not in ("huge", "."))
    assert "too large" in files["huge"][0]
    assert "can't read" in files["."][0]
