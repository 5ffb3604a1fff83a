"""A real browser, driven over its debugging protocol: what a person's browser makes of a page, and does for it.

Chromium from the system's packages (`scripts/test` installs it where it may); tests that need it are skipped where
there is none, and say so.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_TIMEOUT_S = 30
CALL_TIMEOUT_S = 30
MESSAGE_BYTES_MAX = 64 * 1024 * 1024


def find() -> str:
    """The browser's path; skips the test where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine: `apt-get install chromium`, or scripts/test as root")
    return found


class Tab:
    """One tab. `requests`: every address that was asked for; `said`: console messages and refusals by the page's
    content security policy."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._next = 0
        self._loaded = False
        self.requests: list[str] = []
        self.said: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol; its result."""
        self._next += 1
        await self._socket.send_json({"id": self._next, "method": method, "params": params})
        while True:
            message = await self._receive()
            if message.get("id") == self._next:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.receive_str(), CALL_TIMEOUT_S))
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.said.append(params["entry"]["text"])
        elif message.get("method") == "Runtime.consoleAPICalled":
            self.said.append(str(params["args"]))
        elif message.get("method") == "Page.loadEventFired":
            self._loaded = True
        return message

    async def open(self, url: str) -> None:
        """Load a page, until it is."""
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        self._loaded = False
        await self.call("Page.navigate", url=url)
        while not self._loaded:
            await self._receive()

    async def value(self, expression: str) -> Any:
        """What an expression comes to in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """A browser with one tab, for the time of the block."""
    profile = Path(tempfile.mkdtemp(dir=folder))
    process = subprocess.Popen(
        [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
         "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    )  # fmt: skip
    try:
        port = _port(profile, process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [item for item in await answer.json() if item["type"] == "page"]
            address = pages[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=MESSAGE_BYTES_MAX) as socket:
                yield Tab(socket)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    path, deadline = profile / "DevToolsActivePort", time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the browser ended"
        if path.exists() and "\n" in (text := path.read_text()):
            return int(text.split("\n")[0])
        time.sleep(0.05)
    raise AssertionError("the browser didn't come up")


def look(folder: Path, page: Path, work: Callable[[Tab], Awaitable[None]]) -> None:
    """Open a page in a browser and do something with it."""

    async def run() -> None:
        async with tab(folder) as opened:
            await opened.open(page.as_uri())
            await work(opened)

    asyncio.run(run())
