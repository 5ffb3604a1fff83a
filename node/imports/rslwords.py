"""The words of RSL 1.0 and what they are in the log: one table for its reader and its writer (rslstandard.org/rsl).

RSL groups what the log tells apart. Each of its four basic usages stands for several uses here, and a use belongs to
one of them only, so that a permission goes there and back unchanged. Distilling is put with training, the narrower
reading for an owner: whoever forbids training doesn't want a student of his outputs either. Redistribution is nothing
that RSL speaks of.
"""

from __future__ import annotations

NAMESPACE = "https://rslstandard.org/rsl"

USAGES: dict[str, tuple[str, ...]] = {
    "ai-train": ("train", "finetune", "distill"),
    "ai-input": ("ground", "infer", "evaluate"),
    "ai-index": ("index", "embed"),
    "search": ("search",),
}
GROUPS: dict[str, tuple[str, ...]] = {
    "all": ("ai-train", "ai-input", "ai-index", "search"),
    "ai-all": ("ai-train", "ai-input", "ai-index"),
}
ALIASES = {"train-ai": "ai-train"}
"""As IETF AI Preferences calls it, and as RSL's own guide writes it."""
OUTSIDE = ("redistribute",)
"""Uses of the log that RSL has no word for."""

METERED: dict[str, tuple[str, tuple[str, ...]]] = {
    "training": ("use", ("ai-train",)),
    "use": ("use", ("ai-input",)),
    "crawl": ("call", ("ai-train", "ai-input", "ai-index", "search")),
}
"""Payment types with a price for each time: the unit of the offer, and the usages that the type meters."""
PAYMENT_ALIASES = {"inference": "use"}
"""As RSL 0.9 called it."""
FREE = ("free", "attribution")
ARRANGED = ("purchase", "subscription", "contribution")
"""Payment types that are no price for a use."""

COVERED: tuple[str, ...] = tuple(use for uses in USAGES.values() for use in uses)
"""The uses that RSL's `all` stands for."""


def uses_of(token: str) -> tuple[str, ...] | None:
    """The uses that a usage token stands for; None for a word that RSL 1.0 doesn't have."""
    token = ALIASES.get(token, token)
    if token in GROUPS:
        return tuple(use for usage in GROUPS[token] for use in USAGES[usage])
    return USAGES.get(token)
