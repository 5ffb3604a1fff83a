"""The models that the Data Provenance Collection names as writers of data sets, as external names.

`model_generated` is free text: models with and without their maker, families, and things that are no models. A name
of the hub becomes `pkg:huggingface/ORG/NAME`, one with a known maker `model:<maker>/<name>`; what a table of families
doesn't know, `model:unknown/<name>`.
"""

from __future__ import annotations

import re

from node.imports.foreignnames import hub_name, is_repository, model_name

UNKNOWN_MAKER = "unknown"
NOT_MODELS = {
    "other": "some model that isn't named",
    "templates": "written by templates, not by a model",
    "svm": "a method, not a model",
    "nbc": "a method, not a model",
    "wikisql": "a data set, not a model",
}
"""Values of `model_generated` for which there is no edge, and why."""

DATASETS_TOO = frozenset(("alpaca", "dolly"))
"""Names of models and of the data sets that these were made with: which is meant shows only where the same row lists
the name under `derived_from` too."""

_MAKERS = {  # by how a name begins, the longest first; where it begins with the maker's own name, that isn't repeated
    "openai ": "openai", "anthropic ": "anthropic", "google ": "google", "claude": "anthropic", "command r": "cohere",
    "bart": "facebook", "roberta": "facebook", "xlm": "facebook", "fairseq": "facebook", "llama": "meta-llama",
    "flan-t5": "google", "t5": "google", "bert": "google", "transformer_xl": "google", "xlnet": "google",
    "mistral": "mistralai", "mixtral": "mistralai", "nous-hermes": "nousresearch", "vicuna": "lmsys",
    "alpaca": "tatsu-lab", "dolly": "databricks", "starcoder": "bigcode", "ctrl": "salesforce", "grover": "allenai",
    "bx ": "mbzuai", "indictrans2": "ai4bharat", "seallm": "seallms", "deepl": "deepl", "bing chat": "microsoft",
    "gretel ": "gretelai", "sbert": "sentence-transformers", "elmo": "allenai",
}  # fmt: skip
_BEGINNINGS = sorted(_MAKERS, key=len, reverse=True)
_SPACES = re.compile(r"\s+")


def name_model(text: str) -> tuple[str, bool]:
    """The external name of a model by its free name, and whether its maker is known. `OpenAI GPT-3` is
    `model:openai/gpt-3`, `m-a-p/Kun-LabelModel` is `pkg:huggingface/m-a-p/Kun-LabelModel`."""
    plain = _SPACES.sub(" ", text.strip())
    if plain.count("/") == 1 and is_repository(plain):
        return hub_name(plain), True
    folded = plain.casefold()
    for beginning in _BEGINNINGS:
        if folded.startswith(beginning):
            maker = _MAKERS[beginning]
            rest = plain[len(beginning) :] if beginning == f"{maker} " else plain
            return model_name(maker, rest.replace(" ", "-")), True
    return model_name(UNKNOWN_MAKER, plain.replace(" ", "-")), False
