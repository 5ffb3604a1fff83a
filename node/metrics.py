"""A node's figures in the Prometheus text format. The only module that imports prometheus_client.

The parts of a node count in plain numbers (`node/tally.py`, `node/vitals.py`); the collector reads them when somebody
asks, so nothing here costs a write anything. Label values are bounded: routes are the application's, problem types,
reasons and states come from tables, witnesses from the configuration.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib import metadata

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.append import STORE_VERSION
from ledger.errors import PROBLEM_TYPES
from node.context import NodeContext
from node.health import REASONS, reasons
from node.quotas import Kind
from node.tally import Spread
from node.witnesses import STATES
from proofs.errors import RetryableError

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def _gauge(name: str, text: str, value: float | None) -> Metric:
    """A number as it is now; one that isn't known has no sample."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _labelled(
    kind: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, text: str, labels: tuple[str, ...],
    rows: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:  # fmt: skip
    family = kind(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(list(values), number)
    return family


def _spreads(name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], Spread]]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, spread in rows:
        family.add_metric(list(values), spread.buckets(), sum_value=spread.total)
    return family


def _version() -> str:
    try:
        return metadata.version("usance")
    except metadata.PackageNotFoundError:
        return "unknown"


class NodeCollector(Collector):
    """Reads one node's figures. Called on the event loop, which owns most of them."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._version = _version()

    def collect(self) -> Iterator[Metric]:
        """Every metric of the node, in the order of the table in docs/operations.md."""
        yield from self._state()
        yield from self._log()
        yield from self._room()
        yield from self._writes()
        yield from self._http()
        yield from self._detection()

    def _state(self) -> Iterator[Metric]:
        context = self._context
        build = ((self._version, platform.python_version(), str(STORE_VERSION)), 1.0)
        yield _labelled(GaugeMetricFamily, "usance_build_info", "What runs; always 1.",
                        ("version", "python", "store_version"), [build])  # fmt: skip
        found = {reason.code for reason in reasons(context)}
        yield _gauge("usance_ready", "1 where a write would be taken now, as GET /readyz says.", not found)
        yield _labelled(GaugeMetricFamily, "usance_not_ready", "1 for each reason why a write wouldn't be taken.",
                        ("reason",), [((code,), code in found) for code in REASONS])  # fmt: skip
        yield _gauge(
            "usance_writer_failed", "1 where the writer has stopped for good.", context.writer.failed is not None
        )
        yield _gauge("usance_check_workers", "Check workers that run.", len(context.checks.pids))
        yield _gauge("usance_check_workers_wanted", "Check workers that should run.", context.checks.count)
        yield _counter("usance_check_workers_ended", "Check workers that ended unasked.", context.checks.ended)
        yield _counter("usance_storage_failures", "Requests that met a database which can't be read.",
                       context.http.storage_failures)  # fmt: skip
        yield _labelled(
            GaugeMetricFamily, "usance_witness_at_start", "1 for what each configured witness said at the start.",
            ("witness", "state"),
            [((name, state), state == said) for name, said in context.witnesses.items() for state in STATES],
        )  # fmt: skip

    def _log(self) -> Iterator[Metric]:
        context = self._context
        yield _gauge("usance_log_entries", "Entries of the published log.", context.published.size)
        yield _gauge("usance_checkpoint_timestamp_seconds", "When the newest checkpoint was signed, Unix time.",
                     context.signer.last.time_ms / 1000 if context.signer.last is not None else None)  # fmt: skip
        yield _gauge("usance_log_closed", "1 for a log that takes nothing more.", context.closed is not None)
        yield _gauge("usance_tls_certificate_end_timestamp_seconds",
                     "When the certificate ends, Unix time; no sample without TLS.",
                     None if context.tls is None else context.tls.not_after_s)  # fmt: skip

    def _room(self) -> Iterator[Metric]:
        context, vitals = self._context, self._context.vitals
        newest, floor = vitals.newest, context.config.disk_free_bytes_min
        yield _gauge(
            "usance_database_bytes", "Bytes of the database's files.", None if newest is None else newest.database_bytes
        )
        yield _gauge("usance_disk_free_bytes", "Bytes that the node may still write to its disk.",
                     None if newest is None else newest.free_bytes)  # fmt: skip
        yield _gauge("usance_disk_floor_bytes", "Free bytes below which writes are refused.", floor)
        yield _gauge("usance_disk_full_days", "Days until then at the rate of the last day; no sample while unknown.",
                     vitals.days_to_full(floor))  # fmt: skip
        memory = zip(("node", "check-workers"), newest.memory_bytes if newest is not None else (), strict=False)
        yield _labelled(GaugeMetricFamily, "usance_memory_bytes", "Resident memory.", ("part",),
                        [((part,), number) for part, number in memory])  # fmt: skip

    def _writes(self) -> Iterator[Metric]:
        context, tally, http = self._context, self._context.writer.tally, self._context.http
        yield _counter("usance_records", "Records taken.", http.records_taken)
        yield _labelled(
            CounterMetricFamily, "usance_batches", "Batches answered, by what became of them.", ("result",),
            [(("taken",), http.batches_taken), (("repeated",), http.batches_repeated),
             (("refused",), http.refused.total())],
        )  # fmt: skip
        yield _labelled(CounterMetricFamily, "usance_batches_refused", "Batches refused, by problem type.", ("type",),
                        [((name,), http.refused[name]) for name in PROBLEM_TYPES])  # fmt: skip
        yield _labelled(CounterMetricFamily, "usance_quota_refused", "Refusals by what there was too much of.", ("of",),
                        [((kind.name.lower(),), context.gate.refused[kind]) for kind in Kind])  # fmt: skip
        yield _counter("usance_request_body_bytes", "Bytes of bodies of writes.", http.body_bytes)
        yield _gauge("usance_in_flight_bytes", "Bytes of writes under way.", context.bytes_in_flight)
        yield _gauge("usance_in_flight_bytes_max", "Their bound.", context.config.in_flight_bytes_max)
        yield _gauge("usance_checks_pending", "Requests being checked, or waiting for it.", context.checks.pending)
        yield _gauge("usance_queue_requests", "Requests that wait for the writer.", context.writer.waiting)
        yield _gauge("usance_queue_requests_max", "Their bound.", context.config.queue_requests_max)
        for name, text, spread in (
            ("usance_commit_seconds", "Durable writes of one group.", tally.commit_s),
            ("usance_sign_record_seconds", "Signing a checkpoint and making its record durable.", tally.sign_s),
            ("usance_group_records", "Records in one durable write.", tally.group_records),
            ("usance_group_requests", "Requests in one durable write.", tally.group_requests),
        ):
            yield _spreads(name, text, (), [((), spread)])

    def _http(self) -> Iterator[Metric]:
        context, http = self._context, self._context.http
        yield _labelled(
            CounterMetricFamily, "usance_http_requests", "Requests answered.", ("method", "route", "status"),
            [((method, route, str(status)), count) for (method, route, status), count in http.requests.items()],
        )  # fmt: skip
        yield _spreads("usance_http_request_seconds", "From a request's head to its answer, streams apart.", ("route",),
                       [((route,), spread) for route, spread in http.seconds.items()])  # fmt: skip
        yield _gauge("usance_connections", "Open connections.", context.connections())
        yield _gauge("usance_connections_max", "Their bound.", context.config.connections_max)
        yield _counter("usance_connections_refused", "Connections closed at once for want of room.",
                       http.refused_connections)  # fmt: skip
        yield _gauge("usance_streams", "Clients of GET /records/stream.", context.streams)
        yield _gauge("usance_streams_max", "Their bound.", context.config.streams_max)

    def _detection(self) -> Iterator[Metric]:
        tally = self._context.detection.tally
        yield _counter("usance_detect_looks", "Requests to look for registered material that were answered.",
                       tally.looks)  # fmt: skip
        yield _counter("usance_detect_items", "Items looked up.", tally.items)
        yield _counter("usance_detect_prints", "Prints looked up.", tally.prints)
        yield _counter("usance_detect_pairs", "Matches answered.", tally.pairs)
        yield _counter("usance_detect_sets", "Print sets taken in.", tally.sets_taken)
        yield _counter("usance_detect_busy", "Requests refused because too many were under way.", tally.busy)
        yield _gauge("usance_detect_index_owners", "Assets in the index, once it has been opened.", tally.owners)
        yield _gauge("usance_detect_index_prints", "Their prints.", tally.index_prints)
        yield _gauge("usance_detect_failed", "1 where the index can't be used.", bool(tally.failed))


class Exposition:
    """The text of all metrics of one node, and of its process."""

    def __init__(self, context: NodeContext) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(NodeCollector(context))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The metrics as they are now. Raises RetryableError where the machine can't be looked at."""
        try:
            return generate_latest(self._registry)
        except OSError as error:
            raise RetryableError(f"the node's folder can't be looked at: {error.strerror}", retry_after_s=60) from None
