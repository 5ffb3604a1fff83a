"""The tree stays readable: sizes don't grow, modules, public names and tests say what they are, nothing is undone."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ("proofs", "ledger", "node", "scripts")
DOCUMENTED = ("proofs", "ledger")  # every public name has a docstring; in node, modules and classes do

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
TEST_FILE_LINES_MAX = 700
TEST_FUNCTION_LINES_MAX = 100

# What is larger today, with its present size: it may shrink, and then its row here shrinks or goes, but not grow.
LARGER_FILES: dict[str, int] = {}
LARGER_FUNCTIONS: dict[str, int] = {}  # "path:Class.function"

Function = ast.FunctionDef | ast.AsyncFunctionDef
# Put together here so that this file doesn't find itself.
UNDONE = ("TO" + "DO", "FIX" + "ME")


@cache
def files() -> tuple[str, ...]:
    """Every file of the project that git tracks or would track, so that a new one is judged before it is committed."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        names = [name for name in done.stdout.split("\0") if name]
    else:  # an unpacked archive or a copy: no git, but no stray environments either
        names = [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file()]
        names = [
            n for n in names if not any(part.startswith(".venv") or part == "__pycache__" for part in n.split("/"))
        ]
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def is_python(name: str) -> bool:
    """By its name, or for a script without one by its first line."""
    if name.endswith(".py"):
        return True
    first = (ROOT / name).read_bytes().split(b"\n", 1)[0]
    return name.startswith("scripts/") and first.startswith(b"#!") and b"python" in first


@cache
def parse(name: str) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), filename=name)


def python_files(*tops: str) -> list[str]:
    """The Python files under these top folders."""
    return [name for name in files() if name.split("/")[0] in tops and is_python(name)]


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function with its qualified name, nested ones too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield prefix + node.name, node
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        else:
            yield from functions(node, prefix)


def line_count(name: str) -> int:
    """Lines of a file."""
    return (ROOT / name).read_bytes().count(b"\n")


def file_sizes() -> dict[str, tuple[int, int]]:
    """Lines and limit of every Python file."""
    sizes = {name: (line_count(name), FILE_LINES_MAX) for name in python_files(*SOURCE)}
    return sizes | {name: (line_count(name), TEST_FILE_LINES_MAX) for name in python_files("tests")}


def function_sizes() -> dict[str, tuple[int, int]]:
    """Lines, decorators and docstring included, and limit of every function."""
    sizes: dict[str, tuple[int, int]] = {}
    for name in python_files(*SOURCE, "tests"):
        limit = TEST_FUNCTION_LINES_MAX if name.startswith("tests/") else FUNCTION_LINES_MAX
        for qualified, node in functions(parse(name)):
            sizes[f"{name}:{qualified}"] = ((node.end_lineno or node.lineno) - node.lineno + 1, limit)
    return sizes


@pytest.mark.parametrize(
    ("sizes", "larger"),
    [(file_sizes, LARGER_FILES), (function_sizes, LARGER_FUNCTIONS)],
    ids=["files", "functions"],
)
def test_sizes_do_not_grow(sizes, larger: dict[str, int]) -> None:
    """Nothing passes its limit, except what is listed with its present size; a row that fits no more is removed."""
    found = sizes()
    grown = [
        f"{what}: {lines} lines, at most {larger.get(what, limit)}"
        for what, (lines, limit) in found.items()
        if lines > larger.get(what, limit)
    ]
    assert not grown, "\n".join(grown)
    loose = [
        f"{what}: listed with {listed}, is {found.get(what, (0, 0))[0]}: update the table"
        for what, listed in larger.items()
        if what not in found or found[what][0] != listed or listed <= found[what][1]
    ]
    assert not loose, "\n".join(loose)


def test_source_has_no_bare_assert() -> None:
    """`python -O` strips assert: a check that matters raises by itself."""
    found = [
        f"{name}:{node.lineno}"
        for name in python_files(*SOURCE)
        for node in ast.walk(parse(name))
        if isinstance(node, ast.Assert)
    ]
    assert not found, f"raise InvariantError instead: {found}"


def test_nothing_is_left_undone() -> None:
    """No note to do something later stands in any file: it is done, or an issue, or a stated limit."""
    found = []
    for name in files():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}"
            for number, line in enumerate(text.splitlines(keepends=True), 1)
            if any(mark in line for mark in UNDONE)
        ]
    assert not found, found


def test_every_module_says_what_it_is() -> None:
    """A module opens with its purpose (an empty __init__ has nothing to say)."""
    silent = [
        name for name in python_files(*SOURCE, "tests") if parse(name).body and not ast.get_docstring(parse(name))
    ]
    assert not silent, silent


def public_members(layer: str) -> Iterator[tuple[str, str, ast.AST]]:
    """Public functions, classes and methods of a layer: path, name inside its class, node."""
    for name in python_files(layer):
        for node in parse(name).body:
            if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
                continue
            yield name, node.name, node
            if isinstance(node, ast.ClassDef):
                for member in node.body:
                    if isinstance(member, Function) and not member.name.startswith("_"):
                        yield name, member.name, member


@pytest.mark.parametrize("layer", DOCUMENTED)
def test_public_names_have_docstrings(layer: str) -> None:
    """Units, bounds and errors stand at every public name; a method may leave them to its interface's."""
    members = list(public_members(layer))
    is_method = {id(m) for _, _, node in members if isinstance(node, ast.ClassDef) for m in node.body}
    described = {title for _, title, node in members if id(node) in is_method and ast.get_docstring(node)}
    silent = [
        f"{name}:{node.lineno} {title}"
        for name, title, node in members
        if not ast.get_docstring(node) and not (id(node) in is_method and title in described)
    ]
    assert not silent, "\n".join(silent)


def test_every_test_says_which_property_it_holds() -> None:
    """A test whose property can't be said in a line holds none."""
    silent = [
        f"{name}:{node.lineno} {qualified}"
        for name in python_files("tests")
        for qualified, node in functions(parse(name))
        if qualified.split(".")[-1].startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent, "\n".join(silent)
