r"""YAML from strangers, as the headers of dataset cards are: no aliases, no tags, each name once, every size bounded.

How to call it::

    value = safeyaml.loads(header, place="README.md", first_line=2)  # text between the --- lines; 1 MB at most

Values are read as YAML 1.2's core schema has them, not 1.1's: `no` is the text "no" (Norwegian), not False, and `1:30`
is a text. Mappings come as dict (keys as the text that was written), sequences as list, plain scalars as None, bool,
int, `decimal.Decimal` or str; dates stay text. Everything that is refused raises FileError with file, line and column.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

from node.errors import FileError
from proofs.errors import excerpt

CHARS_MAX = 1024 * 1024
DEPTH_MAX = 64
VALUES_MAX = 200_000
NUMBER_CHARS_MAX = 100

_STR = "tag:yaml.org,2002:str"
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)

# The parser in C makes events one by one, in loops; only composing them would be recursive, and that is done here.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loads(text: str, *, place: str, first_line: int = 1) -> Any:
    """The value of a YAML text of one document; None for an empty one. `place`: what it is called in messages;
    `first_line`: the number of its first line in that. Raises FileError."""
    if len(text) > CHARS_MAX:
        raise FileError(f"{place} is too long", field="FILE", expected=f"at most {CHARS_MAX:,} characters of YAML")
    builder = _Builder(place, first_line)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise builder.refusal(mark, f"no YAML: {error.problem or error.context}", "YAML") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise FileError(f"{place}: no YAML: {excerpt(str(error))}", field="FILE", expected="YAML in UTF-8") from None
    return builder.value


class _Builder:
    """Values out of events. `stack`: the containers that are open, outermost first; `keys`: the name that waits for its
    value, in each that is a mapping."""

    def __init__(self, place: str, first_line: int) -> None:
        self.value: Any = None
        self._place, self._first_line = place, first_line
        self._stack: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []
        self._documents = 0
        self._values = 0

    def refusal(self, mark: Any, detail: str, expected: str) -> FileError:
        """With the place that a mark of the parser's stands for."""
        where = "" if mark is None else f", line {self._first_line + mark.line}, column {mark.column + 1}"
        return FileError(f"{self._place}{where}: {detail}", field="FILE", expected=expected)

    def take(self, event: Any) -> None:
        """One event of the parser's."""
        if isinstance(event, yaml.AliasEvent):
            raise self.refusal(event.start_mark, f"the alias *{event.anchor}", "values written out, without aliases")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self.refusal(event.start_mark, "a second document", "one document")
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()
            self._keys.pop()

    def _open(self, event: Any) -> None:
        if event.tag is not None:
            raise self.refusal(event.start_mark, f"the tag {excerpt(event.tag)}", "values without tags")
        if self._stack and isinstance(self._stack[-1], dict) and self._keys[-1] is None:
            raise self.refusal(event.start_mark, "a name that is no text", "a text before the colon")
        if len(self._stack) == DEPTH_MAX:
            raise self.refusal(event.start_mark, "nested too deep", f"at most {DEPTH_MAX} levels")
        made: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(made, event)
        self._stack.append(made)
        self._keys.append(None)

    def _scalar(self, event: Any) -> None:
        if event.tag not in (None, "!", _STR):
            raise self.refusal(event.start_mark, f"the tag {excerpt(event.tag)}", "values without tags")
        container = self._stack[-1] if self._stack else None
        if isinstance(container, dict) and self._keys[-1] is None:
            if event.value in container:
                raise self.refusal(event.start_mark, f"the name {excerpt(event.value)} twice", "each name once")
            self._keys[-1] = event.value
            return
        self._put(self._plain(event) if event.implicit[0] else event.value, event)

    def _put(self, value: Any, event: Any) -> None:
        self._values += 1
        if self._values > VALUES_MAX:
            raise self.refusal(event.start_mark, "too many values", f"at most {VALUES_MAX:,}")
        if not self._stack:
            self.value = value
        elif isinstance(container := self._stack[-1], dict):
            container[self._keys[-1] or ""] = value
            self._keys[-1] = None
        else:
            container.append(value)

    def _plain(self, event: Any) -> Any:
        """A scalar without quotes, by YAML 1.2's core schema."""
        text = event.value
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if not (_INT.fullmatch(text) or _BASED.fullmatch(text) or _FLOAT.fullmatch(text)):
            return text
        if len(text) > NUMBER_CHARS_MAX:
            raise self.refusal(event.start_mark, "a number too long", f"at most {NUMBER_CHARS_MAX} characters")
        if _INT.fullmatch(text):
            return int(text)
        return int(text, 0) if _BASED.fullmatch(text) else Decimal(text)
