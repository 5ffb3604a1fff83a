"""Reports as Markdown and JSON: strangers' texts make no markup, and what is missing is said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from node.reports.document import (
    ANSWERS_MAX,
    DECLARED,
    Answer,
    Report,
    Section,
    Source,
    as_value,
    code,
    escaped,
    item,
    markdown,
)

SOURCE = Source(f"12:{12:064x}", "ab" * 32, "Archive")
HOSTILE = (
    "# Approved", "[click](http://evil.example)", "![x](http://evil.example/x.png)", "<script>alert(1)</script>",
    "<http://evil.example>", "http://evil.example", "www.evil.example", "a@evil.example", "`code` ``more``",
    "| a | b |",
    "*bold* _it_ ~~no~~", "1. one", "- two", "&lt;b&gt; &amp;", "a\\", "`", "``", "[x]: http://evil.example", "$x$",
    "a\u202eb", "==== ", "> quoted", "```", "\\`<b>\\`", "```\n# x\n```", "x\n\n# y", "<!--", "]]>", "a`b``c```d",
)  # fmt: skip


def made(text: str) -> Report:
    """A report with a stranger's text wherever there can be one."""
    source = Source(text, text, text)
    answers = [Answer("size", DECLARED, (source,), quoted=text, about=text, value=text)]
    return Report("f/v1", "Title", text, text, 7, ("Basis.",), (text,), (
        Section("1", "First", (item("Known", answers), item("Empty", ()))),
    ), ("nothing",))  # fmt: skip


def tokens_of(lines: list[str]) -> list[Token]:
    """Every token, those within lines too."""
    found = MarkdownIt("commonmark").parse("\n".join(lines))
    return found + [inner for token in found for inner in token.children or ()]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_stranger_s_text_makes_no_markup(text: str) -> None:
    """Headings, links, pictures, HTML, quotes, lists and emphasis are the report's own, whatever a name says."""
    tokens = tokens_of(list(markdown(made(text))))
    plain = tokens_of(list(markdown(made("plain"))))
    kinds = [token.type for token in tokens if token.type != "text"]
    assert kinds == [token.type for token in plain if token.type != "text"]


@given(st.text(max_size=60))
def test_any_text_is_text_and_code(text: str) -> None:
    """Escaped it is one run of plain text; as code it is one code span."""
    (one,) = [token for token in MarkdownIt("commonmark").parse(f"x {escaped(text)} x") if token.type == "inline"]
    assert {child.type for child in one.children or ()} <= {"text", "text_special"}
    (one,) = [token for token in MarkdownIt("commonmark").parse(f"x {code(text or 'a')} x") if token.type == "inline"]
    assert [child.type for child in one.children or ()] == ["text", "code_inline", "text"]


@pytest.mark.parametrize("text", ["http://evil.example", "www.evil.example", "a@evil.example", "a|b", "~~a~~", "$a$"])
def test_extensions_of_markdown_make_nothing_of_it_either(text: str) -> None:
    """Bare addresses, tables, strikethrough and formulas, which some readers add, are broken by a backslash."""
    assert text not in escaped(text)
    assert all(escaped(sign) == f"\\{sign}" for sign in "|~$@:.")


def test_what_is_missing_is_said_where_it_stands_and_at_the_end() -> None:
    """An item without answers is `not logged`, with the reason, in both forms."""
    lines = list(markdown(made("x")))
    assert "**Empty:** not logged (nobody logged it)" in lines
    assert "- 1 Empty: nobody logged it" in lines
    value = as_value(made("x"))
    assert value["missing"] == [{"section": "1", "item": "Empty", "reason": "nobody logged it"}]
    assert value["sections"][0]["items"][1] == {"label": "Empty", "answers": [], "missing": "nobody logged it"}
    assert "missing" not in value["sections"][0]["items"][0]


def test_each_answer_has_its_record_and_author() -> None:
    """In Markdown by name, key and reference; in JSON whole."""
    report = Report("f/v1", "Title", "1", "m", 7, (), (), (
        Section("1", "First", (item("Size", [Answer("5 bytes", DECLARED, (SOURCE,), about="10", value=5)]),)),
    ), ())  # fmt: skip
    text = "\n".join(markdown(report))
    assert f"- `10` 5 bytes (declared by Archive `{'ab' * 8}…` in `{SOURCE.record}`)" in text
    (answer,) = json.loads(json.dumps(as_value(report)))["sections"][0]["items"][0]["answers"]
    assert answer["sources"] == [{"record": SOURCE.record, "party": SOURCE.party, "party_name": "Archive"}]
    assert (answer["value"], answer["about"], answer["standing"]) == (5, "10", DECLARED)


def test_an_item_s_answers_are_bounded() -> None:
    """A thousand are shown, and how many more there are is said."""
    many = item("Many", [Answer(str(at), DECLARED) for at in range(ANSWERS_MAX + 5)])
    assert (len(many.answers), many.more) == (ANSWERS_MAX, 5)
    report = Report("f/v1", "T", "1", "m", 7, (), (), (Section("1", "F", (many,)),), ())
    assert "- and 5 more" in list(markdown(report))
    assert as_value(report)["sections"][0]["items"][0]["more"] == 5
