"""`usance verify`, `audit` and `backup` where cryptography and msgpack alone are installed, by scripts/setup."""

import os
import subprocess
from pathlib import Path

import pytest

from proofs import canary
from proofs.canary import Mark, format_opening, open_mark
from proofs.records import make_body
from tests.node.harness import NOW_MS, Actor, NodeProcess, nil_body, use_body


@pytest.fixture(scope="module")
def base(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `usance` of a fresh base environment; skips where the packages can't be had."""
    venv = tmp_path_factory.mktemp("base") / "venv"
    done = subprocess.run(
        [repo_root / "scripts" / "setup", "base"],
        env={**os.environ, "USANCE_VENV": str(venv)}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"no base environment: {done.stderr.strip()[-200:]}")
    return venv / "bin" / "usance"


def test_base_install_verifies_and_audits(base: Path, node: NodeProcess, tmp_path: Path) -> None:
    """Without the server's and the database's packages, a proof, evidence and a whole running log are judged, and the
    log is backed up."""
    listed = subprocess.run(
        [base.parent / "python", "-c", "import plyvel, aiohttp"], capture_output=True, timeout=60, check=False
    )
    assert listed.returncode != 0
    actor = Actor(node).join()
    first = actor.log(nil_body())["first_index"]
    proof, evidence = tmp_path / "use.tlog-proof", tmp_path / "use.evidence.json"
    proof.write_bytes(node.get(f"/proof/{first}").body)
    evidence.write_bytes(node.get(f"/evidence/{actor.log(use_body())['first_index']}").body)
    marks = [
        Mark(bytes(32), "one mark"),
        Mark(b"\1" * 32, "another passage that nobody has written before today, or since"),
    ]
    made = make_body({"kind": "canary", "at": NOW_MS, "count": 2, "root": canary.root(marks)})
    shown, opening, text = tmp_path / "canary.tlog-proof", tmp_path / "opening.json", tmp_path / "text"
    shown.write_bytes(node.get(f"/proof/{actor.log(made)['first_index']}").body)
    opening.write_bytes(format_opening(open_mark(marks, 1)))
    text.write_text("AN-OTHER PASSAGE, that nobody has written (before today, or since).")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    key = str(node.folder / "log.vkey")
    backup = str(tmp_path / "log.backup")
    judged = (
        (("verify", str(proof)), "GOOD"),
        (("verify", str(evidence)), "GOOD"),
        (("verify", str(shown), "--canary", str(opening), "--text", str(text)), "GOOD"),
        (("audit", node.url), "GOOD"),
        (("backup", node.url, backup), "verified"),
        (("backup", "--check", backup), "every byte judged"),
    )
    for words, said in judged:
        done = subprocess.run(
            [base, *words, "--log", key], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
