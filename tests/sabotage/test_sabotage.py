"""Each defect of the tables beside this file, put into a copy of the tree, turns the suite red."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sabotage.admissionbreaks import ADMISSION_BREAKS
from tests.sabotage.breaks import BREAKS, Break
from tests.sabotage.canarybreaks import CANARY_BREAKS
from tests.sabotage.claimbreaks import CLAIM_BREAKS
from tests.sabotage.detectcalibrationbreaks import DETECT_CALIBRATION_BREAKS
from tests.sabotage.detectfindbreaks import DETECT_FIND_BREAKS
from tests.sabotage.detectindexbreaks import DETECT_INDEX_BREAKS
from tests.sabotage.detectprintsbreaks import DETECT_PRINTS_BREAKS
from tests.sabotage.exportbreaks import EXPORT_BREAKS
from tests.sabotage.formatbreaks import FORMAT_BREAKS
from tests.sabotage.importbreaks import IMPORT_BREAKS
from tests.sabotage.librarybreaks import LIBRARY_BREAKS
from tests.sabotage.lineagebreaks import LINEAGE_BREAKS
from tests.sabotage.moneybreaks import MONEY_BREAKS
from tests.sabotage.operatebreaks import OPERATE_BREAKS
from tests.sabotage.reportbreaks import REPORT_BREAKS
from tests.sabotage.spoolbreaks import SPOOL_BREAKS
from tests.sabotage.storagebreaks import STORAGE_BREAKS
from tests.sabotage.tracebreaks import TRACE_BREAKS
from tests.sabotage.trainingbreaks import TRAINING_BREAKS
from tests.sabotage.watchbreaks import WATCH_BREAKS
from tests.sabotage.webformatbreaks import WEB_FORMAT_BREAKS

TIMEOUT_S = 600
WHOLE_TIMEOUT_S = 3600  # most of the suite
DEFECTS = (
    *ADMISSION_BREAKS,
    *BREAKS,
    *CANARY_BREAKS,
    *CLAIM_BREAKS,
    *DETECT_CALIBRATION_BREAKS,
    *DETECT_FIND_BREAKS,
    *DETECT_PRINTS_BREAKS,
    *DETECT_INDEX_BREAKS,
    *EXPORT_BREAKS,
    *FORMAT_BREAKS,
    *IMPORT_BREAKS,
    *LIBRARY_BREAKS,
    *LINEAGE_BREAKS,
    *MONEY_BREAKS,
    *OPERATE_BREAKS,
    *REPORT_BREAKS,
    *SPOOL_BREAKS,
    *STORAGE_BREAKS,
    *TRACE_BREAKS,
    *TRAINING_BREAKS,
    *WATCH_BREAKS,
    *WEB_FORMAT_BREAKS,
)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_defect_still_fits(defect: Break, repo_root: Path) -> None:
    """What a defect replaces stands exactly once in its file, and its tests exist: the table can't go stale."""
    text = (repo_root / defect.file).read_text(encoding="utf-8")
    assert text.count(defect.old) == 1
    assert defect.old != defect.new
    assert [name for name in defect.tests if not (repo_root / name).is_file()] == []


def _copy(root: Path, to: Path) -> None:
    """The tree's own files: what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)


def _run(tree: Path, tests: tuple[str, ...], shared: Path, timeout_s: float = TIMEOUT_S) -> tuple[int, str]:
    """pytest's exit code on a tree, and the last line that it printed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "USANCE_SHARED": str(shared)}
    environment.pop("USANCE_TEST_LONG", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    return done.returncode, lines[-1] if lines else done.stderr.strip()[-200:]


def _try(defect: Break, root: Path, folder: Path, shared: Path) -> tuple[Break, int, str, float]:
    tree = folder / defect.name.replace(" ", "-").replace("'", "")
    _copy(root, tree)
    file = tree / defect.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(defect.old, defect.new), encoding="utf-8")
    began = time.monotonic()
    code, last = _run(tree, defect.tests, shared)
    shutil.rmtree(tree)
    return defect, code, last, time.monotonic() - began


@pytest.mark.long
@pytest.mark.timeout(6 * 3600)
def test_each_defect_turns_the_suite_red(repo_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tests named for a defect pass on the whole tree and fail on the broken one."""
    shared = Path(os.environ.get("USANCE_SHARED") or repo_root.parent / "shared")
    whole = tmp_path / "whole"
    _copy(repo_root, whole)
    named = tuple(sorted({name for defect in DEFECTS for name in defect.tests}))
    code, last = _run(whole, named, shared, WHOLE_TIMEOUT_S)
    assert code == 0, f"the tests fail without any defect: {last}"
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda defect: _try(defect, repo_root, tmp_path, shared), DEFECTS))
    with capsys.disabled():
        print("\nsabotage: defect -> what the suite said")
        for defect, code, last, seconds in results:
            print(f"  {'red  ' if code == 1 else 'GREEN'} {defect.name:55} {seconds:5.0f} s  {last}")
    assert [defect.name for defect, code, _, _ in results if code != 1] == []
