"""Materials and terms of any kind, for the writers of licence and data set formats."""

from typing import Any

from hypothesis import strategies as st

from node.imports.rslwords import COVERED
from proofs.fields import ASSET_ORIGINS, DUTIES, RELATIONS, UNITS, USES, is_external_name, is_text

REF = f"5:{'ab' * 32}"

texts = st.one_of(
    st.sampled_from(["Harbour logs", "a & b < c \"d\" 'e'", "наименование", "]]>", "日本語"]),
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf")), min_size=1, max_size=30),
).filter(is_text)
external_names = st.one_of(
    st.sampled_from([
        "https://harbour.example/a?b=1&c=2", "https://harbour.example/*", "http://a.example", "pkg:huggingface/org/set",
        "pkg:huggingface/org/set@5f3c", "doi:10.5281/zenodo.12", "model:openai/gpt-3", "pkg:generic/list/na%20me",
        "https://huggingface.co/datasets/org/set", "https://doi.org/10.1234/x",
    ]),
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Cf")), min_size=1, max_size=20).map(
        lambda text: f"https://h.example/{text}"
    ),
).filter(is_external_name)  # fmt: skip
licenses = st.sampled_from([
    "MIT", "CC-BY-4.0", "CC-BY-NC-SA-3.0-IGO", "CC0-1.0", "LicenseRef-own", "MIT OR Apache-2.0",
    "GPL-2.0-only WITH Classpath-exception-2.0", "(MIT AND CC-BY-4.0) OR LicenseRef-x",
])  # fmt: skip
digests = st.binary(min_size=32, max_size=32)
ms = st.integers(0, 4_000_000_000_000)

amounts = st.one_of(st.integers(0, 2**53), st.sampled_from([0, 1, 15_000_000, 10**9]))
pers = st.one_of(st.sampled_from([1, 2, 3, 10, 1000, 1_000_000]), st.integers(1, 10**12))


def offers(uses: tuple[str, ...] = USES, units: tuple[str, ...] = UNITS) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Offers, one for each use and unit at most."""
    one = st.fixed_dictionaries(
        {"use": st.sampled_from(uses), "unit": st.sampled_from(units), "price": amounts, "per": pers}
    )
    return st.lists(one, max_size=8, unique_by=lambda offer: (offer["use"], offer["unit"]))


urls = st.sampled_from(["https://harbour.example/terms", "http://t.example/?a=1&b=<2>"])


@st.composite
def terms(draw: st.DrawFn) -> dict[str, Any]:
    """The fields of any `terms` record but its asset."""
    made: dict[str, Any] = {"currency": draw(st.sampled_from(["EUR", "JPY", "XBT1"])), "offers": draw(offers())}
    rules: dict[str, st.SearchStrategy[Any]] = {
        "prohibits": st.lists(st.sampled_from(USES), unique=True, max_size=6),
        "duties": st.lists(st.sampled_from(DUTIES), unique=True, max_size=3),
        "splits": st.lists(digests, min_size=1, max_size=1).map(lambda keys: [{"party": keys[0], "bps": 10_000}]),
        "derivatives": st.integers(0, 10_000), "needs_grant": st.booleans(),
        "on_match": st.sampled_from(["track", "charge", "block"]), "arbiter": digests, "license": licenses,
        "url": urls, "text": digests,
    }  # fmt: skip
    for name, strategy in rules.items():
        if draw(st.booleans()):
            made[name] = draw(strategy)
    return made


@st.composite
def rsl_terms(draw: st.DrawFn) -> dict[str, Any]:
    """Terms such as RSL often has: whole usages, prices for each time."""
    made: dict[str, Any] = {
        "currency": "EUR",
        "offers": draw(offers(COVERED, ("use", "call"))),
        "prohibits": draw(st.lists(st.sampled_from(USES), unique=True, max_size=4)),
    }
    if draw(st.booleans()):
        made["duties"] = ["attribution"]
    return made


@st.composite
def records(draw: st.DrawFn, *, types: tuple[str, ...] = ("dataset", "outputs", "work")) -> dict[str, Any]:
    """The fields of any `description`, without a share in anything."""
    name = draw(external_names)
    made: dict[str, Any] = {"name": name, "type": draw(st.sampled_from(types))}
    rules: dict[str, st.SearchStrategy[Any]] = {
        "title": texts, "version": texts, "media": st.sampled_from(["text/csv", "application/octet-stream"]),
        "uri": st.one_of(external_names, st.just("urn:isbn:1")), "license": licenses,
        "iscc": st.just("ISCC:KACYPXW445FTYNJ3"), "origin": st.sampled_from(ASSET_ORIGINS), "modality": texts,
        "collected_from": ms, "collected_until": ms,
        "sources": st.lists(st.tuples(external_names, st.sampled_from(RELATIONS)), unique=True, max_size=5).map(
            lambda pairs: [{"asset": source, "as": relation} for source, relation in pairs if source != name]
        ),
    }  # fmt: skip
    for field, strategy in rules.items():
        if draw(st.booleans()):
            made[field] = draw(strategy)
    if draw(st.booleans()):
        made.update(root=draw(digests), items=draw(st.integers(0, 2**63 - 1)), bytes=draw(st.integers(0, 2**63 - 1)))
    if made.get("collected_until", 2**63) < made.get("collected_from", 0):
        del made["collected_until"]
    return made
