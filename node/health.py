"""Whether a write would be taken now, and if not, why: what `GET /readyz`, the metrics and the log all say alike."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass

from node.context import NodeContext
from node.logs import event
from node.vitals import SAMPLE_S, measure
from node.writer import RETRY_AFTER_DISK_S, RETRY_AFTER_S

log = logging.getLogger("usance.node")

STUCK_S = 30.0
"""A round of the writer takes milliseconds; one that takes so long waits for a disk that doesn't answer."""

REASONS = {
    "stopping": "the node is stopping",
    "writer-failed": "the writer has stopped, restart the node",
    "writer-stuck": "a write to the disk has not ended",
    "disk-lost": "the node's folder can't be looked at",
    "disk-full": "the disk is nearly full",
    "disk-read-only": "the disk is read-only",
    "queue-full": "too many requests are waiting",
    "memory-full": "too many requests are under way",
    "no-check-worker": "no check worker runs",
}
"""Every reason for which a node isn't ready, with its meaning; the runbook has an entry for each."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a write wouldn't be taken. `code`: one of REASONS; `detail`: in words; `retry_after_s`: when to ask again."""

    code: str
    detail: str
    retry_after_s: int


def _reason(code: str, *, more: str = "", retry_after_s: int = RETRY_AFTER_S) -> Reason:
    return Reason(code, f"{REASONS[code]}{': ' + more if more else ''}", retry_after_s)


def reasons(context: NodeContext) -> list[Reason]:
    """Everything that keeps a write from being taken now, the gravest first; nothing where one would be."""
    config, writer = context.config, context.writer
    found: list[Reason] = []
    if context.stopping.is_set():
        found.append(_reason("stopping"))
    if writer.failed is not None or not writer.is_alive:
        found.append(_reason("writer-failed", more=writer.failed or "", retry_after_s=RETRY_AFTER_DISK_S))
    began = writer.tally.began
    if began is not None and time.monotonic() - began > STUCK_S:
        found.append(_reason("writer-stuck", retry_after_s=RETRY_AFTER_DISK_S))
    try:
        disk = os.statvfs(context.folder)
        if disk.f_flag & os.ST_RDONLY:
            found.append(_reason("disk-read-only", retry_after_s=RETRY_AFTER_DISK_S))
        if disk.f_bavail * disk.f_frsize < config.disk_free_bytes_min:
            found.append(_reason("disk-full", retry_after_s=RETRY_AFTER_DISK_S))
    except OSError as error:
        found.append(_reason("disk-lost", more=error.strerror or "", retry_after_s=RETRY_AFTER_DISK_S))
    if writer.is_full:
        found.append(_reason("queue-full"))
    if context.bytes_in_flight >= config.in_flight_bytes_max:
        found.append(_reason("memory-full"))
    if not context.checks.pids:
        found.append(_reason("no-check-worker"))
    return found


async def watch(context: NodeContext) -> None:
    """Sample the machine, and say in the log when the node stops being ready and when it is again; until cancelled."""
    said: list[str] = []
    while True:
        try:
            pids = context.checks.pids
            context.vitals.add(await context.read(lambda pids=pids: measure(context.folder, pids)))  # type: ignore[misc]
            found = reasons(context)
        except OSError as error:
            log.error("the node's folder can't be looked at: %s", error, extra=event("folder-lost"))
        else:
            codes = [reason.code for reason in found if reason.code != "stopping"]
            if codes and codes != said:
                text = "; ".join(reason.detail for reason in found)
                log.warning("writes are not taken: %s", text, extra=event("not-ready", reasons=",".join(codes)))
            elif said and not codes:
                log.info("writes are taken again", extra=event("ready"))
            said = codes
        context.refresh()
        await asyncio.sleep(SAMPLE_S)
