"""Installs what others wrote: the Python programs into environments of their own, the Go ones from their module list.

Everything comes from the registries at the versions and hashes in requirements/interop.lock and go/go.sum. Where a
registry can't be reached or go is missing, the tests skip and say so; a package that doesn't match its hash, or doesn't
build, fails them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "interop"
LOCK = ROOT / "requirements" / "interop.lock"
INSTALL_S = 240
RUN_S = 100

# What the installers say where there is no way to the registry; nothing else may pass for it.
UNREACHABLE = (
    "NewConnectionError", "NameResolutionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "Connection refused",
    "connection refused", "no such host", "i/o timeout", "network is unreachable", "TLS handshake timeout",
    "module lookup disabled",
)  # fmt: skip


def run(*command: object, cwd: Path | None = None, timeout: float = RUN_S) -> subprocess.CompletedProcess[str]:
    """Run a client; the caller judges its exit code. No proxy may stand between it and a node on loopback."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONUTF8": "1"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def install(
    what: str,
    *command: object,
    cwd: Path | None = None,
    extra: dict[str, str] | None = None,
    timeout: float = INSTALL_S,
) -> None:
    """Run an installer; skip where the registry can't be reached, fail where it refuses."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_REQUIRE", "PIP_NO_BINARY", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment | (extra or {}),
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    if any(sign in output for sign in UNREACHABLE):
        pytest.skip(f"{what}: the package registry could not be reached")
    pytest.fail(f"{what} could not be installed:\n{output[-3000:]}", pytrace=False)


def python_environment(name: str = "interop", *, timeout: float = INSTALL_S, wheels: bool = True) -> Path:
    """The folder of programs of .venv-NAME, made anew when requirements/NAME.lock or the Python changed. `wheels`: no
    package is built here."""
    lock = ROOT / "requirements" / f"{name}.lock"
    venv = ROOT / (os.environ.get(f"USANCE_{name.upper()}_VENV") or f".venv-{name}")
    stamp = venv / f"{name}.stamp"
    what = f"requirements/{name}.lock"
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()}\n{sys.version}\n{venv}\n"
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # one test run at a time installs; the others find the work done
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(venv, ignore_errors=True)
            install(what, sys.executable, "-m", "venv", venv)
            install(
                what, venv / "bin" / "python", "-m", "pip", "--no-input", "--disable-pip-version-check",
                "install", "--quiet", "--retries", "2", "--require-hashes",
                *(("--only-binary", ":all:") if wheels else ()), "-r", lock, timeout=timeout,
            )  # fmt: skip
            stamp.write_text(wanted, encoding="utf-8")
    return venv / "bin"


def go_client(folder: Path) -> Path:
    """The Go client, built into a folder from the sources in tests/interop/go."""
    source = HERE / "go"
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    here = run("go", "env", "GOVERSION", cwd=folder).stdout.strip().removeprefix("go")
    needed = next(line.split()[1] for line in (source / "go.mod").read_text().splitlines() if line.startswith("go "))
    if _numbers(here) < _numbers(needed):
        pytest.skip(f"go {needed} or newer is needed, this is {here}")
    binary = folder / "go-client"
    # The toolchain that is here, nothing fetched in its place, and nothing but what go.sum names.
    flags = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "CGO_ENABLED": "0"}
    install("the Go client", "go", "build", "-o", binary, ".", cwd=source, extra=flags)
    return binary


def _numbers(version: str) -> tuple[int, ...]:
    digits = [part for part in version.split("-")[0].split(".") if part.isdigit()]
    return tuple(int(part) for part in digits[:2])
