"""Nothing secret is ever said: keys, tokens and their files, in no message, answer, error or traceback."""

import base64
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from node.keyfiles import load_key, new_key
from node.tokens import add_token
from proofs.errors import InputError
from tests.node.certs import Authority
from tests.node.clitool import Cli, Done
from tests.node.harness import NodeProcess


def spellings(path: Path) -> set[str]:
    """A private key as it could slip out: lines of its file, its bytes in hex and base64, and as Python shows them."""
    data = path.read_bytes()
    lines = {line for line in data.decode().splitlines() if not line.startswith("-----")}
    key = load_pem_private_key(data, password=None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    found = lines | {base64.b64encode(der).decode(), der.hex(), repr(der)[2:-1]}
    if hasattr(key, "private_bytes_raw"):
        raw = key.private_bytes_raw()
        found |= {raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), repr(raw)[2:-1]}
    return {text for text in found if len(text) > 16}


def test_nothing_secret_is_ever_said(
    make_node: Callable[..., NodeProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node with TLS, tokens and every message on, and commands with --debug, good and bad: no private key and no
    token stands in what any of them wrote."""
    node = make_node(
        start=False, readers="token", certificate="cert.pem", private_key="key.pem", log_level="debug", access_log="all"
    )
    authority = Authority(tmp_path / "ca")
    authority.issue(node.folder)
    token = add_token(str(node.folder), "auditor", now_ms=1)
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    node.start()
    url = f"https://127.0.0.1:{node.port}"
    cli = Cli(
        tmp_path, {"USANCE_NODE": url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "lab.key",
                   "USANCE_CA_FILE": str(authority.path), "USANCE_TOKEN": token},
    )  # fmt: skip
    said: list[Done] = [cli("key", "new", "lab.key"), cli("key", "new", "meter.key"), cli("key", "show", "lab.key")]
    wrong = {"USANCE_TOKEN": "usance_" + "W" * 43}
    for words in (
        ("party", "Lab"), ("use", "model:a/b", "--as", "train", "--token", "5"), ("use", "model:a/b", "--as", "no"),
        ("records",), ("records", "1"), ("proof", "2", "-o", "p"), ("accounts",), ("audit", url), ("assets",),
        ("delegate", "meter.key", "--kinds", "usage"), ("rotate", "missing.key"), ("party", "x", "--key", "token"),
        ("revoke", "lab.key", "--key", "meter.key"), ("submit", "missing.jsonl"), ("evidence", "2", "-o", "e"),
        ("node", "token", str(node.folder), "list"), ("node", "token", str(node.folder), "add", "auditor"),
    ):  # fmt: skip
        said += [cli(*words, "--debug"), cli(*words, "--debug", **wrong), cli(*words, "--debug", USANCE_CA_FILE="")]
    for header in (f"Bearer {token}", f"Basic {token}", f"Bearer {token}{token}"):
        said.append(Done(0, repr(_ask(node, authority, header)), ""))
    assert node.stop() == 0
    secrets = {token, "W" * 43}
    for path in (tmp_path / "lab.key", tmp_path / "meter.key", *node.folder.glob("*.key"), node.folder / "key.pem"):
        secrets |= spellings(path)
    assert len(secrets) > 20
    log = node.log_path.read_text()
    assert "GET" in log  # the access log was on
    written = [log, *(done.out + done.err for done in said)]
    assert sum(len(text) for text in written) > 5000
    assert [(secret, text[:200]) for secret in secrets for text in written if secret in text] == []


def _ask(node: NodeProcess, authority: Authority, header: str) -> bytes:
    from node.access import Access
    from node.transport import Transport

    transport = Transport(f"https://127.0.0.1:{node.port}", access=Access(ca_file=str(authority.path)))
    connection = transport._connect()
    connection.request("GET", "/records", headers={"Authorization": header})
    answer = connection.getresponse().read()
    transport.close()
    return answer


PROTECTED = {
    "log.key": 2, "key.pem": 5, "tokens.json": 2,
}  # fmt: skip
"""Files of a node that others must not be able to read, and the exit code of a start where they can."""


@pytest.mark.parametrize("name", sorted(PROTECTED))
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o777])
def test_a_node_refuses_files_that_others_can_read(
    make_node: Callable[..., NodeProcess], tmp_path: Path, name: str, mode: int
) -> None:
    """Every secret file of the folder is refused with any right for others; the line says how to mend it."""
    node = make_node(start=False, readers="token", certificate="cert.pem", private_key="key.pem")
    Authority(tmp_path / "ca").issue(node.folder)
    add_token(str(node.folder), "a", now_ms=1)
    (node.folder / name).chmod(mode)
    done = Cli(tmp_path).fails(PROTECTED[name], "node", "run", node.folder, "--listen", "127.0.0.1:0")
    assert "chmod 600" in done
    assert name in done


def test_every_secret_file_is_made_private(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Whatever the umask: keys and tokens are made with mode 0600, the folder with 0700."""
    before = os.umask(0)
    try:
        node = make_node(start=False)
        add_token(str(node.folder), "a", now_ms=1)
        new_key(str(tmp_path / "my.key"))
    finally:
        os.umask(before)
    assert node.folder.stat().st_mode & 0o777 == 0o700
    for path in (*node.folder.glob("*.key"), node.folder / "tokens.json", tmp_path / "my.key"):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_errors_about_keys_name_the_file_alone(tmp_path: Path) -> None:
    """A key file with a wrong mode, of another kind or damaged: what is said holds nothing of it."""
    path = tmp_path / "k.key"
    new_key(str(path))
    good = path.read_text()
    body = re.sub(r"-----.*?-----|\s", "", good)
    path.chmod(0o644)
    messages = []
    for text in (good, good.replace(body[10:20], "A" * 10), good[: len(good) // 2], body):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            load_key(str(path))
        messages.append(f"{caught.value} {caught.value.detail} {caught.value.expected}")
    assert [message for message in messages if body[24:40] in message] == []
