"""What is declared, locked and explained agree: every dependency has exact versions with hashes, and a reason. What is
installed can be imported by its public name."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = {
    "base": PROJECT["project"]["dependencies"],
    "node": PROJECT["project"]["optional-dependencies"]["node"],
    "dev": [
        *(d for d in PROJECT["dependency-groups"]["dev"] if isinstance(d, str)),
        *PROJECT["project"]["optional-dependencies"]["analysis"],
    ],
    "setup": PROJECT["dependency-groups"]["setup"],
    "lock": PROJECT["dependency-groups"]["lock"],
    "huggingface": PROJECT["project"]["optional-dependencies"]["huggingface"],
    "iscc": PROJECT["project"]["optional-dependencies"]["iscc"],
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
    for smaller, larger in (("base", "node"), ("node", "dev"), ("setup", "dev"), ("base", "huggingface")):
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree with what is installed here."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and name.split("/")[0] not in ("tests", "docs"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (made,) = out.glob("*.whl")
    return made


def test_the_wheel_holds_the_library_under_its_public_name(wheel: Path, tmp_path: Path) -> None:
    """`import usance` is a package of its own in what is installed, with its types marked, and stands there once."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"proofs", "ledger", "node", "usance"}
    assert {"usance/__init__.py", "usance/py.typed", "usance/integrations/transformers.py"} <= set(names)
    assert {"node/detect/calibration.json", "node/detect/boilerplate.txt"} <= set(names)  # read by `usance detect`
    assert not [name for name in names if name.startswith("node/public")]
    code = "import usance, node; print(usance.__file__, node.__file__, usance.Recorder.__name__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == f"{tmp_path}/usance/__init__.py {tmp_path}/node/__init__.py Recorder\n", done.stderr


def test_what_is_installed_here_has_the_library(tmp_path: Path) -> None:
    """In the environment that scripts/setup makes, `import usance` is this tree's, from any folder."""
    code = "import usance; print(usance.__file__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == f"{ROOT}/node/public/usance/__init__.py\n", done.stderr
