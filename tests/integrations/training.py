"""A real Trainer on a tiny model and tiny local data, no downloads. Runs in .venv-huggingface, not under pytest:

python training.py states FOLDER     writes the states that tests replay: FOLDER/{fresh,resumed,uncounted}.json
python training.py log FOLDER        trains with the callback, breaks off, resumes; prints what it did as JSON
python training.py hub FOLDER        loads data sets as if from the hub, out of a cache; prints what was noted
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

EXAMPLES, LENGTH, BATCH, EPOCHS, SAVE_STEPS = 24, 8, 4, 2, 4
KEPT = ("global_step", "epoch", "num_input_tokens_seen", "max_steps", "is_world_process_zero")


class Recorded(TrainerCallback):
    """Keeps what a callback is given: event, state, whether a checkpoint is due, how tokens are counted."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def _keep(self, event: str, args: Any, state: Any, control: Any) -> None:
        self.events.append({
            "event": event, "should_save": control.should_save, "count": args.include_num_input_tokens_seen,
            "state": {name: getattr(state, name) for name in KEPT},
        })  # fmt: skip

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._keep("on_train_begin", args, state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._keep("on_step_end", args, state, control)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._keep("on_save", args, state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._keep("on_epoch_end", args, state, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._keep("on_train_end", args, state, control)


class BreaksOff(TrainerCallback):
    """Raises at a step, as a machine that is lost."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


def examples() -> list[dict[str, torch.Tensor]]:
    """The data: the same tokens every time."""
    rows = torch.arange(EXAMPLES * LENGTH).reshape(EXAMPLES, LENGTH) % 50
    return [{"input_ids": row, "labels": row} for row in rows]


def trainer(folder: Path, *callbacks: TrainerCallback, data: Any = None, count: Any = "all") -> Trainer:
    """A trainer whose checkpoints are in the folder."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=50, n_positions=LENGTH, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0
    )
    args = TrainingArguments(
        output_dir=str(folder), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, save_steps=SAVE_STEPS,
        include_num_input_tokens_seen=count, report_to=[], use_cpu=True, disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    return Trainer(GPT2LMHeadModel(config), args, train_dataset=data or examples(), callbacks=list(callbacks))


def write_states(folder: Path) -> None:
    """Three trainings: from the beginning, resumed from the first's second checkpoint, and one that counts nothing."""
    checkpoints = folder / "checkpoints"
    for name, resume, count in (("fresh", None, "all"), ("resumed", f"checkpoint-{2 * SAVE_STEPS}", "all"),
                                ("uncounted", None, False)):  # fmt: skip
        seen = Recorded()
        made = trainer(checkpoints, seen, count=count)
        made.train(resume_from_checkpoint=str(checkpoints / resume) if resume else None)
        (folder / f"{name}.json").write_text(json.dumps(seen.events, indent=1) + "\n")


def log(folder: Path) -> dict[str, Any]:
    """Load data with the wrapper, train, break off between two checkpoints, resume, end."""
    from usance.integrations.datasets import load_dataset, noted
    from usance.integrations.transformers import UsanceCallback

    rows = [{"input_ids": row["input_ids"].tolist(), "labels": row["labels"].tolist()} for row in examples()]
    file = folder / "corpus.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load_dataset("json", data_files=str(file), split="train", asset="pkg:huggingface/org/tiny@rev")
    options = {"into_name": "tiny-model@1", "close_timeout_s": 60.0}
    checkpoints = folder / "checkpoints"
    broken = trainer(checkpoints, UsanceCallback(**options), BreaksOff(2 * SAVE_STEPS + 2), data=data)
    try:
        broken.train()
        raise SystemExit("it didn't break off")
    except KeyboardInterrupt:
        pass
    lost = broken.state.num_input_tokens_seen
    resumed = trainer(checkpoints, UsanceCallback(data, **options), data=data)
    resumed.train(resume_from_checkpoint=True)
    found = noted(data)
    return {
        "name": found.name, "fingerprint": found.fingerprint, "same": found.fingerprint == data._fingerprint,
        "lost": lost, "end": resumed.state.num_input_tokens_seen,
    }  # fmt: skip


def hub(folder: Path) -> list[dict[str, str]]:
    """What is noted of data sets of the hub that lie in the cache: one whose files tell the commit, one whose cache
    folder alone does, both splits of one, and local files without a name."""
    from usance.integrations.datasets import load_dataset, noted

    file = folder / "rows.jsonl"
    file.write_text('{"x": 1}\n{"x": 2}\n')
    cache = folder / "cache"
    local = load_dataset("json", data_files=str(file), split="train", cache_dir=str(cache))
    made = Path(local.cache_files[0]["filename"]).parent
    for name, commit, files in (("told", "a" * 40, [f"hf://datasets/org/Told@{'b' * 40}/rows.jsonl"]),
                                ("cached", "c" * 40, [])):  # fmt: skip
        target = cache / f"org___{name}" / "default" / "0.0.0" / commit
        shutil.copytree(made, target)
        (target / "json-train.arrow").rename(target / f"{name}-train.arrow")
        info = json.loads((target / "dataset_info.json").read_text())
        sums = {url: {"num_bytes": 18, "checksum": None} for url in files}
        info |= {"dataset_name": name, "config_name": "default", "download_checksums": sums, "license": "mit"}
        (target / "dataset_info.json").write_text(json.dumps(info))
    loaded = [
        local,
        load_dataset("org/told", split="train", cache_dir=str(cache), revision="main"),
        load_dataset("org/cached", cache_dir=str(cache)),
        load_dataset("org/cached", cache_dir=str(cache))["train"],
    ]
    rows = [noted(data) for data in loaded]
    return [
        {"name": row.name, "revision": row.revision, "license": row.license, "has_print": bool(row.fingerprint)}
        for row in rows
    ]


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    where = Path(sys.argv[2])
    where.mkdir(parents=True, exist_ok=True)
    if sys.argv[1] == "states":
        write_states(where)
    else:
        print("RESULT " + json.dumps({"log": log, "hub": hub}[sys.argv[1]](where)))
