"""What is declared, locked and explained agree: every dependency has exact versions with hashes, and a reason."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = {
    "base": PROJECT["project"]["dependencies"],
    "node": PROJECT["project"]["optional-dependencies"]["node"],
    "dev": [d for d in PROJECT["dependency-groups"]["dev"] if isinstance(d, str)],
    "setup": PROJECT["dependency-groups"]["setup"],
    "lock": PROJECT["dependency-groups"]["lock"],
}
WITHIN = {"base": ["base"], "node": ["base", "node"], "dev": ["base", "node", "dev", "setup"]}


def name_of(requirement: str) -> str:
    """The distribution's name in a requirement line."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match[0].lower().replace("_", "-").replace(".", "-")


def locked(profile: str) -> dict[str, str]:
    """Name → exact version of each package in a lock file; fails where one has no hash."""
    text = (ROOT / "requirements" / f"{profile}.lock").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[a-z])", text):
        match = re.match(r"([a-z0-9-]+)==([^ ;\\]+)", block)
        if match:
            assert "--hash=sha256:" in block, f"{match[1]} has no hash in {profile}.lock"
            found[match[1]] = match[2]
    return found


@pytest.mark.parametrize("profile", sorted(DECLARED))
def test_what_is_declared_is_locked(profile: str) -> None:
    """Every declared dependency stands in its lock with version and hashes: else run scripts/lock."""
    wanted = {name_of(r) for part in WITHIN.get(profile, [profile]) for r in DECLARED[part]}
    assert wanted <= locked(profile).keys(), f"run scripts/lock: {wanted - locked(profile).keys()}"


def test_the_base_is_cryptography_and_msgpack_alone() -> None:
    """An auditor installs these two and what cryptography itself needs."""
    assert {name_of(r) for r in DECLARED["base"]} == {"cryptography", "msgpack"}
    assert locked("base").keys() <= {"cryptography", "msgpack", "cffi", "pycparser", "typing-extensions"}


def test_the_profiles_agree_on_versions() -> None:
    """A larger profile is the smaller one and more, so that what was tested is what runs."""
    for smaller, larger in (("base", "node"), ("node", "dev"), ("setup", "dev")):
        assert locked(smaller).items() <= locked(larger).items(), (smaller, larger)


@pytest.mark.parametrize("profile", sorted(DECLARED))
def test_locks_name_no_place(profile: str) -> None:
    """A lock says what, never where from: whoever installs decides which registry or mirror serves it."""
    text = (ROOT / "requirements" / f"{profile}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"(?m)^\s*--(?:index|extra-index|find-links|trusted)", text)


def test_every_dependency_has_its_reason() -> None:
    """Each declared package is named in a decision: why it, and why not another."""
    told = "\n".join(p.read_text(encoding="utf-8").lower() for p in (ROOT / "docs/decisions").glob("*.md"))
    missing = {name_of(r) for part in DECLARED.values() for r in part if f"`{name_of(r)}`" not in told}
    assert not missing, f"no file in docs/decisions names {sorted(missing)}"
