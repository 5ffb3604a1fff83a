"""node.toml: strict in every setting, and its file and its page made from the one table."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.config import SETTINGS, Config, config_page, default_toml, parse_config, parse_listen
from proofs.errors import InputError
from tests.node.harness import NodeProcess

ORIGIN = 'origin = "log.example/x"'


def config(text: str = "") -> Config:
    """A configuration with an origin and whatever else."""
    return parse_config(f"[log]\n{ORIGIN}\n{text}")


def test_the_default_file_gives_the_defaults() -> None:
    """What `node init` writes parses to the defaults, which are all allowed, and has every setting with its meaning."""
    text = default_toml(origin="log.example/x")
    assert parse_config(text) == config()
    for setting in SETTINGS:
        assert f"# {setting.meaning}\n" in text
        assert f"\n{setting.name} = " in text or f"\n# {setting.name} = " in text


def test_every_commented_default_can_be_switched_on() -> None:
    """The default file with every comment taken off from a setting says the same."""
    lines = []
    for line in default_toml(origin="log.example/x").splitlines():
        is_setting = any(line.startswith(f"# {setting.name} = ") for setting in SETTINGS)
        lines.append(line[2:] if is_setting else line)
    assert parse_config("\n".join(lines)) == config()


def test_names_are_unique_and_in_the_configuration() -> None:
    """Each setting is a field of Config by its name, once, and Config has no other."""
    assert [setting.name for setting in SETTINGS] == [field.name for field in dataclasses.fields(Config)]


@pytest.mark.parametrize(
    "origin", ["a", "log.example/x", 'quote"d', "back\\slash", "ünïcode.example/ž", "x" * 255, "a'b", "#x", "{}", "€"]
)
def test_any_allowed_origin_survives_the_file(origin: str) -> None:
    """An origin with quotes, backslashes or letters of any script comes back from the written file as it was."""
    assert parse_config(default_toml(origin=origin)).origin == origin


WRONG: dict[str, tuple[Any, ...]] = {
    "log.origin": ("''", "'a b'", "'a+b'", "'usance/x'", "'cosignature/x'", "'subtree/x'", "5", "['a']", "'a\tb'",
                   "'" + "x" * 256 + "'", '"a\\nb"', '"a\\u0085b"', "true"),
    "http.listen": ("''", "'8463'", "'localhost'", "':80'", "'a:65536'", "'a:-1'", "'a: 80'", "'::1:80'", "'[x]:80'",
                    "'[127.0.0.1]:80'", "'a:80:80'", "'a:٨'", "'http://a:80'", "8463", "['a:1']", "'a:000080'"),
    "http.request_timeout_s": ("0", "3601", "-1", "1.0", "true", "'30'", "[30]", "inf", "9" * 30),
    "http.idle_timeout_s": ("0", "86401", "1.5", "'1'"),
    "http.connections_max": ("0", "1000001", "true"),
    "http.in_flight_bytes_max": ("8388607", "0", "4294967297", "'64 MiB'"),
    "http.metrics": ("''", "'on'", "'8464'", "true", "8464", "'Main'", "'a:65536'", "['main']"),
    "http.streams_max": ("-1", "10001", "false"),
    "writer.queue_requests_max": ("0", "100001"),
    "writer.group_records_max": ("1023", "1000001"),
    "writer.disk_free_bytes_min": ("-1", "1e9", str(2**50 + 1)),
    "writer.check_workers": ("0", "65", "2.0"),
    "admission.mode": ("'Open'", "''", "'closed'", "true", "['open']", "{}"),
    "admission.parties": ("'ab'", "['ab']", "['" + "AB" * 32 + "']", "['" + "ab" * 32 + "\\n']", "[5]", "[['ab']]",
    "{}"),
    "admission.new_parties_per_hour": ("-1", "1000001", "true", "1.5"),
    "admission.readers": ("'tokens'", "''", "true", "['token']"),
    "quota.records_per_s": ("-1", "1000001", "'5'", "0.5"),
    "quota.bytes_per_s": ("-1", str(2**40 + 1), "'1 MiB'"),
    "quota.steps_per_s": ("-1", str(2**31 + 1), "true"),
    "quota.burst_s": ("0", "86401", "1.0"),
    "detect.prints_max": ("0", "700001", "'1'"),
    "detect.prints_per_hour": ("-1", "1.5", "true"),
    "detect.set_bytes_max": ("1023", "'1 MiB'"),
    "tls.certificate": ("5", "true", "['a.pem']", '"a\\u0000b"', '"a\\nb"', "'" + "x" * 4097 + "'"),
    "tls.private_key": ("5", "true", "['a.pem']", '"a\\u0000b"', '"a\\nb"', "'" + "x" * 4097 + "'"),
    "tls.version_min": ("'1.1'", "1.2", "''", "'TLS1.3'"),
    "tls.expiry_warning_days": ("-1", "3651", "'14'"),
    "start.witnesses": ("'https://a'", "['ftp://a']", "['https://']", "['https://a?b']", "['https://a b']", "[1]"),
    "start.witness_keys": ("'a+00000000+x'", "['a']", "['a+0000000+x']", "['a b+00000000+x']", "[1]"),
    "messages.log_format": ("'JSON'", "''", "true"),
    "messages.log_level": ("'critical'", "'INFO'", "20"),
    "messages.access_log": ("'on'", "true", "''"),
    "stop.grace_s": ("-1", "3601", "1.0"),
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_values_out_of_bounds_are_refused(field: str, value: str) -> None:
    """Another type, a value out of its bounds or of another form is refused, and the setting is named."""
    section, name = field.split(".")
    text = f"[log]\n{name} = {value}\n" if section == "log" else f"[log]\n{ORIGIN}\n[{section}]\n{name} = {value}\n"
    with pytest.raises(InputError) as caught:
        parse_config(text)
    assert caught.value.field in (field, "node.toml")
    assert caught.value.expected


def test_every_setting_is_tried() -> None:
    """The table above has values for every setting."""
    assert set(WRONG) == {setting.field for setting in SETTINGS}


@pytest.mark.parametrize(
    ("text", "field"),
    [("", "log.origin"), ("[log]\n", "log.origin"), (f"[log]\n{ORIGIN}\n[htttp]\n", "htttp"), (ORIGIN, "origin"),
     (f"[log]\n{ORIGIN}\nname = 'x'\n", "log.name"), (f"[log]\n{ORIGIN}\n[http]\nport = 1\n", "http.port"),
     (f"[log]\n{ORIGIN}\n[http.more]\nx = 1\n", "http.more"),
     (f"[log]\n{ORIGIN}\n[http]\nstreams_Max = 1\n", "http.streams_Max"),
     (f"[log]\n{ORIGIN}\n{ORIGIN}\n", "node.toml"), (f"[log]\n{ORIGIN}\n[log]\n", "node.toml"),
     (f"[[log]]\n{ORIGIN}\n", "log"),
     ("log = 5", "log"), ("[log\n", "node.toml"), ("\0", "node.toml"),
     (f"[log]\n{ORIGIN}\n[stop]\ngrace_s = {'9' * 5000}", "node.toml"),
     ("x = " + "[" * 100_000, "node.toml"), ("\ufeff[log]", "node.toml")],
)  # fmt: skip
def test_what_is_not_known_is_refused(text: str, field: str) -> None:
    """Unknown settings and sections, settings twice or without a section, and what is no TOML are refused by name."""
    with pytest.raises(InputError) as caught:
        parse_config(text)
    assert caught.value.field == field
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:8463", ("127.0.0.1", 8463)), ("localhost:0", ("localhost", 0)), ("[::1]:65535", ("::1", 65_535)),
     ("node.example:80", ("node.example", 80))],
)  # fmt: skip
def test_listen_takes_names_and_addresses(text: str, expected: tuple[str, int]) -> None:
    """HOST:PORT with a name, an IPv4 address, or an IPv6 address in brackets."""
    assert parse_listen(text) == expected


def test_the_page_is_made_from_the_table(repo_root: Path) -> None:
    """docs/configuration.md is what the table gives: python -c "from node.config import *; print(config_page(),
    end='')"."""
    assert (repo_root / "docs" / "configuration.md").read_text(encoding="utf-8") == config_page()


@pytest.mark.parametrize("settings", [{"listen": "a..b:1"}, {"listen": "256.256.256.256:1"}, {"check_workers": 0}])
def test_a_node_that_cannot_start_says_why_in_words(
    make_node: Callable[..., NodeProcess], settings: dict[str, Any], repo_root: Path
) -> None:
    """A configuration that can't be served ends the start with an error of ours, not with the library's."""
    node = make_node(start=False, **settings)
    code = (
        "import sys\nfrom node.server import run_node\nfrom proofs.errors import UsanceError\n"
        "try:\n    run_node(sys.argv[1], on_ready=print)\n"
        "except UsanceError as error:\n    sys.exit(f'said: {error}')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(node.folder)],
        cwd=repo_root, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.startswith("said: "), run.stderr
    assert run.stderr.count("\n") == 1
