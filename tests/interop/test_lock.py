"""What the clients are installed from is pinned, says nothing of where from, and each is explained."""

import re

from tests.interop.clients import HERE, LOCK, ROOT


def test_the_python_clients_are_locked() -> None:
    """Each one asked for stands in the lock at one version, every package there has hashes, and no place is named."""
    asked = re.findall(r"(?m)^([a-z][a-z-]+)", (ROOT / "requirements" / "interop.in").read_text(encoding="utf-8"))
    text = LOCK.read_text(encoding="utf-8")
    locked = {}
    for block in re.split(r"\n(?=[a-z])", text):
        if match := re.match(r"([a-z0-9-]+)==([^ ;\\]+)", block):
            assert "--hash=sha256:" in block, match[1]
            locked[match[1]] = match[2]
    assert asked
    assert set(asked) <= locked.keys(), "run scripts/lock"
    assert "://" not in text
    assert not re.search(r"(?m)^\s*--(?:index|extra-index|find-links|trusted)", text)


def test_the_go_clients_are_locked() -> None:
    """Every module that they need has a checksum in go.sum."""
    sums = (HERE / "go" / "go.sum").read_text(encoding="utf-8")
    needed = re.findall(r"(?m)^\s+(\S+\.\S+) (v\S+)", (HERE / "go" / "go.mod").read_text(encoding="utf-8"))
    assert needed
    for module, version in needed:
        assert f"{module} {version} h1:" in sums


def test_every_client_is_explained() -> None:
    """README.md names each client with the version that is locked here."""
    told = (HERE / "README.md").read_text(encoding="utf-8")
    lock = LOCK.read_text(encoding="utf-8")
    for name in ("tlog-scales", "proofbundle", "aics-tlog"):
        version = re.search(rf"(?m)^{name}==(\S+)", lock)
        assert version is not None
        assert f"`{name}` {version[1]}" in told
    for line in re.findall(r"(?m)^\t(\S+ v\S+)$", (HERE / "go" / "go.mod").read_text(encoding="utf-8")):
        module, version = line.split(" v")
        assert f"`{module}` {version}" in told
