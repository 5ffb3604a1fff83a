"""The demonstration and the benchmark run: what a newcomer types first, and what the README's figures come from."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def _run(repo_root: Path, tmp_path: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(repo_root), "TMPDIR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=repo_root, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.timeout(250)
def test_demo_shows_every_step(repo_root: Path, tmp_path: Path) -> None:
    """The demonstration ends well on the standard library's files, and shows each step with its time."""
    done = _run(repo_root, tmp_path, "scripts.demonstration")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^== \d+\. ", done.stdout, re.MULTILINE)) == 23
    assert done.stdout.count("GOOD: every step holds") == 3
    assert "acknowledged 103.68 EUR" in done.stdout
    assert "nothing to settle" in done.stdout
    assert "0 new, 0 changed, 2 as on the log already" in done.stdout
    assert "earned: 11.5200385 EUR before credits from Example App, uses of demo-model (300)" in done.stdout
    assert "difflib.py of stdlib" in done.stdout
    assert "node says: charged 0.0015 EUR" in done.stdout
    assert "found: 1 of the 2 marks" in done.stdout
    assert done.stdout.count("FAILED: a step doesn't hold") == 2
    assert re.search(r"GOOD: \d+ records in \d+ batches", done.stdout)
    assert re.search(r"^ +\d+\.\d\d s  in all$", done.stdout, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(250)
def test_bench_measures_everything_it_names(repo_root: Path, tmp_path: Path) -> None:
    """A short benchmark prints JSON with floors and every figure of the table, each of them positive."""
    words = ("--records", "5120", "--latency-seconds", "1", "--grow", "8000", "--lines", "2048", "--assets", "1024",
             "--pairs", "20")  # fmt: skip
    done = _run(repo_root, tmp_path, "scripts.benchmark.main", *words, "--folder", str(tmp_path / "bench"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    figures = {
        "256": found["batches_of_256"]["best_per_s"],
        "single": found["one_signature_each"]["ratio_to_2_thread_verify"],
        "p99": found["single_record_answer"]["p99_ms"],
        "proof": found["proof_check"]["ms"],
        "audit": found["audit"]["per_s"],
        "backup": found["backup"]["per_s"],
        "beside": found["backup"]["p99_ratio"],
        "restore": found["backup"]["restore"]["per_s"],
        **{
            f"cpu of {name}": part["cpu_us"]
            for name, part in (
                ("audit", found["audit"]),
                ("backup", found["backup"]),
                ("restore", found["backup"]["restore"]),
            )
        },
        "memory": found["rss_mb"],
        "start": found["start_s"],
        "disk": found["disk"]["ratio"],
        "ingest": found["money"]["ingest"]["ratio_of_best"],
        "wrong": found["money"]["wrong_statements"]["ratio_to_refused_unread"],
        "draft": found["money"]["account"]["draft_ms"]["p50"],
        "make": found["money"]["account"]["evidence_make_ms"]["p50"],
        "verify": found["money"]["account"]["evidence_verify_ms"]["p50"],
        "replay": found["money"]["audit"]["per_s"],
        "storing": found["recorder"]["storing"]["p50_us"],
        "sending": found["recorder"]["sending"]["mean_us"],
        "ways": found["lineage"]["paths"]["same_half"]["with_a_way"],
        "way": found["lineage"]["paths"]["hardest"]["max_ms"],
        "trace": found["lineage"]["drawing"]["nodes"],
        "drawing": found["lineage"]["drawing"]["svg_s"],
        "prints": found["detect"]["prints"]["long_texts_mb_per_s"],
        "plain": found["detect"]["prints"]["times_plain_python"],
        "same": found["detect"]["prints"]["same_prints"],
        **{name: value for name, value in found["floors"].items() if name != "fsync_ms"},
        **found["floors"]["fsync_ms"],
    }
    assert [name for name, value in figures.items() if not value > 0] == []
    assert found["lineage"]["paths"]["other_half"]["with_a_way"] == 0
    imported = found["lineage"]["import"]
    assert "skipped" in imported or (imported["first"]["records"] > 2311 and imported["again"]["records"] == 0)
    assert found["size"] >= 8000
    assert 240 <= found["body_bytes"] <= 300
    assert list((tmp_path / "bench").iterdir()) == []
