"""What all tests share: the long form's switch, Hypothesis profiles, and the folder of shared vectors and real data."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

THREAD_END_S = 10.0
ROOT = Path(__file__).resolve().parent.parent
# Some ways of running things in the background leave Ctrl-C ignored, in all that is started from there, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
LONG = os.environ.get("USANCE_TEST_LONG") == "1"

# The short form draws the same examples every time, so that a change is judged by what it changes and not by luck;
# the long form draws new ones, many more, and prints how to repeat a failure.
settings.register_profile("short", max_examples=60, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "long",
    max_examples=1500,
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("long" if LONG else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips what is marked long, unless the long form was asked for."""
    if LONG:
        return
    skip = pytest.mark.skip(reason="long form only: ./scripts/test --long")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def long_run() -> bool:
    """Whether this is the long form; a test that has both sizes asks it for its counts."""
    return LONG


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder `shared` beside the repository (or USANCE_SHARED): vectors and real data too large to keep here."""
    folder = Path(os.environ.get("USANCE_SHARED") or ROOT.parent / "shared")
    if not (folder / "vectors").is_dir():
        pytest.skip(f"no shared vectors at {folder}; set USANCE_SHARED to their folder")
    return folder


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """What a test began is over when it ends: a thread of ours that goes on would disturb whatever runs next."""
    before = set(threading.enumerate())
    yield
    begun = [t for t in threading.enumerate() if t.name.startswith("usance-") and t not in before]
    until_s = time.monotonic() + THREAD_END_S
    for thread in begun:
        thread.join(max(0.0, until_s - time.monotonic()))
    left = [thread.name for thread in begun if thread.is_alive()]
    assert not left, f"left behind: {', '.join(left)}; close what began them (recorder, writer, node)"
