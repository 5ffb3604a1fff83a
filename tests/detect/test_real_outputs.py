"""Real models' answers to the same prompts: five calibrate, of the others only what was built is found."""

import json
from functools import cache
from pathlib import Path

import pytest

from node.detect.calibrating import Material
from scripts.benchmark.detectionoutputs import (
    ALIGNER,
    CLAUDE,
    OPUS,
    UNEXPECTED,
    all_choices,
    candidates,
    comparable,
    judge,
    load,
    look_at,
)

FIVE = ("Qwen1.5-72B-Chat", "deepseek-llm-67b-chat", "gpt4", "llama-2-13b-chat-hf", "vicuna-13b")
"""As the package's table was made."""


@cache
def _load(folder: Path) -> Material:
    return load(folder)


@pytest.fixture
def material(shared_dir: Path) -> Material:
    """All answers of all models."""
    folder = shared_dir / "real" / "outputs"
    if not folder.is_dir():
        pytest.skip(f"no real outputs at {folder}")
    return _load(folder)


def test_a_model_built_from_another_is_found(material: Material) -> None:
    """The first source of the aligner's answers is the model whose answers it rewrites; of pairs of models not built
    from each other at most 1 in 1,000 match, but for two models that nobody expected: told, not hidden."""
    outcome = look_at(material, FIVE)
    assert outcome.first[ALIGNER] == OPUS
    assert outcome.findings[frozenset((ALIGNER, OPUS))] >= 60
    findings, pairs = outcome.unrelated(without=(UNEXPECTED,))
    assert pairs > 3_000
    assert findings * 1_000 <= pairs
    assert 10 <= outcome.findings[UNEXPECTED] <= 25


def test_the_unexpected_pair_is_equal_word_for_word(material: Material) -> None:
    """Twelve of the aligner's long answers have the same bytes as `claude`'s to the same prompt: no error of the
    method, whatever made them so."""
    answers = {
        name: {entry.prints.sha256: entry.prompt for entry in material.entries
               if material.owners[entry.owner] == name and entry.prints.length >= 400}
        for name in (ALIGNER, CLAUDE)
    }  # fmt: skip
    equal = [sha256 for sha256, prompt in answers[ALIGNER].items() if answers[CLAUDE].get(sha256) == prompt]
    assert len(equal) == 12


@pytest.mark.long
def test_judging_by_candidates_is_detection_itself(material: Material) -> None:
    """What is reported of all choices is the same, for a choice, as what `look_at` finds."""
    slow = look_at(material, FIVE)
    assert judge(material, FIVE, candidates(material), comparable(material)) == slow


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_choice_of_five(material: Material, capsys: pytest.CaptureFixture[str]) -> None:
    """All 462: the aligner's first source is right wherever both are looked at, and but for the unexpected pair no
    choice has more than 0.1 % findings."""
    found = all_choices(material)
    with capsys.disabled():
        print("\n" + json.dumps(found, indent=1))
    assert found["first_source"] == {"choices": 126, "right": 126}
    assert found["without_unexpected"]["choices_to_0.1_percent"] == found["choices"] == 462
