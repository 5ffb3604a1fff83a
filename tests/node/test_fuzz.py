"""Random and mutated requests against a running node: ten seconds of them, a minute in the long form."""

import os
import random
from collections.abc import Callable

from tests.node.harness import Actor, NodeProcess, nil_body
from tests.simulation import fuzz


def test_nothing_that_is_sent_breaks_the_node(make_node: Callable[..., NodeProcess], long_run: bool) -> None:
    """Whatever is sent to any route: no answer is 5xx, memory does not grow once warm, a good batch is taken
    afterwards, and the log replays to the node's state. USANCE_FUZZ_SEED repeats a run's choices."""
    seed = int(os.environ.get("USANCE_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    node = make_node(request_timeout_s=5)
    report = fuzz.run(node, seed=seed, seconds=60 if long_run else 9)
    print(f"USANCE_FUZZ_SEED={seed}: {report}")
    assert not report.faults, (seed, report.faults[0])
    assert report.signed >= report.posts / 3
    assert report.requests > 100
    assert {"200", "400", "404", "405"} <= set(report.statuses)
    assert {"200", "403", "409", "422"} <= set(report.results)
    growth = report.end_bytes - report.warm_bytes
    assert growth < fuzz.GROWTH_BYTES_MAX, f"grew by {growth / 2**20:.0f} MiB (seed {seed})"
    Actor(node).join().log(nil_body())
    assert node.stop() == 0
    assert node.failures() == [], seed
    node.audit()
