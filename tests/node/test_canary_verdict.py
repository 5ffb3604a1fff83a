"""node.verdict.judge_canary: a mark that says nothing isn't found (docs/canaries.md)."""

import pytest

from node.verdict import judge_canary
from proofs import canary
from proofs.canary import Mark, Opening
from proofs.verdict import FAILED, GOOD, Verdict


@pytest.mark.parametrize(("text", "result"), [("…", FAILED), ("a", FAILED), ("abc " * 16, FAILED), ("abc " * 17, GOOD)])
def test_a_mark_has_to_be_long_enough_to_be_told(text: str, result: str) -> None:
    """One of no or few letters and digits stands in any text, so that it stands there isn't said."""
    mark = Mark(b"s" * 16, text)
    verdict = Verdict()
    verdict.body = {"kind": "canary", "root": canary.root([mark]), "count": 1}
    judge_canary(verdict, Opening(mark, 0, 1, ()), text=f"before {text} after")
    assert verdict.result == result
