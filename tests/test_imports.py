"""The layers hold: node → ledger → proofs, and each layer imports only what it may (design section 9)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("proofs", "ledger", "node", "usance")
PUBLIC = ROOT / "node" / "public"  # holds the package usance, and nothing else

# Bytes in, decision out: what a verifier may use of the standard library. Nothing here reads a file, a socket, a clock,
# the environment or a random source. Whoever needs another module adds it here, if that stays true.
PROOFS_STDLIB = {
    "__future__", "abc", "array", "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses",
    "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools", "json", "keyword", "math",
    "numbers", "operator", "re", "string", "struct", "textwrap", "types", "typing", "unicodedata", "urllib.parse",
}  # fmt: skip
PROOFS_PACKAGES = {"cryptography", "msgpack"}
# Builtins that reach outside or run text as code.
PROOFS_BUILTINS_BANNED = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint"}

# Synchronous, replayable: clock, randomness and keys are passed in, and nothing speaks to a network. (An executor
# may be passed in as well, for signature checks whose results are taken in order; so concurrent.futures isn't here.)
LEDGER_STDLIB_BANNED = {
    "asyncio", "ftplib", "http", "multiprocessing", "random", "requests", "secrets", "select",
    "selectors", "smtplib", "socket", "socketserver", "ssl", "time", "urllib", "uuid",
}  # fmt: skip
LEDGER_PACKAGES = {"cryptography", "msgpack"}
LEVELDB = {"plyvel", "plyvel_next"}
LEVELDB_ONLY_IN = "ledger/leveldb.py"
NODE_PACKAGES = {"cryptography", "msgpack", "aiohttp", "uvloop", "rich", "prometheus_client", "yaml"}
METRICS_ONLY_IN = "node/metrics.py"
YAML_ONLY_IN = "node/imports/safeyaml.py"  # which bounds it
PARQUET_ONLY_IN = "node/exports/parquet.py"  # an extra of its own: imported when a folder of tables is asked for
ARRAYS_ONLY_IN = ("node/detect/",)  # another extra: the rest of node runs without
ARRAYS = {"numpy", "matplotlib", "iscc_core"}

# Other people's libraries that we have something for, and the one module that may import each.
INTEGRATIONS = {
    name: f"node/public/usance/integrations/{name}.py" for name in ("datasets", "transformers")
}  # fmt: skip

# With only this importable, the command line must start: an auditor installs no more.
BASE_PACKAGES = {"cryptography", "_cffi_backend", "cffi", "pycparser", "msgpack"}


class Import(NamedTuple):
    """One imported module and where it stands."""

    path: str
    line: int
    module: str

    @property
    def top(self) -> str:
        """The outermost package."""
        return self.module.split(".")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def imports_of(tree: ast.AST, path: str) -> Iterator[Import]:
    """Every import, those inside functions and under TYPE_CHECKING too, with relative ones made absolute."""
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield Import(path, node.lineno, module)
            # `from urllib import parse` names the module urllib.parse, `from node import cli` the package node.cli
            if module in ("urllib", "node", ""):
                for alias in node.names:
                    yield Import(path, node.lineno, f"{module}.{alias.name}".strip("."))


def trees(layer: str) -> Iterator[tuple[str, ast.Module]]:
    """Path and syntax tree of every module of a layer."""
    for path in sorted(((PUBLIC if layer == "usance" else ROOT) / layer).rglob("*.py")):
        if layer == "node" and path.is_relative_to(PUBLIC):
            continue
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def layer_imports(layer: str) -> list[Import]:
    """All imports of a layer."""
    return [found for path, tree in trees(layer) for found in imports_of(tree, path)]


def outside(imports: list[Import]) -> list[Import]:
    """Those that are neither the standard library's nor ours."""
    return [i for i in imports if i.top not in sys.stdlib_module_names and i.top not in LAYERS]


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_downwards_only(layer: str) -> None:
    """A layer imports itself and those below it, never one above, tests or scripts."""
    may = set(LAYERS[: LAYERS.index(layer) + 1])
    wrong = [i for i in layer_imports(layer) if i.top in {*LAYERS, "tests", "scripts"} and i.top not in may]
    assert not wrong, "\n".join(map(str, wrong))


def test_the_command_line_stands_on_top_of_its_layer() -> None:
    """What a node, an agent or the library needs stands in node/: only node/cli imports node.cli."""
    wrong = [
        i
        for i in (*layer_imports("node"), *layer_imports("usance"))
        if f"{i.module}.".startswith("node.cli.") and not i.path.startswith("node/cli/")
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_proofs_import_nothing_that_touches_the_world() -> None:
    """The verifying code has no I/O, clock or randomness: only the listed part of the standard library."""
    wrong = [
        i
        for i in layer_imports("proofs")
        if i.top in sys.stdlib_module_names
        and i.module != "urllib"  # judged by its submodule, which is listed beside it
        and i.module not in PROOFS_STDLIB
        and i.top not in PROOFS_STDLIB
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_proofs_call_no_builtin_that_touches_the_world() -> None:
    """No open(), print() or eval() in the verifying code either: these need no import."""
    wrong = [
        f"{path}:{node.lineno} uses {node.id}"
        for path, tree in trees("proofs")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in PROOFS_BUILTINS_BANNED
    ]
    assert not wrong, "\n".join(wrong)


def test_ledger_is_synchronous_and_takes_clock_and_randomness_as_arguments() -> None:
    """The state rules can be replayed and simulated: no asyncio, network, clock or random source is imported."""
    wrong = [i for i in layer_imports("ledger") if i.top in LEDGER_STDLIB_BANNED]
    assert not wrong, "\n".join(map(str, wrong))


def test_only_the_leveldb_store_imports_leveldb() -> None:
    """Everything else runs on any store, so that audit works on the base packages."""
    wrong = [i for layer in LAYERS for i in layer_imports(layer) if i.top in LEVELDB and i.path != LEVELDB_ONLY_IN]
    assert not wrong, "\n".join(map(str, wrong))


def test_only_the_metrics_import_prometheus() -> None:
    """Whoever counts does so in plain numbers: the writer and the hot path know nothing of a format."""
    wrong = [i for i in layer_imports("node") if i.top == "prometheus_client" and i.path != METRICS_ONLY_IN]
    assert not wrong, "\n".join(map(str, wrong))


def test_only_the_safe_reader_imports_yaml() -> None:
    """What strangers wrote is read without aliases, tags and recursion, everywhere."""
    wrong = [i for i in layer_imports("node") if i.top == "yaml" and i.path != YAML_ONLY_IN]
    assert not wrong, "\n".join(map(str, wrong))


def test_only_the_tables_import_pyarrow() -> None:
    """It is an extra of its own, and large: nothing else waits for it or needs it."""
    wrong = [i for i in layer_imports("node") if i.top == "pyarrow" and i.path != PARQUET_ONLY_IN]
    assert not wrong, "\n".join(map(str, wrong))


def test_only_detection_imports_arrays_and_plots() -> None:
    """They are an extra: a node, and every command but those of detection, runs without."""
    wrong = [i for i in layer_imports("node") if i.top in ARRAYS and not i.path.startswith(ARRAYS_ONLY_IN)]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize(
    ("layer", "may"),
    [
        ("proofs", PROOFS_PACKAGES),
        ("ledger", LEDGER_PACKAGES | LEVELDB),
        ("node", NODE_PACKAGES | {"pyarrow"} | ARRAYS),
        ("usance", set(INTEGRATIONS)),
    ],
)
def test_other_peoples_packages_are_the_declared_ones(layer: str, may: set[str]) -> None:
    """A layer uses no package but its own dependencies: none that is here only because another one needs it."""
    wrong = [i for i in outside(layer_imports(layer)) if i.top not in may]
    assert not wrong, "\n".join(map(str, wrong))


def test_an_integration_is_imported_by_itself() -> None:
    """Whoever imports usance needs none of the libraries that it has integrations for."""
    wrong = [i for i in layer_imports("usance") if i.top in INTEGRATIONS and i.path != INTEGRATIONS[i.top]]
    assert not wrong, "\n".join(map(str, wrong))


def test_the_reader_of_imports_sees_every_form() -> None:
    """The checks above rest on it: plain, aliased, relative, nested and type-only imports are all found."""
    source = (
        "import os.path as p, time\nfrom . import keys\nfrom ..node import app\nfrom urllib import request\n"
        "def f():\n    import socket\nif TYPE_CHECKING:\n    from aiohttp import web\n"
    )
    found = {i.module for i in imports_of(ast.parse(source), "ledger/store.py")}
    assert found == {"os.path", "time", "ledger", "node", "node.app", "urllib", "urllib.request", "socket", "aiohttp"}


BASE_ONLY = """
import sys
allowed = set(sys.argv[1].split(",")) | set(sys.stdlib_module_names)

class BaseOnly:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in allowed:
            raise ModuleNotFoundError(f"not in the base: {name}", name=name)
        return None

sys.meta_path.insert(0, BaseOnly())
sys.path.insert(0, sys.argv[2])
for name in ("plyvel", "plyvel_next", "aiohttp", "uvloop", "rich", "pytest"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} was not blocked: this test proves nothing")
import usance
import usance.integrations.noted
import node.cli
sys.exit(0 if callable(node.cli.main) else "node.cli has no main()")
"""


def test_command_line_starts_on_the_base_packages() -> None:
    """Command line and library can be imported with cryptography and msgpack alone, whatever else is installed."""
    allowed = ",".join(sorted({*BASE_PACKAGES, *LAYERS}))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BASE_ONLY, allowed, str(PUBLIC)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
