"""The node under measurement: a process of its own, on a free port, in a folder of its own; and its set-up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from proofs.checkpoint import open_checkpoint
from proofs.entry import Batch, encode_request
from proofs.merkle import leaf_hash
from proofs.note import VerifierKey, parse_vkey
from proofs.ref import Ref
from proofs.tlogproof import parse_tlog_proof
from scripts.benchmark.load import Connection
from scripts.benchmark.workload import ASSETS, Workload

ORIGIN = "bench.example/log"
USANCE = [sys.executable, "-m", "node.cli"]


def say(text: str) -> None:
    """Progress goes to stderr; stdout is the JSON."""
    print(text, file=sys.stderr, flush=True)


class Node:
    """A node process on a free port, in a folder of its own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.origin = ORIGIN
        self.start_s = 0.0
        if not os.path.exists(os.path.join(folder, "node.toml")):
            subprocess.run([*USANCE, "node", "init", folder, "--origin", ORIGIN], check=True, stdout=subprocess.DEVNULL)
            _let_all_join(folder)
        with open(os.path.join(folder, "log.vkey"), encoding="utf-8") as file:
            self.vkey: VerifierKey = parse_vkey(file.read().strip())
        self.start()

    def start(self) -> None:
        """Start it, and time how long it takes until it answers a checkpoint."""
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            [*USANCE, "node", "run", self.folder, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
        )
        for line in self.process.stdout or ():
            found = re.search(r"http://([0-9.]+:[0-9]+)", line)
            if found:
                break
        else:
            raise RuntimeError("the node did not start")
        self.address = found[1]
        self.checkpoint()
        self.start_s = time.perf_counter() - begin

    def checkpoint(self) -> tuple[int, bytes]:
        """(size, root) of the newest checkpoint, its signature verified."""
        found = open_checkpoint(Connection(self.address).get("/checkpoint"), self.vkey)
        return found.size, found.root

    def rss_mb(self) -> float:
        """Resident memory of the process."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return round(int(line.split()[1]) / 1024, 1)
        raise RuntimeError("no VmRSS")

    def cpu_s(self) -> float:
        """Processor seconds that it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it as an operator would."""
        self.process.terminate()
        if self.process.wait(timeout=60) != 0:
            raise RuntimeError("the node did not stop cleanly")


def _let_all_join(folder: str) -> None:
    """The load's parties come within a second, more often than strangers may."""
    path = os.path.join(folder, "node.toml")
    with open(path, encoding="utf-8") as file:
        text, found = re.subn(r"(?m)^# new_parties_per_hour = .*$", "new_parties_per_hour = 0", file.read())
    if found != 1:
        raise RuntimeError("node.toml has no setting new_parties_per_hour")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def requests_of(batches: list[Batch], *, batches_each: int) -> list[bytes]:
    """The batches in requests of so many each."""
    return [encode_request(batches[at : at + batches_each]) for at in range(0, len(batches), batches_each)]


def set_up(node: Node, work: Workload) -> None:
    """Register the parties and the assets."""
    connection = Connection(node.address)
    for request in requests_of(list(work.parties(node.checkpoint())), batches_each=256):
        connection.post(request)
    refs: list[Ref] = []
    for request in requests_of(list(work.assets(node.checkpoint())), batches_each=ASSETS):
        for result in connection.post(request):
            index = result["first_index"]
            proof = parse_tlog_proof(connection.get(f"/proof/{index}"))
            refs.append(Ref(index, leaf_hash(proof.extra or b"")))
    work.set_assets(refs)
