"""What was loaded, noted for the callback: the name, revision, fingerprint and licence of a data set. Imports neither
`datasets` nor `transformers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.recorder import Asset
from proofs.errors import InputError
from proofs.fields import is_text

ATTRIBUTE = "usance_loaded"
_NEWEST: list[Loaded] = []


@dataclass(frozen=True, slots=True)
class Loaded:
    """A data set as it was loaded. `name`: `pkg:huggingface/…@revision`, "" for local files; `named`: what the program
    says it is instead; `revision`: the commit where it is known, else the one that was asked for; `fingerprint`: of
    `datasets`; `license`: as its card has it. Texts are "" where nothing is known."""

    name: str
    named: Asset | None
    revision: str
    fingerprint: str
    license: str

    @property
    def asset(self) -> Asset:
        """What a record of its use names. Raises InputError for local files that nobody gave a name."""
        if self.named is not None:
            return self.named
        if not self.name:
            raise InputError(
                "a data set of local files has no name", field="assets", expected="load_dataset(…, asset=…)"
            )
        return self.name

    def attrs(self) -> dict[str, str]:
        """What of it goes into a record's `attrs`."""
        found = {"dataset.fingerprint": self.fingerprint, "dataset.license": self.license}
        return {name: value for name, value in found.items() if is_text(value)}


def note(data: Any, loaded: Loaded) -> None:
    """Remember how this object was loaded."""
    setattr(data, ATTRIBUTE, loaded)


def remember(loaded: Loaded) -> None:
    """The data set that was loaded last, for a callback that isn't told which."""
    _NEWEST[:] = [loaded]


def noted(data: Any) -> Loaded | None:
    """How an object was loaded, None where it wasn't by us."""
    found = getattr(data, ATTRIBUTE, None)
    return found if isinstance(found, Loaded) else None


def newest() -> Loaded:
    """The data set that was loaded last. Raises InputError where none was."""
    if not _NEWEST:
        raise InputError(
            "it isn't said what is trained on", field="assets",
            expected="an asset, or a data set from usance.integrations.datasets.load_dataset",
        )  # fmt: skip
    return _NEWEST[0]
