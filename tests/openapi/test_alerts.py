"""The alert rules in the language that they are written in."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.interop.clients import python_environment, run
from tests.runbook import ALERTS

CHECK = (
    "import json, sys, promql_parser\n"
    "for name, text in json.load(open(sys.argv[1])):\n"
    "    try:\n        promql_parser.parse(text)\n"
    "    except ValueError as error:\n        sys.exit(f'{name}: {error}')\n"
)
"""Parses each [name, expression] of a file."""


def parse(tools: Path, rules: list[tuple[str, str]], folder: Path) -> subprocess.CompletedProcess[str]:
    """Parse expressions in the environment that has the parser."""
    file = folder / "rules.json"
    file.write_text(json.dumps(rules), encoding="utf-8")
    return run(tools / "python", "-c", CHECK, file)


def test_expressions_are_prometheus_expressions(tmp_path: Path) -> None:
    """Each rule parses as Prometheus parses it, and one with a mistake doesn't."""
    tools = python_environment("openapi")
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules = [(rule["alert"], rule["expr"]) for group in groups for rule in group["rules"]]
    done = parse(tools, rules, tmp_path)
    assert done.returncode == 0, done.stderr
    wrong = parse(tools, [("wrong", "rate(usance_records_total) >")], tmp_path)
    assert wrong.returncode == 1
    assert "wrong" in wrong.stderr


def test_promtool_takes_the_rules() -> None:
    """Prometheus' own tool checks them, where it is installed."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool (it comes with Prometheus) is not installed")
    done = run("promtool", "check", "rules", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr
