"""litellm's price table (`model_prices_and_context_window.json`): what models cost, in dollars for one unit.

Each entry becomes a material `model:<litellm_provider>/<name>`, and a draft of terms with what an offer can hold.
Prices are converted exactly (node/imports/prices.py). The table's cached tokens aren't among its input tokens, as with
the units `input_token` and `cached_token`. What the table prices by tier (batches, priority, above so many tokens) or
by units that a ledger hasn't (characters, pixels, audio tokens) is noted, never folded into something else.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from node.errors import FileError
from node.imports import safejson
from node.imports.drafting import Draft, Drafts, shown
from node.imports.foreignnames import model_name
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, Reading, TermsDraft
from node.imports.prices import exact_price
from proofs.errors import InputError
from proofs.kinds import KINDS

CURRENCY = "USD"
_SAMPLE = "sample_spec"
"""The entry that explains the others."""

_TOKENS = {
    "input_cost_per_token": "input_token",
    "output_cost_per_token": "output_token",
    "cache_read_input_token_cost": "cached_token",
}
_CALLS = {"input_cost_per_query": "call", "input_cost_per_request": "call"}
_SECONDS = {"input_cost_per_second": "second", "output_cost_per_second": "second"}
_VIDEOS = {"output_cost_per_second": "second", "output_cost_per_video_per_second": "second"}
_IMAGES = {"input_cost_per_image": "item", "output_cost_per_image": "item"}
_BY_MODE = {  # where a unit means one thing: a second of sound, not of a rented machine; an image made, not one shown
    "audio_transcription": _SECONDS, "audio_speech": _SECONDS, "video_generation": _VIDEOS,
    "image_generation": _IMAGES, "image_edit": _IMAGES, "ocr": {"ocr_cost_per_page": "item"},
}  # fmt: skip
_USES = {"embedding": "embed"}
_MODALITIES = {
    "image_generation": "image", "image_edit": "image", "audio_transcription": "audio", "audio_speech": "audio",
    "video_generation": "video",
}  # fmt: skip
_KNOWN = ("litellm_provider", "mode", "source")
_URL = KINDS["terms"].optional["url"]


def read_litellm(path: str, *, place: str) -> Reading:
    """The models and prices of a table. `place`: what the file is called in messages. Entries that can't be read, and
    prices that no offer can hold, are noted and the rest is taken. Raises InputError where it is no such table."""
    table = safejson.load_file(path)
    if not isinstance(table, dict) or not any(_is_entry(entry) for entry in table.values()):
        raise FileError(
            f"{place} is no price table of litellm", field="FILE",
            expected="a JSON object of models, each an object with litellm_provider",
        )  # fmt: skip
    reading = Reading(source=place)
    drafts, others = Drafts(reading), Counter[str]()
    for key, entry in table.items():
        if key == _SAMPLE:
            continue
        where = shown(key)
        if not _is_entry(entry):
            drafts.note(where, "litellm_provider", entry, REFUSED, "an entry is an object that names its provider")
            continue
        _read_entry(drafts, others, key, entry, where)
    for name, count in others.items():
        drafts.note(place, name, f"{count} entries", NOT_CARRIED, "no price, and no field holds it")
    return reading


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("litellm_provider"), str)


def _read_entry(drafts: Drafts, others: Counter[str], key: str, entry: dict[str, Any], where: str) -> None:
    provider = entry["litellm_provider"]
    name = key[len(provider) + 1 :] if key.casefold().startswith(f"{provider.casefold()}/") else key
    draft = drafts.begin(model_name(provider, name), "model", where)
    if draft is None:
        return
    mode = entry["mode"] if isinstance(entry.get("mode"), str) else ""
    draft.put("title", key, "name")
    draft.put("modality", _MODALITIES.get(mode), "mode")
    draft.finish()
    if entry.get("mode") is not None and mode not in _USES and mode not in _MODALITIES:
        others["mode"] += 1
    units = {**_TOKENS, **_CALLS, **_BY_MODE.get(mode, {})}
    if entry.get("output_cost_per_image") is not None:  # then the other one is of images shown, not of images made
        units.pop("input_cost_per_image", None)
    prices: dict[str, list[tuple[str, tuple[int, int]]]] = {}
    for field, value in entry.items():
        if field in _KNOWN or value is None:
            continue
        if field not in units:
            if "cost" in field:
                draft.note(field, value, NOT_CARRIED, "no unit, or no tier, of an offer is meant by this price")
            else:
                others[field] += 1
            continue
        try:
            price = exact_price(value, field=field)
        except InputError as error:
            draft.note(field, value, REFUSED, f"{error.detail}: expected {error.expected}")
        else:
            prices.setdefault(units[field], []).append((field, price))
    offers = _offers(draft, _USES.get(mode, "infer"), prices)
    url = entry.get("source")
    if url not in (None, "") and not (offers and _URL.ok(url)):
        draft.note("source", url, NOT_CARRIED, "no terms are made of the entry" if _URL.ok(url) else "no address")
    if offers:
        terms: dict[str, object] = {"currency": CURRENCY, "offers": offers}
        if _URL.ok(url):
            terms["url"] = url
        drafts.reading.terms.append(TermsDraft(draft.name, where, terms))


def _offers(draft: Draft, use: str, prices: dict[str, list[tuple[str, tuple[int, int]]]]) -> list[dict[str, object]]:
    """One offer for each unit, for an asset has one price for a use and a unit."""
    made: list[dict[str, object]] = []
    for unit, found in prices.items():
        fields = ", ".join(name for name, _price in found)
        different = {price for _name, price in found}
        charged = {price for price in different if price[0]}
        if len(charged) > 1:
            draft.note(fields, [price for _name, price in found], AMBIGUOUS, f"two prices for one {unit}: none taken")
            continue
        if len(found) > 1:
            draft.note(fields, len(found), GUESSED, f"fields for one {unit}: taken as one price, not as a sum")
        price, per = charged.pop() if charged else (0, 1)
        if not price:
            draft.note(fields, 0, GUESSED, "taken as free of charge; the table writes 0 for prices not known as well")
        made.append({"use": use, "unit": unit, "price": price, "per": per})
    return made
