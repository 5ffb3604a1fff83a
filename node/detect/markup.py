"""Web pages as text: without tags, comments, scripts and styles, entities decoded (docs/prints.md, "What is read").

No parser of HTML: whatever stands between `<` and the next `>` is a tag. That is what prints need, and it takes any
markup in time that is linear in its length.
"""

from __future__ import annotations

import re
from html import unescape

LOOK_CHARS = 1024
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,400}-->\s*)?<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE
)
_BLOCKS = (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"))
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|cite|code|em|font|i|kbd|mark|q|s|small|span|strong|sub|sup|tt|u|var|wbr)"
    r"(?:[\s/][^<>]{0,8192})?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[A-Za-z/!?][^<>]{0,8192}>")
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{0,31});")


def is_page(beginning: str) -> bool:
    """Whether a text begins as an HTML document does."""
    return _PAGE.match(beginning[:LOOK_CHARS]) is not None


def without_markup(text: str) -> str:
    """What a reader of the page sees, with a line break where a tag that isn't within a line stood; entities are
    decoded once. What isn't closed by > or ; stays as it is."""
    for begin, end in _BLOCKS:
        text = _without(text, begin, end)
    text = _TAG.sub("\n", _INLINE.sub("", text))
    return _ENTITY.sub(lambda found: unescape(found[0]), text)


def _without(text: str, begin: str, end: str) -> str:
    """The text without what stands between the two, each up to the end of its tag."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter that becomes two: places would move
        lowered = text
    parts, at = [], 0
    while (start := lowered.find(begin, at)) >= 0:
        stop = lowered.find(end, start)
        if stop < 0:
            break
        close = stop + len(end) if end.endswith(">") else lowered.find(">", stop) + 1
        parts.append(text[at:start])
        at = close or len(text)
    return "".join((*parts, text[at:]))
