"""XML from strangers, read as a stream of records: no document type, no entities, every size bounded.

Document types are refused outright, and with them entity expansion and anything external. Only elements in the root's
namespace count; what others add in theirs has no name here. Memory is bound by one record, not by the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn
from xml.parsers import expat

from proofs.errors import InputError, excerpt

DEPTH_MAX = 64
NODES_MAX = 300_000
"""Elements held at a time: those of one record, and what stands around the records. Up to 150 MB."""

_NO_ATTRIBUTES: dict[str, str] = {}
_HANDLERS = (
    "StartDoctypeDeclHandler", "EntityDeclHandler", "ExternalEntityRefHandler", "StartElementHandler",
    "EndElementHandler", "CharacterDataHandler",
)  # fmt: skip
_SEPARATOR = " "  # can't stand in a namespace name or an element's


class Node:
    """An element: local name ("" in a foreign namespace), the line of its first tag, attributes (those of a namespace
    by `namespace name`), children, text."""

    __slots__ = ("attributes", "children", "line", "name", "parts")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name = name
        self.line = line
        # Most elements have only one of these: lists and maps are made where something comes into them.
        self.attributes = attributes or _NO_ATTRIBUTES
        self.children: list[Node] | tuple[()] = ()
        self.parts: list[str] | tuple[()] = ()

    def add_child(self, child: Node) -> None:
        """Put an element at its end."""
        if isinstance(self.children, tuple):
            self.children = []
        self.children.append(child)

    def add_text(self, text: str) -> None:
        """Put text at its end."""
        if isinstance(self.parts, tuple):
            self.parts = []
        self.parts.append(text)

    @property
    def text(self) -> str:
        """Its own text, white space collapsed."""
        return " ".join("".join(self.parts).split())

    def all(self, path: str) -> Iterator[Node]:
        """The elements that a path of names leads to: `Refs/EndToEndId`."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def first(self, path: str) -> Node | None:
        """The first of `all`, None where there is none."""
        return next(self.all(path), None)

    def text_of(self, path: str) -> str:
        """The text of `first`, "" where there is none."""
        found = self.first(path)
        return "" if found is None else found.text


OnRoot = Callable[[str, str], None]
OnRecord = Callable[[Node, list[Node]], None]


def read_records(
    data: bytes, record: tuple[str, ...], *, field: str, on_root: OnRoot, on_record: OnRecord
) -> Node | None:
    """Read a document and hand over its records one after the other. `field`: what an error names as its field.

    `record`: the path of names from the root to a record. `on_root(namespace, name)` may raise to refuse a document
    before the rest of it is read. `on_record(node, around)` gets the record and the elements around it, outermost
    first, with what stood in them before it. Answers the root with what was no record in it. Raises InputError for
    what isn't well-formed, has a document type, or passes a bound.
    """
    return _Reader(record, field=field, on_root=on_root, on_record=on_record).read(data)


class _Reader:
    def __init__(self, record: tuple[str, ...], *, field: str, on_root: OnRoot, on_record: OnRecord) -> None:
        self._record, self._field, self._on_root, self._on_record = record, field, on_root, on_record
        self._parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._root: Node | None = None
        self._open: list[Node] = []
        self._namespace = ""
        self._held = 0
        self._held_before = 0  # as the record under way began

    def read(self, data: bytes) -> Node | None:
        parser = self._parser
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_type
        parser.EntityDeclHandler = self._refuse_type
        parser.ExternalEntityRefHandler = self._refuse_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise InputError(f"not XML: {error}", field=self._field, expected="a whole XML document") from None
        except (LookupError, UnicodeError, ValueError) as error:
            raise InputError(
                f"XML in an encoding that isn't read: {error}", field=self._field, expected="UTF-8"
            ) from None
        finally:
            # The parser holds bound methods of this object: without this, both would wait for the cycle collector.
            for name in _HANDLERS:
                setattr(parser, name, None)
        return self._root

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(_SEPARATOR)
        if not self._open:
            self._namespace = namespace
            self._on_root(namespace, name)
        self._held += 1
        if len(self._open) >= DEPTH_MAX or self._held > NODES_MAX:
            raise InputError(
                "too much XML at a time",
                field=self._field,
                expected=f"{DEPTH_MAX} levels, {NODES_MAX} elements an entry",
            )
        node = Node(name if namespace == self._namespace else "", attributes, self._parser.CurrentLineNumber)
        around = self._open[-1:]
        if not around:
            self._root = node
        self._open.append(node)
        if self._at_record():  # it goes to the caller, not to the element around it
            self._held_before = self._held - 1
        elif around:
            around[0].add_child(node)

    def _end(self, _qualified: str) -> None:
        if self._at_record():
            node = self._open.pop()
            self._held = self._held_before
            self._on_record(node, self._open)
        else:
            self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].add_text(text)

    def _refuse_type(self, *_arguments: object) -> NoReturn:
        raise InputError("XML with a document type", field=self._field, expected="XML without <!DOCTYPE> and entities")

    def _at_record(self) -> bool:
        return len(self._open) == len(self._record) and all(
            node.name == name for node, name in zip(self._open, self._record, strict=True)
        )


def describe_root(namespace: str, name: str) -> str:
    """A root element for a message."""
    return f"{excerpt(name)} of {excerpt(namespace)}"
