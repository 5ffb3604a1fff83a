"""Pages in a real browser: hostile names stay words, nothing runs or is fetched, everybody can read and print it."""

import base64
import re
import socket
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from node.agents import page
from node.agents.page import POLICY, STYLE, cell, claim, number, tag, text
from tests.node.browser import Tab, look
from tests.node.clitool import Cli
from tests.node.harness import NodeProcess
from tests.node.moneyworld import HOSTILE, World, make_world, settle_once

WHITE_A4_PX = 794
CONTRAST_MIN = 4.5

# The contrast of every piece of text with what is behind it, by the definition of WCAG 2.
CONTRAST = """(() => {
  const part = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); }
    return [255, 255, 255]; };
  const all = [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  return Math.min(...all.map(e => { const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }));
})()"""


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """A log whose publisher has a hostile name."""
    return make_world(node, name=HOSTILE)


@pytest.fixture(scope="module")
def pages(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both pages as the program writes them."""
    folder = tmp_path_factory.mktemp("pages")
    cli = Cli(folder, {"USANCE_NODE": world.node.url, "USANCE_LOG": world.node.vkey.text})
    statement = settle_once(world)
    assert cli("report", "statement", statement.index, "--html", "statement.html").code == 0
    party = world.publisher.key.hex()
    assert cli("report", "items", "--party", party, "--month", "2023-11", "--html", "items.html").code == 0
    return {name: folder / f"{name}.html" for name in ("statement", "items")}


NAMES = ("statement", "items")


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_words(pages: dict[str, Path], tmp_path: Path, name: str) -> None:
    """The browser shows the name letter by letter; it made no element of it, ran nothing and asked for nothing."""

    async def check(opened: Tab) -> None:
        assert HOSTILE in await opened.value("document.body.innerText")
        assert "owned" not in (await opened.value("document.title")).replace(HOSTILE, "")
        for what in ("script", "img", "iframe", "object", "link", "form", "a", "[onclick]", "[onerror]", "[style]"):
            assert await opened.value(f"document.querySelectorAll('{what}').length") == 0, what
        assert opened.requests == [pages[name].as_uri()]
        assert opened.said == []

    look(tmp_path, pages[name], check)


@pytest.mark.parametrize("name", NAMES)
def test_its_structure_is_there_for_those_who_don_t_see_it(pages: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Language, title, one heading of the first level and no level left out, tables with captions and heads."""

    async def check(opened: Tab) -> None:
        nodes = (await opened.call("Accessibility.getFullAXTree"))["nodes"]
        roles: dict[str, list[Any]] = {}
        for found in nodes:
            if not found.get("ignored"):
                roles.setdefault(found["role"]["value"], []).append(found)
        levels = [
            next(p["value"]["value"] for p in heading["properties"] if p["name"] == "level")
            for heading in roles["heading"]
        ]
        assert levels.count(1) == 1
        assert set(levels) == {1, 2}
        assert levels[0] == 1
        tables = roles["table"]
        assert tables
        assert all(found["name"]["value"] for found in tables)
        assert roles["columnheader"]
        assert roles["rowheader"]
        assert "main" in roles
        assert await opened.value("document.documentElement.lang") == "en"
        assert await opened.value("document.title")

    look(tmp_path, pages[name], check)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read_and_printed(pages: dict[str, Path], tmp_path: Path, name: str) -> None:
    """The policy lets the page's own style through; contrast is enough on screen and paper; nothing is cut off at the
    width of a telephone or of paper; it prints, with table heads on every sheet."""

    async def check(opened: Tab) -> None:
        assert await opened.value("getComputedStyle(document.querySelector('th')).borderBottomWidth") != "0px"
        assert await opened.value(CONTRAST) >= CONTRAST_MIN
        for width in (320, WHITE_A4_PX):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            await opened.call("Emulation.setDeviceMetricsOverride", **metrics)
            wide = await opened.value("document.documentElement.scrollWidth")
            assert wide <= width, (width, wide)
        await opened.call("Emulation.setEmulatedMedia", media="print")
        assert await opened.value("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
        assert await opened.value("getComputedStyle(document.querySelector('tbody tr')).breakInside") == "avoid"
        assert await opened.value(CONTRAST) >= CONTRAST_MIN
        printed = base64.b64decode((await opened.call("Page.printToPDF", preferCSSPageSize=True))["data"])
        assert printed.startswith(b"%PDF-")
        assert re.search(rb"/Type\s*/Page\b", printed)

    look(tmp_path, pages[name], check)


def test_what_slipped_through_would_not_run(pages: dict[str, Path], tmp_path: Path) -> None:
    """A script, a handler, a style and a picture put into the page's source by hand: the policy stops each of them."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        slipped = (
            "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
            f'<img src="{address}"><p id="styled" style="color: rgb(1, 2, 3)">x</p><iframe src="{address}"></iframe>'
        )
        changed = tmp_path / "changed.html"
        changed.write_text(pages["statement"].read_text().replace("<h1>", slipped + "<h1>"))

        async def check(opened: Tab) -> None:
            title = await opened.value("document.title")
            assert title.replace(HOSTILE, "").startswith("Statement ")
            assert await opened.value("getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)"
            assert sum("Content Security Policy" in said for said in opened.said) >= 4

        look(tmp_path, changed, check)
        assert asked(listening) == []


def asked(listening: socket.socket) -> list[bytes]:
    """What was sent to a socket by programs that have ended. (A browser may connect ahead of any request.)"""
    listening.setblocking(False)
    found = []
    while True:
        try:
            connection, _ = listening.accept()
        except BlockingIOError:
            return [data for data in found if data]
        with connection:
            connection.settimeout(5)
            found.append(connection.recv(1000))


# Without a browser


class Outline(HTMLParser):
    """Every tag in order, with a check that they are closed as they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in page.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", NAMES)
def test_every_tag_is_closed(pages: dict[str, Path], name: str) -> None:
    """The page is what it was put together as; no tag but those of this program."""
    outline = Outline()
    outline.feed(pages[name].read_text())
    assert outline.open == []
    assert set(outline.tags) <= {
        "html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "p", "dl", "dt", "dd", "div",
        "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "bdi", "code", "span", "pre", "ul", "li",
    }  # fmt: skip


@pytest.mark.parametrize("value", [HOSTILE, "</style><b>", "&lt;", "a\u202eb", "\x00", "]]>", "<!--", "\ud800", "’<’"])
def test_texts_become_no_markup(value: str) -> None:
    """Whatever a name holds, in an element or an attribute, it has no sign that begins markup, and is not reordered."""
    for made in (text(value).source, tag("p", value, title=value).source, claim(value, value).source):
        bare = re.sub(r"</?(?:p|bdi|code)(?: (?:title|class)=\"[^\"<>]*\")?>", "", made)
        assert not re.search(r"[<>\"']", bare)
        assert bare.isprintable()
        made.encode()


def test_tables_refuse_no_content() -> None:
    """Cells take texts and markup; the first column heads its row."""
    made = page.table("c", (cell("a"), number("b")), [(cell("<"), number(tag("b", ">")))], (cell("f"), number("1")))
    assert '<th scope="row">&lt;</th><td class="number"><b>&gt;</b></td>' in made.source
    assert '<th scope="col">a</th><th scope="col" class="number">b</th>' in made.source


def test_the_policy_knows_the_style_by_its_hash() -> None:
    """Nothing is allowed but that very style; a style with a closing tag in it could not be hashed."""
    assert POLICY.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in POLICY
    assert "<" not in STYLE
