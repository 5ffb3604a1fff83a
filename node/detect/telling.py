"""Findings in words and figures, the same on a terminal and on a page."""

from __future__ import annotations

from node.detect.finding import PPM, Finding, Findings, LookedAt, OwnerFound, RateUsed

READ_SO = (
    "A finding names texts that share more than unrelated ones were measured to share. It doesn't show who had the "
    "text first, who copied from whom, or that a model was trained on it: both may have it from a third source.",
    "The rates are those of the material that they were measured on; nobody claims that another's are the same.",
    "Short texts are alike by chance: below the rule's length nothing is said, whatever they share.",
)


def many(count: int, noun: str) -> str:
    """`1 match`, `2,000 matches`."""
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"


def share(ppm: int) -> str:
    """Parts per million as `12.3 %`, rounded down."""
    tenths = ppm * 1000 // PPM
    return f"{tenths // 10}.{tenths % 10} %"


def run_text(finding: Finding) -> str:
    """The longest run; about, where not both texts were compared."""
    is_exact = finding.copy or any(passage.source is not None for passage in finding.passages)
    return f"{'' if is_exact else 'about '}{finding.run:,} bytes"


def rate_text(rate: RateUsed | None) -> str:
    """How often items of these lengths match by chance, with its bound and the class that was measured."""
    if rate is None:
        return "not measured for texts of this length or script"
    until = f"to {rate.high - 1:,}" if rate.high is not None else "or more"
    times = f", {rate.stretches:,} times what was measured: the longer one is so long" if rate.stretches > 1 else ""
    return f"{rate.ppm:,} in a million (95 %: at most {rate.upper_ppm:,}) at {rate.low:,} {until} characters{times}"


def chance_text(looked: LookedAt) -> str:
    """How many matches there are beside how many there would be of unrelated texts."""
    found = many(looked.matches, "match")
    if looked.pairs is None:
        return f"{found}; how many pairs were looked at is not known, so neither is how many would match by chance"
    if looked.expected_false is None:
        return (
            f"{found} of {many(looked.pairs, 'pair')}; how many would match by chance was not measured for all lengths"
        )
    return (
        f"{found} of {many(looked.pairs, 'pair')}; if all were unrelated, about {looked.expected_false} would match "
        f"(by the rates' upper bounds: {looked.expected_false_upper})"
    )


def looked_text(found: Findings) -> str:
    """What was looked at."""
    looked = found.looked_at
    items = many(looked.items, "item")
    return f"{items}, {looked.characters:,} characters of letters and digits, {looked.prints:,} prints"


def untold_text(found: Findings) -> str:
    """Of how many items nothing is said, and why; "" for none."""
    looked = found.looked_at
    parts = [
        f"{looked.too_short:,} too short to tell (fewer than {found.rule.length:,} characters)"
        * bool(looked.too_short),
        f"{looked.not_text:,} no text, only compared byte for byte" * bool(looked.not_text),
        f"{looked.repeated:,} passed over as repeated" * bool(looked.repeated),
        f"{looked.boilerplate:,} prints left out as boilerplate" * bool(looked.boilerplate),
        f"{looked.crowded:,} because too many owners have them" * bool(looked.crowded),
    ]
    return "; ".join(part for part in parts if part)


def against_text(found: Findings) -> str:
    """What was looked for."""
    against = found.against
    sizes = [many(against.owners, "owner")] if against.owners is not None else []
    sizes += [many(against.items, "item")] if against.items is not None else []
    return f"{against.what} {against.name}" + (f" ({', '.join(sizes)})" if sizes else "")


def rule_text(found: Findings) -> str:
    """The rule."""
    rule = found.rule
    run = f"a run of {rule.run:,} bytes or " if rule.run is not None else ""
    return f"{rule.name}: {rule.hits} prints or more in both, and {run}{share(rule.containment)} of the smaller one's"


def owner_text(owner: OwnerFound) -> str:
    """Its title with its name, or the name alone."""
    return f"{owner.title} ({owner.owner})" if owner.title else owner.owner
