"""When a model's outputs went into something, and not the model itself: what edges and logged uses say of it."""

from __future__ import annotations

from collections.abc import Collection

OUTPUT_RELATIONS = ("generated_by", "distilled_from")
OUTPUT_USES = ("infer", "distill")


def is_of_outputs(relations: Collection[str] = (), uses: Collection[str] = ()) -> bool:
    """Whether what joins a source with something made from it is about the source's outputs, and nothing else is
    said."""
    return bool(relations or uses) and set(relations) <= set(OUTPUT_RELATIONS) and set(uses) <= set(OUTPUT_USES)
