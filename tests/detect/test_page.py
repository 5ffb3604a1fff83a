"""The page of findings in a real browser: hostile texts stay text, matches are marked, it can be read and printed."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from node.agents.page import STYLE as BASE_STYLE
from node.agents.page import policy
from node.detect.finding import Findings, Passage, Registered, Remark
from node.detect.page import SHOWN_MAX, STYLE, findings_page, shown
from tests.detect.findingsfile import finding, findings
from tests.node.browser import Tab, look
from tests.node.test_pages import CONTRAST, CONTRAST_MIN

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>&lt;\"'`"
ARABIC = "هذه جملة عربية طويلة بما يكفي"
PERSIAN = "می\u200cخواهم"
OVERRIDE = "safe\u202egnp.exe"


def whole() -> Findings:
    """Findings whose every text is hostile, or of another script."""
    passages = (
        Passage((f"before {HOSTILE} ", f"match {HOSTILE}", " after\x00\x1b[31m"), ("", ARABIC, f" {OVERRIDE}"), 29),
        Passage(("", f"{PERSIAN} one", " gap ", "two", ""), None, 6),
    )
    one = finding(0, owner=HOSTILE, passages=passages, registered=Registered("7:" + "ab" * 32, "cd" * 32),
                  policy="charge")  # fmt: skip
    one = replace(one, item=replace(one.item, name=HOSTILE + OVERRIDE))
    found = findings(one, finding(1, owner=ARABIC, passages=(Passage(("", "x" * 2_000, ""), None, 2_000),)))
    looked = replace(found.looked_at, remarks=(Remark(HOSTILE, 2, (HOSTILE, ARABIC)),))
    owners = (replace(found.owners[0], title=f"Title {HOSTILE}", policy="charge"), found.owners[1])
    return replace(found, looked_at=looked, owners=owners, against=replace(found.against, name=HOSTILE))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page as a file."""
    path = tmp_path / "findings.html"
    path.write_text(findings_page(whole()), encoding="utf-8")
    return path


def test_hostile_texts_are_text(page: Path, tmp_path: Path) -> None:
    """Names, titles, passages and remarks are shown letter by letter; nothing of them became an element, ran or was
    fetched; what would reorder or move the text is an escape."""

    async def check(opened: Tab) -> None:
        text = await opened.value("document.body.innerText")
        for part in ("before ", "match ", "Title ", "paths "):
            assert part + HOSTILE in text
        assert "after\\x00\\x1b[31m" in text
        assert "safe\\u202egnp.exe" in text
        assert "owned" not in (await opened.value("document.title")).replace(HOSTILE, "")
        for what in ("script", "img", "iframe", "object", "link", "form", "a", "[onclick]", "[onerror]", "[style]"):
            assert await opened.value(f"document.querySelectorAll('{what}').length") == 0, what
        assert opened.requests == [page.as_uri()]
        assert opened.said == []

    look(tmp_path, page, check)


def test_what_matches_is_marked_and_runs_its_own_way(page: Path, tmp_path: Path) -> None:
    """Marks hold the match and nothing else; right-to-left text runs so in its own box, joiners stay; a side without
    text says why."""

    async def check(opened: Tab) -> None:
        marks = await opened.value("[...document.querySelectorAll('mark')].map(e => e.textContent)")
        assert marks == [f"match {HOSTILE}", ARABIC, f"{PERSIAN} one", "two", "x" * 2_000]
        boxes = "[...document.querySelectorAll('blockquote')]"
        assert await opened.value(f"{boxes}.every(e => e.dir === 'auto')")
        ways = await opened.value(f"{boxes}.map(e => getComputedStyle(e).direction)")
        assert ways[:3] == ["ltr", "rtl", "rtl"]
        assert await opened.value("[...document.querySelectorAll('bdi')].every(e => e.dir === 'auto' || !e.dir)")
        for said in (
            "rung 3 of 6",
            "common source",
            "in a million",
            "1,000,000 unrelated pairs",
            "charge",
            "7:abab",
            "not its text",
        ):
            assert said in await opened.value("document.body.innerText"), said

    look(tmp_path, page, check)


def test_it_can_be_read_in_light_and_dark_and_printed(page: Path, tmp_path: Path) -> None:
    """Contrast is enough in both, marks too; nothing is cut off at the width of a telephone or of paper; sides stand
    beside each other where there is room; printed it is light."""

    async def check(opened: Tab) -> None:
        features: list[dict[str, str]] = []
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            for media in ("screen", "print"):
                await opened.call("Emulation.setEmulatedMedia", media=media, features=features)
                assert await opened.value(CONTRAST) >= CONTRAST_MIN, (scheme, media)
        white = await opened.value("getComputedStyle(document.body).backgroundColor")
        assert white == "rgb(255, 255, 255)"
        await opened.call("Emulation.setEmulatedMedia", media="screen", features=features)
        assert await opened.value("getComputedStyle(document.body).backgroundColor") != white
        for width, columns in ((320, 1), (1280, 2)):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            await opened.call("Emulation.setDeviceMetricsOverride", **metrics)
            assert await opened.value("document.documentElement.scrollWidth") <= width
            grid = await opened.value("getComputedStyle(document.querySelector('.sides')).gridTemplateColumns")
            assert len(grid.split()) == columns
        printed = base64.b64decode((await opened.call("Page.printToPDF", preferCSSPageSize=True))["data"])
        assert printed.startswith(b"%PDF-")

    look(tmp_path, page, check)


def test_its_policy_lets_its_own_style_through_and_nothing_else(page: Path) -> None:
    """The style's hash is in the policy; without scripts there is nothing to allow."""
    text = page.read_text(encoding="utf-8")
    assert policy(BASE_STYLE + STYLE).replace("'", "&#x27;") in text
    assert "script-src" not in text
    assert text.count("<style>") == 1


def test_owners_come_before_findings_and_figures_before_both() -> None:
    """A reader sees first how many were found beside how many chance would give."""
    text = findings_page(whole())
    order = ["2 matches of 1,000 pairs", "about 0.02 would match", "<h2>Owners", "<h2>Passages", "<h2>Left out",
             "<h2>How to read"]  # fmt: skip
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)


def test_a_page_without_findings_says_so() -> None:
    """Also where the sources aren't known."""
    found = findings()
    looked = replace(found.looked_at, pairs=None, expected_false=None, expected_false_upper=None)
    text = findings_page(replace(found, looked_at=looked))
    assert "Nothing was found" in text
    assert "not known" in text
    assert "<article" not in text


def test_the_page_is_bounded() -> None:
    """So many findings with their passages; the others are in the file."""
    many = findings(*(finding(number) for number in range(SHOWN_MAX + 5)))
    text = findings_page(many)
    assert text.count("<article>") == SHOWN_MAX
    assert f"The best {SHOWN_MAX} of {SHOWN_MAX + 5} matches" in text


def test_running_text_keeps_its_lines_and_loses_its_tricks() -> None:
    """Lines stay, spaces of every kind are one, what can't be seen is an escape."""
    assert shown("a\r\nb\t\u00a0\u3000c\n\n\n\n\nd<").source == "a\nb c\n\nd&lt;"
    assert shown("\x07\u2066\ufeff\ud800").source == "\\x07\\u2066\\ufeff\\ud800"
    assert shown(PERSIAN + "\u00ad").source == PERSIAN + "\u00ad"
