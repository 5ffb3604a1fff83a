"""A callback for the transformers library's Trainer that logs what was trained on (docs/library.md, "Hugging Face").

::

    trainer = Trainer(..., callbacks=[UsanceCallback("pkg:huggingface/org/corpus@rev", into_name="our-model@2")])

Tokens are those that the trainer itself counts (`state.num_input_tokens_seen`), of all processes together; they are
never guessed from examples or batches. What is logged is the difference to what was logged before: at the end of each
epoch, before each checkpoint is saved, and at the end. A training that is resumed begins at its checkpoint's count. So
every token up to the last checkpoint is logged as often as it was trained on, whatever was killed when.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from node.recorder import Asset, Recorder
from node.saidfields import plain_usage
from proofs.errors import InputError
from proofs.fields import is_text
from proofs.records import make_body
from usance.integrations.noted import Loaded, newest, noted

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError("this needs the transformers library: pip install 'usance[huggingface]'") from error

_log = logging.getLogger("usance")
_UNCOUNTED = (None, False, "no")
Assets = Asset | Loaded | Iterable[Any] | Mapping[Any, int] | None


class UsanceCallback(TrainerCallback):
    """Logs the tokens of a training, from the world's first process only."""

    def __init__(
        self, assets: Assets = None, *, use: str = "train", into_name: str | None = None,
        every_steps: int | None = None, recorder: Recorder | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """`assets`: what is trained on: a reference, an external name, or a data set that
        `usance.integrations.datasets` loaded; None for the one that it loaded last. Of several, as {asset: weight}:
        nobody but you knows how many of the tokens are whose. `into_name`: of the model that is being made.
        `every_steps`: log as often as that, too.
        `recorder`, or the `options` of one. Raises InputError, before anything is trained."""
        if every_steps is not None and (type(every_steps) is not int or every_steps < 1):
            raise InputError("no number of steps", field="every_steps", expected="a whole number of 1 or more")
        self._shares = [_Share(asset, weight) for asset, weight in _weighted(assets)]
        self._use, self._into_name, self._every_steps = use, into_name, every_steps
        self._recorder, self._options = recorder, options
        self._logged = 0  # tokens, of this training
        self._since_ms = 0
        self._state: Any = None  # the trainer's own, while tokens of it may be unlogged
        self._count = ""
        fields = self._fields(0)
        for share in self._shares:
            make_body(plain_usage("model:x/y", use, 0, {"token": 1}, None, None, {**fields, **share.fields(fields)}))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Where the count begins: 0, or a checkpoint's. Raises InputError where the trainer doesn't count."""
        count = getattr(args, "include_num_input_tokens_seen", None)
        if count in _UNCOUNTED:
            raise InputError(
                "the trainer doesn't count tokens, and nothing else tells how many there are", field="token",
                expected='TrainingArguments(include_num_input_tokens_seen="all" or "non_padding")',
            )  # fmt: skip
        if not state.is_world_process_zero:
            return
        self._log_rest()  # of a training before, in the same process, that broke off
        self._count = count if isinstance(count, str) else "all"
        if self._recorder is None:
            self._recorder = Recorder(**{"all_ranks": True, **self._options})
        for share in self._shares:
            share.target = self._recorder.resolve(share.asset)
        self._logged, self._since_ms = int(state.num_input_tokens_seen), _now_ms()
        self._state = state
        atexit.register(self._log_rest)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before a checkpoint is saved, so that a training resumed from it begins at what is logged."""
        step = state.global_step
        if control.should_save or (self._every_steps and step % self._every_steps == 0):
            self._log(state)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Where another callback asked for the checkpoint."""
        self._log(state)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What the epoch used."""
        self._log(state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The rest, made durable; what can't be sent yet is sent later."""
        if self._state is None:
            return
        self._log(state, is_end=True)
        self._state = None
        atexit.unregister(self._log_rest)
        if not state.num_input_tokens_seen and state.global_step:
            _log.warning(
                "the trainer counted no tokens in %d steps, so nothing is logged: its model has no `main_input_name` "
                "among the inputs", state.global_step,
            )  # fmt: skip
        if self._recorder is not None:
            self._recorder.flush()

    def _log_rest(self) -> None:
        """What a training that broke off has used by now."""
        state, self._state = self._state, None
        if state is not None:
            self._state = state
            self._log(state, is_end=True)
            self._state = None

    def _log(self, state: Any, *, is_end: bool = False) -> None:
        if self._state is None or self._recorder is None:  # not the first process
            return
        seen, now_ms = int(state.num_input_tokens_seen), _now_ms()
        if seen == self._logged and not is_end:
            return
        fields = self._fields(state.global_step)
        for share, tokens in _divided(self._shares, seen - self._logged, is_end=is_end):
            self._recorder.use(
                share.target, self._use, token=tokens, from_=min(self._since_ms, now_ms), until=now_ms,
                **{**fields, **share.fields(fields)},
            )  # fmt: skip
        self._logged, self._since_ms = seen, now_ms

    def _fields(self, step: int) -> dict[str, Any]:
        attrs: dict[str, str | int] = {"transformers.global_step": step}
        if self._count:
            attrs["transformers.tokens"] = self._count
        return {"attrs": attrs, **({} if self._into_name is None else {"into_name": self._into_name})}


class _Share:
    """One asset's part of the tokens. `carry`: what its weight has earned beyond whole tokens, in parts of the sum of
    all weights."""

    def __init__(self, asset: Any, weight: int) -> None:
        if type(weight) is not int or weight < 1:
            raise InputError("no weight", field="assets", expected="{asset: weight}, whole numbers of 1 or more")
        loaded = asset if isinstance(asset, Loaded) else noted(asset)
        self.asset: Asset = asset if loaded is None else loaded.asset
        self.attrs = {} if loaded is None else loaded.attrs()
        self.target: Asset = self.asset
        self.weight, self.carry = weight, 0
        if isinstance(self.asset, str) and not is_text(self.asset):
            raise InputError("no asset", field="assets", expected="a reference, an external name, or a loaded data set")

    def fields(self, common: dict[str, Any]) -> dict[str, Any]:
        """`attrs` of this asset's record."""
        return {"attrs": {**common["attrs"], **self.attrs}}


def _divided(shares: list[_Share], tokens: int, *, is_end: bool) -> list[tuple[_Share, int]]:
    """Whole tokens for each share, none below 1; what is left over is carried on, and given out at the end."""
    if tokens <= 0 and not is_end:
        return []
    total = sum(share.weight for share in shares)
    amounts = []
    for share in shares:
        share.carry += max(tokens, 0) * share.weight
        amount, share.carry = divmod(share.carry, total)
        amounts.append(amount)
    if is_end:
        left = sum(share.carry for share in shares) // total
        order = sorted(range(len(shares)), key=lambda at: -shares[at].carry)
        for at in order[:left]:
            amounts[at] += 1
        for share in shares:
            share.carry = 0
    return [(share, amount) for share, amount in zip(shares, amounts, strict=True) if amount]


def _weighted(assets: Assets) -> list[tuple[Any, int]]:
    if assets is None:
        assets = newest()
    if isinstance(assets, Mapping) and noted(assets) is None:
        found = list(assets.items())
    elif isinstance(assets, list | tuple | set):
        found = [(asset, 1) for asset in assets]
        if len(found) > 1:
            raise InputError(
                f"{len(found)} assets, and nothing tells how many of the tokens are whose", field="assets",
                expected="{asset: weight}, as of the tokens in each",
            )  # fmt: skip
    else:
        found = [(assets, 1)]
    if not found:
        raise InputError("no asset", field="assets", expected="what is trained on")
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
