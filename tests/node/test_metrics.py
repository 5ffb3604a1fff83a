"""GET /metrics: the figures are those of what happened, documented, bounded, and given only where the operator says."""

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from node.tally import Spread
from node.tokens import add_token
from tests.node.harness import Actor, NodeProcess, check_problem, nil_body, until, use_body
from tests.runbook import ALERTS, quoted, rows

# Where no rule of the program bounds them, the process' own are the library's.
FOREIGN = ("up", "process_start_time_seconds")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node whose metrics answer on its main port."""
    node = NodeProcess(tmp_path_factory.mktemp("metrics") / "n", metrics="main").start()
    try:
        yield node
        assert node.stop() == 0
        assert node.failures() == []
    finally:
        node.kill()


def families(node: NodeProcess) -> dict[str, Metric]:
    """The metrics, read as Prometheus reads them; names of counters with `_total`."""
    answer = node.get("/metrics")
    assert answer.status == 200
    assert answer.type == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    found = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        found[f"{family.name}_total" if family.type == "counter" else family.name] = family
    return found


def value(node: NodeProcess, name: str, **labels: str) -> float:
    """One sample; 0 where there is none."""
    for family in families(node).values():
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


def documented() -> dict[str, set[str]]:
    """The table of docs/operations.md: labels by metric."""
    return {
        quoted(name)[0]: set(re.findall(r"[a-z_]+", re.sub(r"\(.*\)", "", labels)))
        for name, labels, _ in rows("Metrics")
    }


def test_every_metric_is_documented_and_no_other(watched: NodeProcess) -> None:
    """Names in their order, and labels, are those of the table."""
    watched.get("/records/0")
    shown = {name: family for name, family in families(watched).items() if not name.startswith("process_")}
    table = documented()
    assert list(shown) == list(table)
    for name, family in shown.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= table[name], name
        if family.samples and name != "usance_witness_at_start":
            assert labels == table[name], name
    assert all(family.documentation for family in shown.values())


def test_the_process_is_shown_too(watched: NodeProcess) -> None:
    """Memory, descriptors and start time of the process, from the library."""
    found = families(watched)
    assert {"process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"} <= set(found)


def test_figures_follow_what_happens(watched: NodeProcess) -> None:
    """Records, batches by result and type, groups, the log's size and the newest checkpoint's time."""
    before = families(watched)
    actor = Actor(watched).join()
    actor.log(nil_body(1), nil_body(2), use_body())
    again = actor.sign(nil_body(3), nil_body(4))
    assert [watched.submit(again)[0]["status"] for _ in range(2)] == [200, 200]
    gap = actor.sign(nil_body(9), first=50)
    assert watched.submit(gap)[0]["type"] == "usance:sequence"
    after = families(watched)

    def grown(name: str, **labels: str) -> float:
        pick = [
            sum(
                s.value
                for f in found.values()
                for s in f.samples
                if s.name == name and labels.items() <= s.labels.items()
            )
            for found in (before, after)
        ]
        return pick[1] - pick[0]

    assert grown("usance_records_total") == 6
    assert grown("usance_log_entries") == 6
    assert grown("usance_batches_total", result="taken") == 3
    assert grown("usance_batches_total", result="repeated") == 1
    assert grown("usance_batches_total", result="refused") == 1
    assert grown("usance_batches_refused_total", type="usance:sequence") == 1
    assert grown("usance_batches_refused_total") == 1
    assert grown("usance_http_requests_total", method="POST", route="/records", status="200") == 5
    assert grown("usance_http_request_seconds_count", route="/records") == 5
    assert grown("usance_commit_seconds_count") == grown("usance_sign_record_seconds_count") == 3
    assert grown("usance_group_records_sum") == 6
    assert grown("usance_commit_seconds_sum") > 0
    assert grown("usance_request_body_bytes_total") > 500
    assert value(watched, "usance_ready") == 1
    assert value(watched, "usance_check_workers") == value(watched, "usance_check_workers_wanted") == 2
    assert value(watched, "usance_database_bytes") > 0
    assert value(watched, "usance_disk_free_bytes") > value(watched, "usance_disk_floor_bytes") == 256 * 2**20
    assert value(watched, "usance_memory_bytes", part="node") > 10 * 2**20
    assert value(watched, "usance_memory_bytes", part="check-workers") > 2**20
    assert value(watched, "usance_connections") >= 1


def test_what_is_not_known_has_no_sample(watched: NodeProcess) -> None:
    """Days to a full disk after seconds, and a certificate's end without TLS, are left out."""
    found = families(watched)
    assert found["usance_disk_full_days"].samples == []
    assert found["usance_tls_certificate_end_timestamp_seconds"].samples == []


def test_label_values_are_bounded(watched: NodeProcess) -> None:
    """Strange paths, methods and indices make no label of their own."""
    for number in range(20):
        watched.get(f"/nothing/{number}")
        watched.request("BREW" if number % 2 else "DELETE", f"/records/{number}")
        watched.get(f"/records/{10**6 + number}")
        watched.raw(b"nonsense %d\r\n\r\n" % number)
    samples = [
        sample for sample in families(watched)["usance_http_requests_total"].samples if sample.name.endswith("_total")
    ]
    assert {sample.labels["method"] for sample in samples} <= {"GET", "HEAD", "POST", "other"}
    routes = {sample.labels["route"] for sample in samples}
    assert {"(none)", "/records/{index}"} <= routes
    assert not [route for route in routes if "nothing" in route or re.search("[0-9]", route)]
    assert sum(s.value for s in samples if s.labels == {"method": "GET", "route": "(none)", "status": "404"}) >= 20


def test_streams_and_connections_are_seen(watched: NodeProcess) -> None:
    """A stream counts while it is open, and takes no part in the times of requests."""
    with socket.create_connection(("127.0.0.1", watched.port), timeout=20) as connection:
        connection.sendall(b"GET /records/stream?from=0 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200 OK" in connection.recv(1 << 16)
        assert value(watched, "usance_streams") == 1
        assert value(watched, "usance_connections") >= 2
    watched.submit(Actor(watched).sign(nil_body()))
    Actor(watched).join()  # the stream writes, and notices
    until(lambda: value(watched, "usance_streams") == 0)
    assert "/records/stream" not in str(families(watched)["usance_http_request_seconds"].samples)


def test_metrics_are_off_unless_said(node: NodeProcess) -> None:
    """By default nobody reads them: 404, which says where they are set; so on HEAD."""
    said = check_problem(node.get("/metrics"), 404)
    assert "http.metrics" in said["expected"]
    assert node.request("HEAD", "/metrics").status == 404


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_port_of_their_own(make_node: Callable[..., NodeProcess]) -> None:
    """With HOST:PORT they answer there, with health and readiness and nothing else; on the log's port they don't."""
    port = free_port()
    node = make_node(metrics=f"127.0.0.1:{port}")
    apart = _Apart(node, port)
    assert node.get("/metrics").status == 404
    assert "usance_ready" in families(apart)  # type: ignore[arg-type]
    assert [apart.get(path).status for path in ("/healthz", "/readyz")] == [200, 200]
    assert [apart.get(path).status for path in ("/checkpoint", "/records", "/openapi.json")] == [404] * 3
    check_problem(apart.get("/checkpoint"), 404)
    assert node.stop() == 0
    assert node.failures() == []


class _Apart:
    """The other port of a node."""

    def __init__(self, node: NodeProcess, port: int) -> None:
        self._node, self.port = node, port

    def get(self, path: str) -> Any:
        """GET there."""
        main, self._node.port = self._node.port, self.port
        try:
            return self._node.get(path)
        finally:
            self._node.port = main


def test_a_port_that_is_taken_ends_the_start(make_node: Callable[..., NodeProcess]) -> None:
    """The node says which port, and doesn't run half-watched."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = make_node(start=False, metrics=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(AssertionError, match="for metrics"):
            node.start()


def test_on_the_main_port_a_token_is_asked_for_where_readers_need_one(make_node: Callable[..., NodeProcess]) -> None:
    """`main` means: whoever may read the log; without a token they are closed."""
    node = make_node(start=False, metrics="main", readers="token")
    token = add_token(str(node.folder), "watcher", now_ms=1)
    node.start()
    check_problem(node.get("/metrics"), 401)
    check_problem(node.get("/metrics", {"Authorization": f"Bearer {token}x"}), 401)
    assert node.get("/metrics", {"Authorization": f"Bearer {token}"}).status == 200
    assert [node.get(path).status for path in ("/healthz", "/readyz")] == [200, 200]


def test_alert_rules_name_what_is_there(watched: NodeProcess) -> None:
    """Each expression's metrics and label values are ones that a node gives."""
    Actor(watched).join()
    found = families(watched)
    samples = {sample.name for family in found.values() for sample in family.samples} | set(found)
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert rule["annotations"]["summary"]
        named = re.findall(r"\b(?:usance|process)_[a-z_]+\b", re.sub(r'"[^"]*"', "", rule["expr"]))
        assert named or "up{" in rule["expr"], rule["alert"]
        assert not set(named) - samples - set(FOREIGN), rule["alert"]
        for name, label, text in re.findall(r'(usance_\w+)\{(?:\w+="[^"]*",)*(\w+)="([^"]*)"', rule["expr"]):
            assert label in documented()[name], rule["alert"]
            assert text, rule["alert"]


def test_a_histogram_counts_every_value_once() -> None:
    """Bounds belong to the bucket that they end; counts add up; the sum is the values'."""
    spread = Spread((1.0, 5.0))
    for number in (0.5, 1.0, 1.5, 5.0, 6.0):
        spread.add(number)
    assert spread.buckets() == [("1.0", 2), ("5.0", 4), ("+Inf", 5)]
    assert spread.total == 14.0
