"""docs/operations.md against the sources: the runbook has an entry for everything that an operator can meet."""

import re

import pytest
import yaml

from node import health, logs
from tests import runbook
from tests.runbook import ALERTS, rows

RAISED = {"StartupError": "At the start", "StorageError": "Storage errors"}


@pytest.mark.parametrize(("error", "title"), RAISED.items())
def test_every_message_is_in_the_runbook(error: str, title: str) -> None:
    """A refusal to start and a storage error can be looked up by a phrase of its own message."""
    found = runbook.messages(error)
    assert len(found) > 20
    known = runbook.phrases(title)
    missing = [f"{place}: {text}" for place, text in found.items() if not any(phrase in text for phrase in known)]
    assert not missing, f"no row under {title!r} of docs/operations.md quotes a phrase of:\n" + "\n".join(missing)


@pytest.mark.parametrize(("error", "title"), RAISED.items())
def test_the_runbook_quotes_no_message_that_is_gone(error: str, title: str) -> None:
    """Each quoted phrase stands in a message that the program can still give."""
    said = set(runbook.messages(error).values())
    assert not [phrase for phrase in runbook.phrases(title) if not any(phrase in text for text in said)]


def test_every_warning_has_an_event_that_the_runbook_knows() -> None:
    """Each message from warning on names its event, and the table of events has each, and no other."""
    found = runbook.events()
    assert len(found) > 10
    assert not [place for place, name in found.items() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)]
    assert {row[0] for row in rows("Events")} == {f"`{name}`" for name in (*found.values(), logs.FOREIGN)}


def test_reasons_are_those_of_the_code() -> None:
    """Every reason for not being ready has its row, in order."""
    assert [row[0] for row in rows("Not ready")] == [f"`{code}`" for code in health.REASONS]


def test_every_alarm_has_its_row() -> None:
    """Each alert of the rules file is explained, in order, and no other."""
    alerts = [rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert len(alerts) == len(set(alerts)) > 15
    explained = [name for row in rows("Alarms") for name in runbook.quoted(row[0])]
    assert sorted(explained) == sorted(alerts)


def test_every_row_says_what_to_do() -> None:
    """No entry of the runbook leaves its meaning or what to do empty."""
    for title in ("Not ready", "At the start", "Storage errors"):
        assert not [row for row in rows(title) if len(row) != 4 or not row[1] or not row[2]]
    for title in ("Alarms",):
        assert not [row for row in rows(title) if len(row) != 3 or not row[1] or not row[2]]
    assert not [row for row in rows("Events") if len(row) != 4 or not row[2] or not row[3]]
