"""The demonstration goes on: what others say of material is imported, a second model made, and its lineage traced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.demonstration import Demo

CATALOGUE = {
    "id": "dialogues", "name": "dialogues", "collection": "Dialogues", "url": "https://example.org/dialogues",
    "hf_url": "https://huggingface.co/datasets/example/dialogues", "creators": [],
    "licenses": [{"License": "CC BY-NC 4.0", "License URL": "https://creativecommons.org/licenses/by-nc/4.0/"}],
    "model_generated": ["OpenAI GPT-4"], "derived_from": [], "text_sources": [], "languages": ["English"],
    "dialogs": 1000, "mean_input_chars": 120.5, "mean_target_chars": 480.25,
}  # fmt: skip
"""A row as the Data Provenance Collection has them."""


def trace(demo: Demo, data_set: int, model: str) -> None:
    """Import, register, trace, report."""
    demo.step("A curator imports what a catalogue says of a data set; again adds nothing")
    demo.usance("key", "new", demo.path("curator.key"), "--name", "curator")
    demo.usance("party", "Example Curator", key="curator")
    with open(demo.path("catalogue.jsonl"), "w", encoding="utf-8") as file:
        file.write(json.dumps(CATALOGUE) + "\n")
    demo.usance("import", "provenance", demo.path("catalogue.jsonl"), key="curator")
    demo.usance("import", "provenance", demo.path("catalogue.jsonl"), key="curator")
    demo.step("A second model, made from the first and that data set: what stands behind it, under which licences")
    demo.usance(
        "asset", "--name", "demo-chat", "--type", "model", "--derived-from", model,
        "--trained-on", "pkg:huggingface/example/dialogues", key="lab",
    )  # fmt: skip
    demo.usance("trace", "demo-chat")
    demo.usance("trace", "demo-chat", "--format", "svg", "-o", demo.path("demo-chat.svg"))
    demo.usance("report", "licenses", "demo-chat")
    demo.step("What the data set earned, and through whom: recomputed from the whole log")
    demo.usance("trace", str(data_set), "--down", "--verify")
