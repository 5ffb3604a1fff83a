"""What the programs here are installed from is pinned, and says nothing of where from."""

import re

from tests.interop.clients import ROOT


def test_the_programs_are_locked() -> None:
    """Each one asked for stands in the lock at one version, every package there has hashes, and no place is named."""
    asked = re.findall(r"(?m)^([a-z][a-z-]+)", (ROOT / "requirements" / "openapi.in").read_text(encoding="utf-8"))
    text = (ROOT / "requirements" / "openapi.lock").read_text(encoding="utf-8")
    locked = {}
    for block in re.split(r"\n(?=[a-z])", text):
        if match := re.match(r"([a-z0-9-]+)==([^ ;\\]+)", block):
            assert "--hash=sha256:" in block, match[1]
            locked[match[1]] = match[2]
    assert asked
    assert set(asked) <= locked.keys(), "run scripts/lock"
    assert "://" not in text
    assert not re.search(r"(?m)^\s*--(?:index|extra-index|find-links|trusted)", text)
