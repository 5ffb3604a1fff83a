"""Which process of a distributed run logs: what each launcher says, and which of them counts."""

from types import SimpleNamespace
from typing import Any

import pytest

from node.rank import Rank, find_rank


def torch(*, rank: Any = 3, initialized: bool = True, available: bool = True) -> dict[str, Any]:
    """`torch.distributed` as a program has imported it."""
    module = SimpleNamespace(
        is_available=lambda: available, is_initialized=lambda: initialized, get_rank=lambda: rank
    )  # fmt: skip
    return {"torch.distributed": module}


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"])
def test_each_launcher_is_understood(name: str) -> None:
    """torchrun, Slurm, Open MPI and MPICH each set a variable of their own."""
    assert find_rank({name: "5"}, {}) == Rank(5, name)
    assert find_rank({name: "0"}, {}) == Rank(0, name)


def test_the_most_particular_one_counts() -> None:
    """torch.distributed before the variables, torchrun's before Slurm's, which counts machines there."""
    everything = {"PMI_RANK": "4", "OMPI_COMM_WORLD_RANK": "3", "SLURM_PROCID": "2", "RANK": "1"}
    assert find_rank(everything, torch(rank=0)) == Rank(0, "torch.distributed")
    for name in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        assert find_rank(everything, {}) == Rank(int(everything[name]), name)
        del everything[name]
    assert find_rank({}, {}) is None


def test_what_says_nothing_is_passed_over() -> None:
    """A variable without a number, and torch that is imported but not distributed, decide nothing."""
    for value in ("", "one", "-1", "1.0", " 1", "01", "1" * 10, "٣"):
        assert find_rank({"RANK": value, "SLURM_PROCID": "7"}, {}) == Rank(7, "SLURM_PROCID")
    assert find_rank({"RANK": "2"}, torch(initialized=False)) == Rank(2, "RANK")
    assert find_rank({"RANK": "2"}, torch(available=False)) == Rank(2, "RANK")
    assert find_rank({"RANK": "2"}, {"torch.distributed": SimpleNamespace()}) == Rank(2, "RANK")
    assert find_rank({"RANK": "2"}, torch(rank=None)) == Rank(2, "RANK")
