"""What programs and people name on the command line, as arguments or in the environment: the log's keys. Shared by the
command line and the library."""

from __future__ import annotations

import os
from collections.abc import Mapping

from node.errors import FileError
from proofs.checkpoint import parse_log_vkey
from proofs.errors import InputError
from proofs.logkeys import LogKeys, log_keys, parse_log_keys
from proofs.policy import POLICY_BYTES_MAX, Policy, parse_policy

VKEY_FILE_BYTES_MAX = 16_384


def read_file(path: str, *, bytes_max: int, what: str) -> bytes:
    """A whole file. Raises FileError where it can't be read or has more than `bytes_max` bytes."""
    try:
        with open(path, "rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise FileError(f"can't read {what} {path}: {error.strerror}") from None
    if len(data) > bytes_max:
        raise FileError(f"{path} is too large for {what}: it has more than {bytes_max} bytes")
    return data


def find_policy(environment: Mapping[str, str], *, log: str | None, policy: str | None) -> Policy | None:
    """The trust policy in the file that is named, else in that of USANCE_POLICY, unless a log is named. Raises
    InputError for both at once, and for a policy that can't be read."""
    if policy and log:
        raise InputError("--policy and --log exclude each other: the policy names its logs itself")
    path = policy or (None if log else environment.get("USANCE_POLICY"))
    return parse_policy(read_file(path, bytes_max=POLICY_BYTES_MAX, what="the policy")) if path else None


def find_log_keys(environment: Mapping[str, str], *, log: str | None, policy: str | None) -> LogKeys | None:
    """The log's keys from what is named (a key, a file of keys, a policy), else from USANCE_POLICY or USANCE_LOG. None
    where nothing names any. Raises InputError for keys that can't be read, and for a policy that knows several logs."""
    found = find_policy(environment, log=log, policy=policy)
    if found is not None:
        origins = found.origins
        if len(origins) != 1:
            raise InputError(
                f"the policy knows {len(origins)} logs", field="--policy", expected="one of its own for each log's node"
            )
        return found.keys_of(origins[0])
    value = log or environment.get("USANCE_LOG")
    if not value:
        return None
    if os.path.exists(value) or "+" not in value:
        data = read_file(value, bytes_max=VKEY_FILE_BYTES_MAX, what="the log's key")
        return parse_log_keys(data.decode("utf-8", "replace"))
    return log_keys(parse_log_vkey(value))


def need_log_keys(environment: Mapping[str, str], *, log: str | None, policy: str | None) -> LogKeys:
    """As find_log_keys; raises InputError where nothing names any."""
    keys = find_log_keys(environment, log=log, policy=policy)
    if keys is None:
        raise InputError(
            "the log's key isn't known, and without it no answer can be checked: give --log VKEY (or a file with it) "
            "or --policy FILE, or set USANCE_LOG or USANCE_POLICY; the operator publishes it, in the node's folder it "
            "is log.vkey"
        )
    return keys
