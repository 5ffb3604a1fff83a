"""node.detect.markup: web pages as their readers see them, whatever the markup is, in time that is linear."""

import time
from pathlib import Path

import pytest

from node.detect.markup import is_page, without_markup
from node.detect.reading import Options, read_items
from node.detect.remarks import PAGE, Remarks
from node.detect.text import normalise

PAGES = {
    "plain": "<!DOCTYPE html><p>Hello <b>wor</b>ld &amp; all</p>",
    "declared": '<?xml version="1.0"?>\n<!-- made -->\n<html lang="en"><body>Hello world &#38; all',
    "script": "<!doctype html><SCRIPT>if (a<b) x('no')</SCRIPT ><style>p{}</style>Hello<br/>world &#x26; all<!-- > -->",
    "links": "<html>\n<a href='/1'>Hello</a> <a href='/2'>world</a> <a\nhref='/3'>&amp;</a> <a href='/4'>all</a>",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_a_page_is_what_its_reader_sees(page: str) -> None:
    """Tags, comments, scripts and styles say nothing; entities are what they stand for."""
    assert is_page(page)
    assert normalise(without_markup(page)) == b"helloworldall"


@pytest.mark.parametrize("text", ["a < b and c > d", "<p>no page</p>", "", "&amp", "x<!doctype html>"])
def test_other_text_is_no_page(text: str) -> None:
    """Text with a sign or a tag in it is read as it stands; a lone < or & stays."""
    assert not is_page(text)
    if "<p>" not in text and "<!" not in text:
        assert without_markup(text) == text


def test_markup_of_any_kind_takes_linear_time() -> None:
    """Nothing that isn't closed makes what comes behind it be looked at again and again."""
    began = time.process_time()
    for part in ("<", "<a ", "<!--", "<script", "<style></style", "&a", "&#9", "<a <", "<!-- -"):
        without_markup("<html>" + part * (400_000 // len(part)))
    assert time.process_time() - began < 20


def test_pages_are_read_as_text(tmp_path: Path) -> None:
    """A file and a row's field that are pages are read without markup, under the hash of what they are; it is said."""
    (tmp_path / "page.html").write_text(PAGES["links"])
    (tmp_path / "rows.jsonl").write_text('{"t": "<html><i>Hello</i> world"}\n{"t": "a <i>b</i>"}\n')
    remarks = Remarks()
    options = Options(columns=("t",))
    found = [read.item for read in read_items([str(tmp_path)], options=options, remarks=remarks)]
    assert [normalise(item.text or "") for item in found] == [b"helloworldall", b"helloworld", b"aibi"]
    assert remarks.counts[PAGE] == 2
    assert len({item.sha256 for item in found}) == 3
