"""Loaded by schemathesis, in .venv-openapi: how bodies of `POST /records` are made."""

import schemathesis
from hypothesis import strategies as st

MEDIA_TYPE = "application/msgpack"
# Anything, and what begins as a request does: arrays of batches of seven parts.
_HEADS = (b"", b"\x91", b"\x91\x97", b"\x91\x97\x01\xc4\x20" + bytes(32), b"\xdc\x01\x00")
schemathesis.openapi.media_type(
    MEDIA_TYPE, st.builds(lambda head, tail: head + tail, st.sampled_from(_HEADS), st.binary(max_size=300))
)
