"""Lineages made by hand, in the form that a node answers: small ones, hostile ones, and ones as large as real ones."""

import copy
import gzip
import json
import random
from pathlib import Path
from typing import Any

WORDS = "news legal code chat wiki forum books math medical travel recipe patent speech image caption"
LICENSES = ("MIT", "CC-BY-4.0", "CC-BY-NC-SA-4.0")
OWNER, CURATOR, LAB = "aa" * 32, "bb" * 32, "cc" * 32
NAMES = {OWNER: "Example Archive", CURATOR: "Data Curators e.V.", LAB: "Lab & <Sons>"}


class Maker:
    """A lineage that is being put together. Answers its JSON; levels are the distances from the root."""

    def __init__(self, root: str = "0", **said: Any) -> None:
        self.value: dict[str, Any] = {
            "format": "usance/lineage/v1", "root": root, "size": 100_000, "since": 0, "direction": "both",
            "depth": 16, "truncated": [], "nodes": [], "edges": [], **said,
        }  # fmt: skip
        self._by_id: dict[str, dict[str, Any]] = {}

    def asset(self, index: int, name: str, *, type: str = "dataset", party: str = OWNER, **said: Any) -> str:
        """An asset of the log; `said`: fields of the node, with `record` for fields of the record."""
        record = {"kind": "asset", "at": 1_700_000_000_000 + index, "type": type, "name": name[:1000]}
        record |= said.pop("record", {})
        return self._add(str(index), {
            "kind": "asset", "title": name, "ref": f"{index}:{index:064x}", "party": party,
            "party_name": NAMES[party], "retired": False, "record": record, "earned": [], "terms": None, **said,
        })  # fmt: skip

    def external(self, name: str, *described: dict[str, Any], title: str | None = None, **said: Any) -> str:
        """An external name with descriptions; each has fields of the record and perhaps `party`."""
        descriptions = []
        for at, one in enumerate(described):
            fields = dict(one)
            party = fields.pop("party", CURATOR)
            index = 50_000 + len(self._by_id) * 10 + at
            record = {"kind": "description", "at": 1_700_000_000_000, "name": name, "type": "dataset", **fields}
            descriptions.append({
                "index": index, "ref": f"{index}:{index:064x}", "party": party, "party_name": NAMES[party],
                "record": record,
            })  # fmt: skip
        titles = [one["title"] for one in described if "title" in one]
        return self._add(name, {
            "kind": "external", "title": title or (titles or [name])[0], "descriptions": descriptions,
            "claimed_by": [], **said,
        })  # fmt: skip

    def _add(self, at: str, said: dict[str, Any]) -> str:
        if at not in self._by_id:
            node = {
                "id": at,
                "level": 0,
                "uses": [],
                "disputes": [],
                "findings": [],
                "findings_left_out": 0,
                "claims_withdrawn": 0,
                **said,
            }
            self._by_id[at] = node
            self.value["nodes"].append(node)
        return at

    def edge(self, derived: str, source: str, *relations: str, kind: str = "source", **said: Any) -> None:
        """An edge; without relations a derived_from."""
        if not any((e["from"], e["to"], e["kind"]) == (derived, source, kind) for e in self.value["edges"][-2000:]):
            self.value["edges"].append({
                "from": derived, "to": source, "relations": list(relations or ("derived_from",)), "bps": 0,
                "said_by": [{"index": 7, "party": CURATOR, "party_name": NAMES[CURATOR]}], "kind": kind, "uses": [],
                "earned": [], **said,
            })  # fmt: skip

    def json(self) -> dict[str, Any]:
        """The value, each node at its distance from the root."""
        reached = {self.value["root"]: 0}
        for sign, start, end in ((-1, "from", "to"), (1, "to", "from")):
            ring, level = [self.value["root"]], 0
            near: dict[str, list[str]] = {}
            for edge in self.value["edges"]:
                near.setdefault(edge[start], []).append(edge[end])
            while ring:
                level += sign
                ring = [other for at in ring for other in near.get(at, ()) if other not in reached
                        and reached.setdefault(other, level) == level]  # fmt: skip
        for node in self.value["nodes"]:
            node["level"] = reached.get(node["id"], 0)
        return copy.deepcopy(self.value)


def use(kind: str = "train", status: str = "licensed", *, into: str | None = None, uses: int = 1, charge: int = 0,
        currency: str | None = None) -> dict[str, Any]:  # fmt: skip
    """A sum of uses by the lab."""
    return {"use": kind, "status": status, "party": LAB, "party_name": NAMES[LAB], "into": into, "uses": uses,
            "charge": str(charge), "currency": currency}  # fmt: skip


def earned(amount: int, *, through: str, currency: str = "USD", uses: int = 1) -> dict[str, Any]:
    """Money that an asset got, in nanos."""
    return {"through": through, "payer": LAB, "payer_name": NAMES[LAB], "currency": currency, "uses": uses,
            "amount": str(amount)}  # fmt: skip


def small() -> dict[str, Any]:
    """A model of a lab, made from an archive and from material that two curators describe; with money and a dispute."""
    make = Maker("30")
    make.asset(
        30,
        "chat-model@2",
        type="model",
        party=LAB,
        record={"name": "chat-model", "version": "2"},
        uses=[use("infer", "licensed", uses=1200, charge=3_500_000_000, currency="USD")],
        earned=[earned(3_150_000_000, through="30", uses=1200)],
        terms={"ref": f"31:{31:064x}", "license": "LicenseRef-lab", "currency": "USD"},
    )
    make.asset(
        10,
        "archive",
        record={"license": "CC-BY-4.0", "aka": ["pkg:huggingface/archive/all"]},
        uses=[use(into="30", uses=3, charge=12_000_000_000, currency="USD"), use("ground", "unlicensed", uses=2)],
        earned=[earned(12_000_000_000, through="10"), earned(350_000_000, through="30", uses=1200)],
        terms={"ref": f"11:{11:064x}", "license": None, "currency": "USD"},
        disputes=[{"index": 40, "target": 12, "state": "open"}],
    )
    make.asset(5, "scans", type="work", retired=True)
    name = make.external(
        "pkg:huggingface/tatsu-lab/alpaca", {"title": "Alpaca", "license": "CC-BY-NC-4.0"},
        {"title": "alpaca (copy)", "license": "Apache-2.0", "party": LAB},
        uses=[use(status="unclaimed", into="30")],
    )  # fmt: skip
    gpt = make.external("model:openai/gpt-3", {"title": "OpenAI GPT-3", "type": "model"})
    claimed = make.external("pkg:huggingface/archive/all", claimed_by=["10"])
    make.external("pkg:huggingface/someone/chat-tuned", {"title": "chat-tuned"})
    make.edge("30", "10", "trained_on", bps=1000, uses=[use(into="30", uses=3, charge=12_000_000_000, currency="USD")],
              earned=[earned(350_000_000, through="30", uses=1200)],
              said_by=[{"index": 30, "party": LAB, "party_name": NAMES[LAB]}])  # fmt: skip
    make.edge("30", name, "trained_on", uses=[use(status="unclaimed", into="30")])
    make.edge("10", "5", "contains", "derived_from")
    make.edge(name, gpt, "generated_by")
    make.edge(claimed, "10", kind="claim", relations=[])
    make.edge("pkg:huggingface/someone/chat-tuned", "30", "distilled_from")
    make.value["truncated"] = ["depth 16 reached at 2 nodes"]
    return make.json()


def hostile() -> dict[str, Any]:
    """Names, titles and relations that try what the printers must stand."""
    make = Maker("0")
    make.asset(0, '"]; evil [label="x" URL="javascript:alert(1)')
    titles = (
        "</text><script>alert(1)</script>", "]]><!--", "a\\N\\", "\u200b\u2028\ufeffzero width",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 寛い名前の資料" * 9, "&amp;&#0;", "{a|b}<port>", "%0a[31m", "\ufffe\uffff", "e\u0301\u0327" * 40,
    )  # fmt: skip
    for at, title in enumerate(titles):
        name = f"https://evil.example/{at}/\"<&>'\\{{}}|%00%GG;--]]>é(,)="
        make.external(name, {"title": title, "license": "LicenseRef-x"})
        make.edge("0", name)
        make.edge(name, name, "contains")
    last = make.external("model:x/" + "y" * 900, {"title": "z" * 1000, "type": "model"})
    make.edge("0", last, "trained_on")
    make.edge(last, "https://evil.example/0/\"<&>'\\{}|%00%GG;--]]>é(,)=")
    return make.json()


def star(count: int = 250) -> dict[str, Any]:
    """Data sets that one model wrote."""
    make = Maker("model:openai/gpt-3")
    root = make.external("model:openai/gpt-3", {"title": "OpenAI GPT-3", "type": "model"})
    for at in range(count):
        name = make.external(f"pkg:huggingface/org{at % 40}/instructions-{at}", {"title": f"Instructions {at}"})
        make.edge(name, root, "generated_by")
    return make.json()


def ring() -> dict[str, Any]:
    """External names that say they were made from each other, all around."""
    names = [f"pkg:generic/ring/{at}" for at in range(5)]
    make = Maker(names[0])
    for name in names:
        make.external(name)
    for at, name in enumerate(names):
        make.edge(name, names[(at + 1) % 5])
    make.edge(names[0], names[0])
    return make.json()


def chain(count: int = 500) -> dict[str, Any]:
    """Version after version of one thing."""
    make = Maker("0")
    for index in range(count):
        make.asset(index, f"step-{index}")
        if index:
            make.edge(str(index - 1), str(index))
    return make.json()


def large(count: int = 500, seed: int = 4) -> dict[str, Any]:
    """A lab's model with everything behind it and after it: about 1.4 edges a node, wide in the middle."""
    rng = random.Random(seed)
    make = Maker("100000")
    layers = [max(1, round(count * part)) for part in (0.05, 0.16, 0.3, 0.22, 0.11)]
    words = WORDS.split()
    rows: list[list[str]] = []
    index = 0
    for depth, size in enumerate(layers):
        row = []
        for at in range(size):
            index += 1
            title = f"{rng.choice(words)}-{rng.choice(words)}-{at:03d}"
            if rng.random() < 0.55:
                row.append(make.external(f"pkg:huggingface/{rng.choice(words)}/{title}",
                                         {"title": title, "license": rng.choice(LICENSES)}))  # fmt: skip
            else:
                row.append(make.asset(index, title, type=rng.choice(("dataset", "dataset", "outputs", "work")),
                                      record={"license": "CC-BY-4.0"} if at % 2 else {}))  # fmt: skip
            if depth:
                for source in rng.sample(rows[rng.randrange(depth)] + rows[-1], k=rng.choice((1, 1, 1, 2, 2))):
                    make.edge(row[-1], source, rng.choice(("derived_from", "contains", "derived_from")))
        rows.append(row)
    root = make.asset(100_000, "chat-model@4", type="model", party=LAB, record={"name": "chat-model", "version": "4"})
    for source in rng.sample(rows[-1] + rows[-2], k=min(45, len(rows[-1]))):
        make.edge(root, source, "trained_on", bps=rng.choice((0, 100, 500)))
    made = [root]
    while len(make.value["nodes"]) < count:
        index = 100_001 + len(made)
        new = make.asset(index, f"tuned-{rng.choice(words)}-{len(made)}", type=rng.choice(("model", "outputs")))
        make.edge(
            new, rng.choice(made[-12:] if rng.random() < 0.6 else made), rng.choice(("distilled_from", "derived_from"))
        )
        made.append(new)
    return make.json()


def real(shared: Path, root: str, *, steps: int = 3, most: int = 600) -> dict[str, Any]:
    """The neighbourhood of a name in the Data Provenance Collection, up and down."""
    with gzip.open(shared / "real" / "datasets.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]

    def named(text: str, scheme: str) -> str:
        plain = "-".join(str(text).lower().split()).removeprefix("https://").removeprefix("huggingface.co/datasets/")
        return f"{scheme}{plain[:200]}"

    pairs: list[tuple[str, str, str]] = []
    titles: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = named(row["hf_url"] or row["id"], "pkg:huggingface/") + "#" + "-".join(row["id"].split())
        titles[name] = {"title": row["name"] or row["id"], "license": "LicenseRef-" + "-".join(
            "".join(c if c.isalnum() else " " for c in (row["licenses"] or [{"License": "none"}])[0]["License"]).split()
        ) if row["licenses"] else "NONE"}  # fmt: skip
        pairs += [(name, named(source, "pkg:generic/dpc/"), "derived_from") for source in row["derived_from"] or ()]
        for model in row["model_generated"] or ():
            titles[named(model, "model:dpc/")] = {"title": model, "type": "model"}
            pairs.append((name, named(model, "model:dpc/"), "generated_by"))
    make = Maker(root)
    kept = {root}
    for sign in (0, 1):
        ring = {root}
        for _ in range(steps):
            ring = {pair[1 - sign] for pair in pairs if pair[sign] in ring} - kept
            kept |= set(sorted(ring)[: most - len(kept)])
    for name in sorted(kept):
        make.external(name, titles.get(name, {"title": name.split("/", 2)[-1]}))
    for derived, source, relation in pairs:
        if derived in kept and source in kept:
            make.edge(derived, source, relation)
    return make.json()


def dense(count: int = 2_499, near: int = 900, seed: int = 1) -> dict[str, Any]:
    """A model trained on many data sets, each derived from several of the next ones: about eight edges a node, and some
    that go back."""
    rng = random.Random(seed)
    make = Maker("0")
    make.asset(0, "model", type="model", party=LAB)
    names = [make.external(f"pkg:generic/x/{at}", {"title": f"Data set {at}"}) for at in range(count - 1)]
    said = [{"index": 7, "party": CURATOR, "party_name": NAMES[CURATOR]}]
    pairs = dict.fromkeys(("0", name) for name in names[:near])
    for _ in range(2):
        for at, name in enumerate(names):
            following = names[at + 1 : at + 60]
            pairs.update(dict.fromkeys((name, other) for other in rng.sample(following, k=min(4, len(following)))))
            if at % 97 == 55:
                pairs[name, names[at - 50]] = None
    make.value["edges"] = [
        {"from": made, "to": source, "relations": ["derived_from"], "bps": 0, "said_by": said, "kind": "source",
         "uses": [], "earned": []}
        for made, source in pairs
    ]  # fmt: skip
    return make.json()
