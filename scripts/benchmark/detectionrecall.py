"""What detection finds of real text that was copied in part or changed, and what it finds where nothing was.

Each row takes so many pairs: a document of the index, and a text made from it. It counts as found where the rule
`documents` matches just that document, with the package's boilerplate, in an index of all of them.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from node.detect.calibrating import Material, measure_documents
from node.detect.calibration import boilerplate, wilson
from node.detect.matching import DOCUMENTS, Rule, match
from node.detect.postings import MemoryPostings
from node.detect.prints import Item, Prints, print_item
from node.detect.text import normalise, normalise_with_places
from node.detect.winnow import Winnower

BYTES_MIN, BYTES_MAX = 2_000, 50_000
BATCH = 50
OUTPUTS = Path("..", "shared", "real", "outputs")
_WORD = re.compile(r"[^\W\d_]{3,}")
_SPLIT = re.compile(r"(\W+)")


@dataclass(frozen=True, slots=True)
class Text:
    """A document of BYTES_MIN to BYTES_MAX bytes, and whose it is: texts of one owner may have much in common."""

    owner: str
    text: str


def fits(text: str) -> bool:
    """Whether it is as long as the rows ask, and mostly words."""
    return BYTES_MIN <= len(text.encode("utf-8", "replace")) <= BYTES_MAX and len(normalise(text)) >= DOCUMENTS.length


def python_texts() -> list[Text]:
    """What is there wherever Python is: the language's reference by topic, the standard library, and what installed
    packages say of themselves."""
    from pydoc_data import topics

    found = [Text("reference", text) for _, text in sorted(topics.topics.items())]
    paths = sysconfig.get_paths()
    for path in sorted(Path(paths["stdlib"]).glob("*.py")):
        found.append(Text("library", path.read_text(encoding="utf-8", errors="replace")))
    for path in sorted(Path(paths["purelib"]).glob("*.dist-info/METADATA")):
        # After its first empty line: what stands before is much the same in all.
        said = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")[2]
        found.append(Text(path.parent.name, said))
    return [text for text in found if fits(text.text)]


def joined_answers(folder: Path, seed: int, *, bytes_mean: int = 8_000) -> list[Text]:
    """Answers of models (`../shared/real/outputs`) as documents: of each prompt one model's, drawn, so that no question
    is answered twice; each document is of one model."""
    chance = random.Random(seed)  # noqa: S311
    models: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            models[path.name[:-9]] = [(row["prompt"], row["output"]) for row in map(json.loads, file)]
    found: list[Text] = []
    for model, rows in models.items():
        chance.shuffle(rows)
        held, size = "", chance.randrange(BYTES_MIN, 2 * bytes_mean)
        for _, answer in rows:
            held += answer + "\n\n"
            if len(held) >= size:
                found.append(Text(model, held))
                held, size = "", chance.randrange(BYTES_MIN, 2 * bytes_mean)
    return [text for text in found if fits(text.text)]


def read_texts(path: str) -> list[Text]:
    """JSON Lines with `owner` and `text`, as scripts/calibration writes them."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [Text(row["owner"], row["text"]) for row in rows if fits(row["text"])]


def excerpt(source: str, host: str, chance: random.Random, *, share: float) -> str:
    """A stretch with that share of a text's letters and digits, word for word, somewhere inside another text."""
    places = normalise_with_places(source)[1]
    size = max(1, math.ceil(len(places) * share))
    start = chance.randrange(len(places) - size + 1)
    at = chance.randrange(len(host) + 1)
    return host[:at] + source[int(places[start]) : int(places[start + size - 1]) + 1] + host[at:]


def changed(source: str, words: Sequence[str], chance: random.Random, *, share: float) -> str:
    """The text with that share of its words replaced by others, each by chance."""
    return "".join(
        chance.choice(words) if part and part[0].isalnum() and chance.random() < share else part
        for part in _SPLIT.split(source)
    )


def prints_of(text: str, winnower: Winnower) -> Prints:
    """Of a text without a name."""
    return print_item(Item("", sha256(text.encode("utf-8", "replace")).digest(), text), winnower)


class Recall:
    """An index of texts, and rows of what is found of it."""

    def __init__(self, texts: Sequence[Text], seed: int) -> None:
        self.texts, self.seed = texts, seed
        self._winnower = Winnower()
        prints = [prints_of(text.text, self._winnower) for text in texts]
        self._postings = MemoryPostings((text.owner, own) for text, own in zip(texts, prints, strict=True))
        chance = random.Random(seed)  # noqa: S311
        some = [text.text for text in chance.sample(list(texts), min(300, len(texts)))]
        self._words = _WORD.findall(" ".join(some))

    def rows(self, pairs: int, rule: Rule = DOCUMENTS) -> dict[str, Any]:
        """All rows; of each `pairs` pairs, how many were found, the share and its lower Wilson bound."""
        makers: dict[str, Callable[[str, str, random.Random], str]] = {
            "excerpt of 10 %": lambda source, host, chance: excerpt(source, host, chance, share=0.1),
            "excerpt of 20 %": lambda source, host, chance: excerpt(source, host, chance, share=0.2),
            "5 % of words": lambda source, _, chance: changed(source, self._words, chance, share=0.05),
            "20 % of words": lambda source, _, chance: changed(source, self._words, chance, share=0.2),
            "40 % of words": lambda source, _, chance: changed(source, self._words, chance, share=0.4),
        }
        return {name: self._row(name, make, pairs, rule) for name, make in makers.items()}

    def _row(self, name: str, make: Callable[[str, str, random.Random], str], pairs: int, rule: Rule) -> dict[str, Any]:
        chance = random.Random(f"{self.seed} {name}")  # noqa: S311
        found = 0
        for batch in _batches(pairs):
            sources, items = [], []
            for _ in range(batch):
                source, host = chance.sample(range(len(self.texts)), 2)
                made = make(self.texts[source].text, self.texts[host].text, chance)
                sources.append(source)
                items.append(prints_of(made, self._winnower))
            matched = {(pair.item, pair.doc)
                       for pair in match(items, self._postings, rule, boilerplate=boilerplate()).pairs}  # fmt: skip
            found += sum((at, source) in matched for at, source in enumerate(sources))
        return {"pairs": pairs, "found": found, "recall": round(found / pairs, 4),
                "lower": round(float(wilson(found, pairs, upper=False)), 4)}  # fmt: skip


def _batches(count: int) -> Iterator[int]:
    for done in range(0, count, BATCH):
        yield min(BATCH, count - done)


def false_positives(texts: Sequence[Text], seed: int, rule: Rule = DOCUMENTS) -> dict[str, Any]:
    """All pairs of texts of different owners, with the package's boilerplate: how many match, by class of lengths."""
    material, winnower = Material(), Winnower()
    for text in texts:
        material.add(text.owner, normalise(text.text).decode(), prints_of(text.text, winnower))
    measured = measure_documents(
        material, rule, known=boilerplate(), owners_min=None, seed=seed, worst_max=0, show=lambda done, total: None
    )
    return {f"{rate.low} to {rate.high}": {"pairs": rate.pairs, "false": rate.false, "ppm": rate.ppm,
            "upper_ppm": rate.upper_ppm, "joined": rate.low in measured.joined} for rate in measured.rates}  # fmt: skip


def measure(seed: int, pairs: int, path: str | None) -> dict[str, Any]:
    """Rows of so many pairs, as the benchmark prints them: of the texts in a file, and then what matches among them
    without anything having been copied; else of real models' answers, where they are; else of what Python has."""
    began = time.perf_counter()
    result: dict[str, Any] = {"seed": seed}
    if path is not None:
        source, texts = path, read_texts(path)
        result["false_positives"] = false_positives(texts, seed)
    elif OUTPUTS.is_dir():
        source, texts = "answers of real models, joined", joined_answers(OUTPUTS, seed)
    else:
        source, texts = "what Python and its packages say of themselves", python_texts()
    rows = Recall(texts, seed).rows(pairs)
    return {
        "texts": source,
        "count": len(texts),
        "owners": len({text.owner for text in texts}),
        **result,
        "recall": rows,
        "seconds": round(time.perf_counter() - began, 1),
    }
