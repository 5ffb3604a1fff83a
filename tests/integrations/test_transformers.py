"""The Trainer's callback against recorded trainer states: each token is logged as often as it was trained on.

The states are a real Trainer's (states/README.md); the real packages run in test_real.py, in the long form.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import usance
from tests.node.recording import World
from tests.node.test_recorder import unsent, world  # noqa: F401 fixtures

STATES = Path(__file__).parent / "states"
NAME = "pkg:huggingface/org/corpus@rev"


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """`usance.integrations.transformers`, over a stand-in for the library: the callback needs its base class alone."""
    stand_in = ModuleType("transformers")
    stand_in.TrainerCallback = type("TrainerCallback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", stand_in)
    name = "usance.integrations.transformers"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("usance.integrations.noted._NEWEST", [])
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def replay(callback: Any, name: str, *, stop: int | None = None, **changed: Any) -> Any:
    """Give the callback what a trainer gave its own, in order, one state object throughout; up to a number of events.
    Answers the state."""
    state = SimpleNamespace()
    for event in json.loads((STATES / f"{name}.json").read_text())[:stop]:
        vars(state).update(event["state"], **changed)
        args = SimpleNamespace(include_num_input_tokens_seen=event["count"])
        getattr(callback, event["event"])(args, state, SimpleNamespace(should_save=event["should_save"]))
    return state


def tokens(world: World) -> list[int]:  # noqa: F811
    """The tokens of the records in the spool."""
    return [body["quantities"]["token"] for body in world.stored()]


def test_a_training_is_logged_by_epoch_and_checkpoint(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """384 tokens were trained on: 128 to the first checkpoint, 64 to the epoch's end, and so on; each record says the
    step, how tokens were counted, what is being made, and a period that begins where the last one ended."""
    replay(callbacks.UsanceCallback(NAME, into_name="model@2", use="finetune"), "fresh")
    found = unsent.stored()
    assert tokens(unsent) == [128, 64, 64, 128]
    assert [body["attrs"]["transformers.global_step"] for body in found] == [4, 6, 8, 12]
    for body in found:
        assert (body["asset"], body["use"], body["into_name"]) == (NAME, "finetune", "model@2")
        assert body["attrs"]["transformers.tokens"] == "all"
    assert [body["from"] for body in found[1:]] == [body["until"] for body in found[:-1]]


def test_a_resumed_training_counts_nothing_twice(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """What was logged before the checkpoint isn't again, though the trainer's count goes on from there."""
    replay(callbacks.UsanceCallback(NAME), "resumed")
    assert tokens(unsent) == [128]


def test_a_training_that_breaks_off_logs_what_it_used(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """Tokens after the last checkpoint were trained on all the same: logged when the process ends or another training
    begins, once."""
    callback = callbacks.UsanceCallback(NAME)
    replay(callback, "fresh", stop=13)  # two steps and a checkpoint into the second epoch, then one step more
    assert tokens(unsent) == [128, 64, 64]
    replay(callback, "resumed")
    assert tokens(unsent) == [128, 64, 64, 32, 128]
    callback = callbacks.UsanceCallback(NAME)
    replay(callback, "fresh", stop=4)
    callback._log_rest()
    callback._log_rest()
    assert tokens(unsent)[5:] == [96]


def test_steps_between_may_be_asked_for(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """Every so many steps, a record more; the sum is the same."""
    replay(callbacks.UsanceCallback(NAME, every_steps=5), "fresh")
    assert tokens(unsent) == [128, 32, 32, 64, 64, 64]


def test_what_is_not_counted_is_not_guessed(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """A trainer that counts no tokens is told how to, before anything is trained, in every process."""
    for rank_0 in (True, False):
        with pytest.raises(usance.InputError) as caught:
            replay(callbacks.UsanceCallback(NAME), "uncounted", stop=1, is_world_process_zero=rank_0)
        assert "include_num_input_tokens_seen" in caught.value.expected
    assert not unsent.spool.exists()


def test_a_count_that_stays_zero_is_told(
    unsent: World, callbacks: ModuleType, caplog: pytest.LogCaptureFixture  # noqa: F811
) -> None:  # fmt: skip
    """A model whose inputs the trainer can't count: nothing is logged, and that is said."""
    replay(callbacks.UsanceCallback(NAME), "fresh", num_input_tokens_seen=0)
    assert tokens(unsent) == []
    assert "counted no tokens in 12 steps" in caplog.text


def test_only_the_first_process_logs(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """The trainer's own word counts: it gathers the tokens of all processes, and one of them logs the sum."""
    replay(callbacks.UsanceCallback(NAME), "fresh", is_world_process_zero=False)
    assert not unsent.spool.exists()


def test_several_assets_need_weights(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """Nobody can tell whose tokens they were but who mixed them; by weights, the parts are whole and add up exactly."""
    with pytest.raises(usance.InputError, match="2 assets"):
        callbacks.UsanceCallback([NAME, "doi:10.1234/x"])
    weights = {NAME: 5, "doi:10.1234/x": 3, "model:a/b": 3}
    replay(callbacks.UsanceCallback(weights, every_steps=1), "fresh")
    sums = dict.fromkeys(weights, 0)
    for body in unsent.stored():
        sums[body["asset"]] += body["quantities"]["token"]
    assert sum(sums.values()) == 384
    assert all(abs(sums[name] - 384 * weight / 11) < 1 for name, weight in weights.items())


def test_a_loaded_data_set_names_itself(unsent: World, callbacks: ModuleType) -> None:  # noqa: F811
    """What was loaded with the wrapper needs no name: its own, its fingerprint and licence go into the record."""
    from usance.integrations.noted import Loaded, note, remember

    loaded = Loaded("pkg:huggingface/org/other@abc", None, "abc", "f1f2", "mit")
    data = SimpleNamespace()
    note(data, loaded)
    replay(callbacks.UsanceCallback(data), "resumed")
    remember(Loaded("", NAME, "", "f3", "a paragraph\nof terms"))
    replay(callbacks.UsanceCallback(), "resumed")
    first, second = unsent.stored()
    assert first["asset"] == "pkg:huggingface/org/other@abc"
    assert (first["attrs"]["dataset.fingerprint"], first["attrs"]["dataset.license"]) == ("f1f2", "mit")
    assert second["asset"] == NAME
    assert "dataset.license" not in second["attrs"]


@pytest.mark.parametrize(
    ("assets", "options"),
    [
        (None, {}), ([], {}), ({}, {}), ({NAME: 0}, {}), ({NAME: 0.5}, {}), ("", {}), (NAME, {"use": "read"}),
        (NAME, {"into_name": "\n"}), (NAME, {"every_steps": 0}), (NAME, {"every_steps": True}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_training(
    unsent: World, callbacks: ModuleType, assets: Any, options: dict[str, Any]  # noqa: F811
) -> None:  # fmt: skip
    """Everything that can be judged is judged when the callback is made."""
    with pytest.raises(usance.InputError):
        callbacks.UsanceCallback(assets, **options)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each integration needs its library only when it is imported itself."""
    importlib.import_module("usance.integrations")
    for name in ("transformers", "datasets"):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, f"usance.integrations.{name}", raising=False)
        with pytest.raises(ImportError, match=r"pip install 'usance\[huggingface\]'"):
            importlib.import_module(f"usance.integrations.{name}")
