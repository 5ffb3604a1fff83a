"""Which process of a distributed run this one is, so that one of them logs and not each (docs/library.md, "Ranks").

What torch.distributed says counts first, where it is in use, since it is what really came about; then the variables
that launchers set, the most particular one first: torchrun under Slurm sets both, and there Slurm's counts machines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLES = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Rank:
    """This process's number in its run, and who says so."""

    number: int
    source: str


def find_rank(environment: Mapping[str, str], modules: Mapping[str, Any]) -> Rank | None:
    """This process's rank, None where nothing says that it is one of several. `modules`: what is imported
    (sys.modules): torch is asked where the program uses it already, and never imported. A variable that holds no number
    is passed over: it means something else."""
    distributed = modules.get("torch.distributed")
    if distributed is not None:
        try:
            if distributed.is_available() and distributed.is_initialized():
                return Rank(int(distributed.get_rank()), "torch.distributed")
        except (AttributeError, TypeError, ValueError, RuntimeError):
            pass  # half imported, or being shut down: the variables still tell
    for name in VARIABLES:
        value = environment.get(name, "")
        if _DECIMAL.fullmatch(value):
            return Rank(int(value), name)
    return None
