"""Answers from the records of uses: quantities as logged, the template's range of tokens, first and latest use."""

from __future__ import annotations

from node.reports.answers import day, silence, through_words
from node.reports.document import COUNTED, LOGGED, NOBODY, Answer, Item, item
from node.reports.materials import Training, Used
from node.reports.sums import direct_words
from node.reports.uses import Amount, Moment, UseFigures

TEXT, TOKEN = "text", "token"
TRAINING_USES = ("train", "finetune", "distill")
"""Uses whose tokens are training data; of others it isn't said that they are."""
TOKEN_RANGES = (
    (10**9, "Less than 1 billion tokens"), (10**13 + 1, "1 billion to 10 trillion tokens"),
    (None, "More than 10 trillion tokens"),
)  # fmt: skip
"""Of the template's section 1.3, for text; each up to below its number."""
UNREAD = "not all of the usage records were read"


def counted_words(amount: Amount) -> str:
    """`1,100 token, 3 item`: units in their alphabetical order."""
    return ", ".join(f"{count:,} {unit}" for unit, count in sorted(amount.quantities.items()))


def _records(amount: Amount) -> str:
    words = f"{amount.records:,} record{'s'[: amount.records != 1]}"
    words += f", {amount.corrected:,} corrected" if amount.corrected else ""
    return f"{words}, {amount.annulled:,} more corrected to nothing" if amount.annulled else words


def _value(use: str, amount: Amount) -> dict[str, object]:
    return {
        "use": use, "records": amount.records, "corrected": amount.corrected, "annulled": amount.annulled,
        "quantities": {unit: str(count) for unit, count in sorted(amount.quantities.items())},
    }  # fmt: skip


def _item(label: str, answers: list[Answer], training: Training, uses: UseFigures, note: str = "") -> Item:
    """An item that is missing for the right reason, and says of how many sources the records weren't all read."""
    unread = sum(not uses.is_whole(used) for used in training.used)
    said = f"Of {unread:,} source{'s'[: unread != 1]} {UNREAD}: no figure has them" if unread else ""
    notes = [text for text in (note if answers else "", said) if text]
    return item(label, answers, missing=UNREAD if unread else NOBODY, note=". ".join(notes))


def quantity_items(training: Training, uses: UseFigures) -> tuple[Item, Item]:
    """What logged uses put into the model: in total by use, from direct sources alone, and by source."""
    totals: dict[str, Amount] = {}
    counts: dict[str, int] = {}
    by_source: list[tuple[Used, str, Amount]] = []
    direct = [used for used in training.used if used.is_direct]
    for used in training.used:
        for use, amount in uses.of(used).items():
            by_source.append((used, use, amount))
            if used.is_direct:
                totals.setdefault(use, Amount()).join(amount)
                counts[use] = counts.get(use, 0) + 1
    answers = [
        Answer(
            f"{use}: {counted_words(amount)} (sum over {counts[use]:,} of {direct_words(len(direct), training)}; "
            f"{_records(amount)})",
            COUNTED, amount.said_by(), value={**_value(use, amount), "of": counts[use], "sources": len(direct)},
        )
        for use, amount in sorted(totals.items())
    ]  # fmt: skip
    total = _item("Quantities of logged uses for the model", answers, training, uses,
                  "What was used several times counts each time")  # fmt: skip
    each = [_source_answer(*one) for one in by_source]
    return total, _item("Quantities of logged uses, by source", each, training, uses)


def _source_answer(used: Used, use: str, amount: Amount) -> Answer:
    return Answer(
        f"{use}: {counted_words(amount)} ({_records(amount)}){through_words(used)}", LOGGED, amount.said_by(),
        about=used.material.id,
        value={**_value(use, amount), "through": list(used.through.ids), "through_count": used.through.steps},
    )  # fmt: skip


def range_item(label: str, training: Training, uses: UseFigures) -> Item:
    """The template's range for text, where the tokens of direct sources of modality text were logged."""
    total = Amount()
    text = [one.ways[0] for one in training.direct if (fact := one.material.figure("modality")) and fact.value == TEXT]
    count = 0
    for one in text:
        found = [amount for use, amount in uses.of(one).items() if use in TRAINING_USES and amount.quantities[TOKEN]]
        count += bool(found)
        for amount in found:
            total.join(amount)
    tokens = total.quantities[TOKEN]
    if not tokens:
        return _item(label, [], training, uses)
    name = next(words for end, words in TOKEN_RANGES if end is None or tokens < end)
    words = f"text: {name}: {tokens:,} token in logged uses (sum over {count:,} of {direct_words(len(text), training)})"
    answer = Answer(words, COUNTED, total.said_by(), value={"range": name, "token": str(tokens), "of": count,
                                                            "sources": len(text)})  # fmt: skip
    note = "Tokens that were used several times count each time, those that nobody logged don't; nothing else is made "
    return _item(label, [answer], training, uses, note + "into tokens, images or hours")


def first_use_item(label: str, training: Training, uses: UseFigures) -> Item:
    """When each source was first used: the earliest `from` of its uses, with the record that says it. Of one of which
    not all records were read, none."""
    found: dict[str, tuple[Used, Moment]] = {}
    unread = {_key(used) for used in training.used if not uses.is_whole(used)}
    for used in training.used:
        for amount in uses.of(used).values():
            if amount.first is not None and _key(used) not in unread:
                have = found.get(_key(used))
                if have is None or amount.first < have[1]:
                    found[_key(used)] = (used, amount.first)
    answers = [_moment_answer("from ", used, moment) for used, moment in found.values()]
    every = {_key(used) for used in training.used}
    silent = len(every) - len(found)
    return _item(label, answers, training, uses, silence(silent, len(every)))


def latest_use_item(label: str, training: Training, uses: UseFigures) -> Item:
    """The latest `until` of any source's uses, with the record that says it."""
    said = [
        (amount.last, used) for used in training.used for amount in uses.of(used).values() if amount.last is not None
    ]  # fmt: skip
    latest = [max(said, key=lambda one: one[0])] if said else []
    return _item(label, [_moment_answer("until ", used, moment) for moment, used in latest], training, uses)


def _key(used: Used) -> str:
    return used.material.id


def _moment_answer(word: str, used: Used, moment: Moment) -> Answer:
    words = f"{word}{day(moment.ms)} ({moment.use}){through_words(used)}"
    return Answer(words, LOGGED, (moment.source,), about=used.material.id, value=moment.ms)
