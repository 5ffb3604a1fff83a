"""The demonstration: a data set of real files, its use logged, proved, verified offline, and the whole log audited;
then the money (scripts/demonstrationmoney.py), lineage (scripts/demonstrationlineage.py) and detection
(scripts/demonstrationdetection.py).

The data set is the Python standard library of this machine. Every step is a `usance` command that is printed before it
runs, so it can be done again by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field

from proofs.manifest import Item
from scripts import demonstrationdetection, demonstrationlineage, demonstrationmoney

ORIGIN = "demo.example/uses"
PROVEN = "json/decoder.py"


class DemoFailed(Exception):
    """A step did not do what it should."""


@dataclass
class Demo:
    """One run in a folder of its own."""

    folder: str
    began: float = field(default_factory=time.perf_counter)
    steps: list[tuple[str, float]] = field(default_factory=list)
    node: subprocess.Popen[str] | None = None
    url: str = ""

    def path(self, name: str) -> str:
        """A file in the demonstration's folder."""
        return os.path.join(self.folder, name)

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps.append((title, time.perf_counter()))
        print(f"\n== {len(self.steps)}. {title}", flush=True)

    def usance(self, *words: str, key: str = "", expect: int = 0, quiet: bool = False) -> str:
        """Print a command, run it, print what it said; its standard output. Raises DemoFailed for another exit code."""
        shown = shlex.join(["usance", *(os.path.basename(w) if w.startswith(self.folder) else w for w in words)])
        return self._run(shown, [sys.executable, "-m", "node.cli", *words], key=key, expect=expect, quiet=quiet)

    def python(self, script: str, *words: str, key: str, expect: int) -> str:
        """The same with a Python script in the demonstration's folder, which is printed too."""
        with open(self.path(script), encoding="utf-8") as file:
            print("".join(f"   | {line}" for line in file), flush=True)
        shown = shlex.join(["python", script, *words])
        return self._run(shown, [sys.executable, self.path(script), *words], key=key, expect=expect, quiet=False)

    def _run(self, shown: str, command: list[str], *, key: str, expect: int, quiet: bool) -> str:
        remarks = [*([f"as {key}"] if key else []), *(["this script reads what it says"] if quiet else [])]
        print(f"$ {shown}" + (f"          # {'; '.join(remarks)}" if remarks else ""), flush=True)
        environment = {
            **os.environ,
            "USANCE_NODE": self.url,
            "USANCE_LOG": self.path("node/log.vkey"),
            "USANCE_KEY": self.path(f"{key}.key"),
            "USANCE_STATE": self.path("state"),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not quiet:
            print("".join(f"   {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="", flush=True)
        if done.returncode != expect:
            raise DemoFailed(f"{shown}: exit code {done.returncode}, expected {expect}\n{done.stderr}")
        return done.stdout

    def start_node(self) -> None:
        """Start the node on a free port."""
        print("$ usance node run node --listen 127.0.0.1:0 &", flush=True)
        self.node = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "node", "run", self.path("node"), "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in self.node.stdout or ():
            found = re.search(r"http://\S+", line)
            if found:
                self.url = found[0]
                print(f"   {line.strip()}", flush=True)
                return
        raise DemoFailed("the node did not start")

    def stop_node(self) -> None:
        """Stop the node as an operator would, and wait for it."""
        if self.node is not None and self.node.poll() is None:
            self.node.terminate()
            if self.node.wait(timeout=30) != 0:
                raise DemoFailed("the node did not stop cleanly")
        self.node = None

    def finish(self) -> None:
        """What took how long."""
        ends = [begin for _, begin in self.steps[1:]] + [time.perf_counter()]
        print("\n== What each step took")
        for (title, begin), end in zip(self.steps, ends, strict=True):
            print(f"   {end - begin:6.2f} s  {title}")
        print(f"   {time.perf_counter() - self.began:6.2f} s  in all")


def uses_of(manifest: str, asset: str, out: str) -> dict[str, int]:
    """Write one usage record a file of the manifest, as JSON lines; the line number of each path."""
    lines: dict[str, int] = {}
    now = time.time_ns() // 1_000_000
    with open(manifest, encoding="utf-8") as rows, open(out, "w", encoding="utf-8") as file:
        for row in rows:
            found = json.loads(row)
            item = Item(found["path"], found["size"], bytes.fromhex(found["sha256"]))
            lines[item.path] = len(lines)
            record = {
                "kind": "usage", "asset": asset, "use": "train", "into_name": "demo-model",
                "quantities": {"item": "1", "byte": str(max(1, item.size))}, "item": item.digest().hex(),
                "from": now, "until": now,
            }  # fmt: skip
            file.write(json.dumps(record) + "\n")
    return lines


def log_uses(demo: Demo, library: str) -> tuple[int, int]:
    """Steps 1 to 4: node, parties, data set, uses. The leaf indices of the data set and of the proven use."""
    demo.step("A node: its folder, its keys, its log of one entry")
    demo.usance("node", "init", demo.path("node"), "--origin", ORIGIN)
    demo.start_node()
    demo.step(f"A publisher registers a data set: the files of {library}")
    demo.usance("key", "new", demo.path("publisher.key"), "--name", "publisher")
    demo.usance("party", "Standard Library Press", key="publisher")
    said = demo.usance(
        "asset", library, "--name", "stdlib", "--version", sys.version.split()[0], "--license", "PSF-2.0",
        "--exclude", "__pycache__", "--exclude", "site-packages", "--manifest", demo.path("stdlib.manifest"), "--json",
        key="publisher", quiet=True,
    )  # fmt: skip
    asset = json.loads(said)
    ref = str(asset["ref"])
    print(f"   {ref[:24]}…: {asset['items']} files, {asset['bytes']} bytes under one root", flush=True)
    demo.step("A lab trains on it, and logs one signed use for each file")
    demo.usance("key", "new", demo.path("lab.key"), "--name", "lab")
    demo.usance("party", "Example Lab", key="lab")
    lines = uses_of(demo.path("stdlib.manifest"), ref, demo.path("uses.jsonl"))
    said = demo.usance("submit", demo.path("uses.jsonl"), "--json", key="lab", quiet=True)
    result = json.loads(said)
    print(f"   {json.dumps(result)[:200]}", flush=True)
    first = int(json.loads(demo.usance("records", "--kind", "usage", "--limit", "1", "--json", quiet=True))
                ["records"][0]["index"])  # fmt: skip
    return int(ref.split(":")[0]), first + lines[PROVEN]


def prove(demo: Demo, library: str, asset: int, use: int) -> None:
    """Steps 4 to 7: proof files, then no node: verify, the file's membership, a changed byte."""
    demo.step(f"The proof of one use, that of {PROVEN}")
    demo.usance("proof", str(use), "-o", demo.path("use.tlog-proof"))
    demo.usance("proof", str(asset), "-o", demo.path("asset.tlog-proof"))
    demo.step("The node is stopped; all that follows up to the audit is offline")
    demo.stop_node()
    demo.url = ""
    demo.step("Verify: this use was logged, by this key, of this very file of this data set")
    member = (
        "--item", os.path.join(library, PROVEN), "--manifest", demo.path("stdlib.manifest"),
        "--asset-proof", demo.path("asset.tlog-proof"),
    )  # fmt: skip
    demo.usance("verify", demo.path("use.tlog-proof"), "--log", demo.path("node/log.vkey"), *member)
    demo.step("A changed byte is refused: in the proof, and in the file")
    with open(demo.path("use.tlog-proof"), encoding="utf-8") as file:
        proof = file.read()
    # One character in the entry's base64, away from its end where some bits mean nothing.
    at = proof.index("extra ") + 200
    changed = proof[:at] + ("A" if proof[at] != "A" else "B") + proof[at + 1 :]
    with open(demo.path("changed.tlog-proof"), "w", encoding="utf-8") as file:
        file.write(changed)
    demo.usance("verify", demo.path("changed.tlog-proof"), "--log", demo.path("node/log.vkey"), expect=1)
    shutil.copy(os.path.join(library, PROVEN), demo.path("decoder.py"))
    with open(demo.path("decoder.py"), "a", encoding="utf-8") as file:
        file.write("#")
    demo.usance(
        "verify", demo.path("use.tlog-proof"), "--log", demo.path("node/log.vkey"), "--item", demo.path("decoder.py"),
        *member[2:], expect=1,
    )  # fmt: skip


def audit(demo: Demo) -> None:
    """Start again, and judge the whole log."""
    demo.step("The node is started again, and the whole log audited")
    demo.start_node()
    demo.usance("audit", demo.url, "--log", demo.path("node/log.vkey"))


def lose_and_restore(demo: Demo) -> None:
    """A backup of the running node; then its database is gone, and is made again."""
    demo.step("A backup of the running node; its database is lost, made again from the backup, and checked")
    demo.usance("backup", demo.url, demo.path("log.backup"))
    demo.stop_node()
    print("$ rm -r node/db", flush=True)
    shutil.rmtree(demo.path("node/db"))
    demo.usance("node", "restore", demo.path("log.backup"), demo.path("node"))
    demo.usance("node", "fsck", demo.path("node"))
    demo.start_node()


def main() -> int:
    """Run it all; exit code 1 where a step failed."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", metavar="DIR", help="use this new folder, and keep it (default: a temporary one)")
    args = parser.parse_args()
    library = sysconfig.get_path("stdlib")
    folder = os.path.abspath(args.keep) if args.keep else tempfile.mkdtemp(prefix="usance-demo-")
    os.makedirs(folder, exist_ok=True)
    demo = Demo(folder)
    try:
        asset, use = log_uses(demo, library)
        prove(demo, library, asset, use)
        audit(demo)
        lose_and_restore(demo)
        model = demonstrationmoney.publish(demo, asset)
        use = demonstrationmoney.use_and_settle(demo, model)
        demonstrationlineage.trace(demo, asset, model)
        demonstrationdetection.detect(demo, library, "demo-chat")
        demonstrationmoney.show(demo, use)
        demo.finish()
    except DemoFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        if demo.node is not None:
            demo.node.kill()
            demo.node.wait()
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
