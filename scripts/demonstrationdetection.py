"""The demonstration goes on: copies of the data set are found in a corpus, claimed and accepted; a canary is proved.

The corpus is made of the descriptions of packages that are installed here, into some of which passages of the data set
were put.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.demonstration import Demo

COPIED = ("difflib.py", "statistics.py")
COPIED_CHARS = 3000
INNOCENT_MAX = 20


def _scrape(demo: Demo, library: str, mark: str) -> str:
    """A folder of texts: some have a passage of the data set in their middle, one has the canary's mark."""
    folder = Path(demo.path("scraped"))
    folder.mkdir()
    packages = Path(sysconfig.get_path("purelib"))
    texts = [
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(packages.glob("*.dist-info/METADATA"))
    ]
    for number, text in enumerate(texts[:INNOCENT_MAX]):
        (folder / f"page-{number:02d}.txt").write_text(text, encoding="utf-8")
    for number, name in enumerate(COPIED):
        whole = Path(library, name).read_text(encoding="utf-8")
        start = len(whole) // 3
        around = texts[number % len(texts)]
        text = around[:2000] + whole[start : start + COPIED_CHARS] + around[2000:4000]
        (folder / f"copied-{number}.txt").write_text(text, encoding="utf-8")
    (folder / "answers.jsonl").write_text(
        f'{{"answer": "As far as is known. {mark} So it is said."}}\n', encoding="utf-8"
    )
    return str(folder)


def detect(demo: Demo, library: str, model: str) -> None:
    """Canaries before, detection after; the claim, and what the other side does about it."""
    demo.step("The press marks its material with canaries: only a salted commitment is logged, before the release")
    marks = demo.path("stdlib.canaries")
    demo.usance("canary", "make", marks, "--count", "2", "-o", demo.path("marks"), "--asset", "stdlib", key="publisher")
    mark = Path(demo.path("marks"), sorted(os.listdir(demo.path("marks")))[0]).read_text(encoding="utf-8").strip()
    scraped = _scrape(demo, library, mark)
    demo.step("It looks for its material in what somebody has gathered: which passages, how sure, and what that proves")
    demo.usance(
        "detect", "index", demo.path("press.index"), library, "--owner", "stdlib",
        "--exclude", "__pycache__", "--exclude", "site-packages", "--exclude", "test", "--exclude", "config-*",
    )  # fmt: skip
    findings = demo.path("findings.json")
    demo.usance(
        "detect", scraped, "--against", demo.path("press.index"), "-o", findings, "--html", demo.path("findings.html")
    )
    demo.step(
        "It claims one finding; that charges nobody. The lab accepts it by logging the use, priced like any other"
    )
    said = demo.usance("claim", "stdlib", "--finding", f"{findings}:0", "--against", model, key="publisher")
    claim = said.split("claim logged as ")[1].split(":")[0]
    demo.usance("use", "stdlib", "--as", "train", "--byte", str(COPIED_CHARS), "--claim", claim, key="lab")
    demo.usance("records", claim)
    demo.step("A canary is in the answers of a model: one mark is opened, and checked offline")
    demo.usance("canary", "check", marks, scraped, "--column", "answer")
    demo.usance("canary", "prove", marks, "1", "-o", demo.path("mark"))
    demo.usance(
        "verify", demo.path("mark.tlog-proof"), "--log", demo.path("node/log.vkey"),
        "--canary", demo.path("mark.canary.json"), "--text", os.path.join(scraped, "answers.jsonl"),
    )  # fmt: skip
