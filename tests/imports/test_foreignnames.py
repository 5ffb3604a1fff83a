"""External names of what other places hold: one material, one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.imports.foreignnames import (
    dataset_name,
    generic_name,
    hub_model_name,
    is_repository,
    model_name,
    name_of_url,
)  # fmt: skip
from proofs.fields import is_external_name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://huggingface.co/datasets/tatsu-lab/alpaca", "pkg:huggingface/tatsu-lab/alpaca"),
        ("https://huggingface.co/datasets/squad/", "pkg:huggingface/squad"),
        ("http://hf.co/datasets/tatsu-lab/alpaca", "pkg:huggingface/tatsu-lab/alpaca"),
        ("https://huggingface.co/Meta/Llama-2", "model:meta/llama-2"),
        ("https://huggingface.co/datasets/a/b/tree/main", "https://huggingface.co/datasets/a/b/tree/main"),
        ("https://huggingface.co/spaces/a", "https://huggingface.co/spaces/a"),
        ("https://archive.example/x?y#z", "https://archive.example/x?y#z"),
        ("https://archive.example/a b", None), ("ftp://archive.example/a", None), ("archive", None),
    ],
)  # fmt: skip
def test_addresses(url: str, name: str | None) -> None:
    """A page of the hub is the material that it shows; any other address is itself."""
    assert name_of_url(url) == name


def test_models_and_data_sets_of_one_name_are_two() -> None:
    """The hub gives one name to a model and to a data set: theirs differ, and a model's is in lower case."""
    assert dataset_name("Org/Name") == "pkg:huggingface/Org/Name"
    assert dataset_name("Org/Name", "0a1b") == "pkg:huggingface/Org/Name@0a1b"
    assert hub_model_name("Org/Name") == "model:org/name"
    assert hub_model_name("GPT2") == "model:huggingface/gpt2"


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_any_words_make_a_name_or_are_seen(first: str, second: str) -> None:
    """Names made of any words are external names, or is_external_name tells them; none crashes."""
    encodable = not any(0xD800 <= ord(sign) < 0xE000 for sign in first + second)
    if encodable:
        assert is_external_name(generic_name(first, second))
        made = model_name(first, second)
        assert is_external_name(made) or not first.strip() or not second.strip()
        assert made == made.lower() or "%" in made
    if is_repository(first):
        assert is_external_name(dataset_name(first))
        assert is_external_name(hub_model_name(first))
    assert name_of_url("https://" + first) is None or is_external_name(name_of_url("https://" + first))
