"""External names of what other places hold: one material, one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.imports.foreignnames import (
    generic_name,
    hub_name,
    hub_page,
    hub_url,
    is_repository,
    model_name,
    name_of_url,
    one_package,
)  # fmt: skip
from proofs.fields import is_external_name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://huggingface.co/datasets/tatsu-lab/alpaca", "pkg:huggingface/tatsu-lab/alpaca"),
        ("https://huggingface.co/datasets/squad/", "pkg:huggingface/squad"),
        ("http://hf.co/datasets/tatsu-lab/alpaca", "pkg:huggingface/tatsu-lab/alpaca"),
        ("https://huggingface.co/Meta/Llama-2", "pkg:huggingface/Meta/Llama-2"),
        ("https://huggingface.co/datasets/a/b/tree/main", "pkg:huggingface/a/b"),
        ("https://huggingface.co/datasets/a/b/tree/v1.0", "pkg:huggingface/a/b@v1.0"),
        (f"https://huggingface.co/Meta/Llama-2/tree/{'0A1B' * 10}/", f"pkg:huggingface/Meta/Llama-2@{'0a1b' * 10}"),
        (f"https://huggingface.co/a/b/commit/{'0a1b' * 10}", f"pkg:huggingface/a/b@{'0a1b' * 10}"),
        ("https://huggingface.co/datasets/a/b/blob/main/README.md", "pkg:huggingface/a/b"),
        ("https://huggingface.co/datasets/a/b/blob/5f3c/README.md#uses", "pkg:huggingface/a/b@5f3c"),
        ("https://huggingface.co/a/b/resolve/5f3c/on/model.bin?download=true", "pkg:huggingface/a/b@5f3c"),
        ("https://huggingface.co/datasets/a/b/tree/refs%2Fconvert%2Fa", "pkg:huggingface/a/b@refs/convert/a"),
        ("https://huggingface.co/datasets/a/b/tree/refs/pr/1/data", "pkg:huggingface/a/b@refs/pr/1"),
        ("https://huggingface.co/gpt2", "pkg:huggingface/gpt2"),
        ("https://huggingface.co/gpt2/tree/v2", "pkg:huggingface/gpt2@v2"),
        ("https://huggingface.co/datasets/squad/raw/main/README.md", "pkg:huggingface/squad"),
        *((page, page) for page in (
            "https://huggingface.co/spaces/a", "https://huggingface.co/", "https://huggingface.co/datasets",
            "https://huggingface.co/pricing", "https://huggingface.co/docs/hub", "https://huggingface.co/a/b/discussions/1",
            "https://huggingface.co/datasets/a/b?row=1", "https://huggingface.co/a/b#uses",
            "https://huggingface.co/a/b/tree/v1?x=y", "https://huggingface.co/a/b/c/tree/main",
            "https://hub.example/a/b/tree/main",
        )),
        ("https://archive.example/x?y#z", "https://archive.example/x?y#z"),
        ("https://archive.example/a b", None), ("ftp://archive.example/a", None), ("archive", None),
    ],
)  # fmt: skip
def test_addresses(url: str, name: str | None) -> None:
    """A page of the hub is the material that it shows; any other address is itself."""
    assert name_of_url(url) == name


def test_names_of_the_hub() -> None:
    """The package URL of a model and of a data set; a page's type leads back to the page."""
    assert hub_name("Org/Name") == "pkg:huggingface/Org/Name"
    assert hub_name("Org/Name", "0a1b") == "pkg:huggingface/Org/Name@0a1b"
    for page in ("https://huggingface.co/Org/Name", "https://huggingface.co/datasets/Org/Name"):
        found = hub_page(page)
        assert found is not None
        assert hub_url(*found[:3]) == page
        assert name_of_url(page) == "pkg:huggingface/Org/Name"
        found = hub_page(f"{page}/tree/refs%2Fpr%2F1")
        assert found is not None
        assert (found.repository, found.revision, found.path) == ("Org/Name", "refs/pr/1", "")
        assert hub_url(*found[:3]) == f"{page}/tree/refs%2Fpr%2F1"
    assert hub_page("https://huggingface.co/spaces/a") is None
    assert hub_page("Org/Name") is None


_REVISION = "0A1B" * 10


@pytest.mark.parametrize(
    ("given", "one"),
    [
        ("pkg:HuggingFace/Org/Name", "pkg:huggingface/Org/Name"),
        ("pkg:huggingface/Org/Name/", "pkg:huggingface/Org/Name"),
        (f"pkg:huggingface/Org/Name@{_REVISION}", f"pkg:huggingface/Org/Name@{_REVISION.lower()}"),
        ("pkg:huggingface/Org/Name@V1.0", "pkg:huggingface/Org/Name@V1.0"),
        ("pkg:huggingface/Org/Name?repository_url=https://huggingface.co", "pkg:huggingface/Org/Name"),
        (f"pkg:huggingface/gpt2@{_REVISION}?repository_url=https:%2F%2FHuggingface.co/#x",
         f"pkg:huggingface/gpt2@{_REVISION.lower()}#x"),
        ("pkg:huggingface/a/b?repository_url=https://hub.example", "pkg:huggingface/a/b?repository_url=https://hub.example"),
        ("pkg:huggingface/a/b?repository_url=https://huggingface.co&x=y",
         "pkg:huggingface/a/b?repository_url=https://huggingface.co&x=y"),
        ("pkg:pypi/Name@V", "pkg:pypi/Name@V"), ("model:Org/Name", "model:Org/Name"),
    ],
)  # fmt: skip
def test_one_form_of_a_package_of_the_hub(given: str, one: str) -> None:
    """Type and commit in lower case, without the hub's own address; another hub's package, or another type, stays."""
    assert one_package(given) == one
    assert one_package(one) == one


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
        assert is_external_name(hub_name(first))
        assert one_package(hub_name(first)) == hub_name(first)
    assert name_of_url("https://" + first) is None or is_external_name(name_of_url("https://" + first))
