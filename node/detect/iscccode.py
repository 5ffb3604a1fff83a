"""ISCC codes (ISO 24138) of files and texts, from the library iscc-core, where it is installed (docs/decisions/0023).

They are identifiers that others may know a material by. Nothing here is matched by them: of two texts one of which
holds a passage of the other, they say nothing.
"""

from __future__ import annotations

import io
from typing import Any

from node.detect.content import Content
from node.detect.remarks import Remarks
from node.errors import FileError
from proofs.errors import InputError

BYTES_MAX = 16 * 1024 * 1024
"""Of a file: the library holds its text whole, and takes 5 s a MB."""
CHARS_MIN = 100
"""Of a text that a code is shown for; shorter ones have codes that many share."""


def load_library() -> Any:
    """The library. Raises InputError where it isn't installed."""
    try:
        import iscc_core  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise InputError(
            "iscc-core is not installed: install the iscc extra", field="--iscc", expected="pip install 'usance[iscc]'"
        ) from None
    return iscc_core


def text_code(library: Any, text: str) -> str:
    """The Text-Code of a text: a unit of 64 bits, alike for texts that are alike as a whole."""
    return str(library.gen_text_code(text)["iscc"])


def file_code(library: Any, path: str) -> str:
    """The ISCC-CODE of a file: its Data-Code and Instance-Code, before them its Text-Code where it is text.

    Raises FileError for what is no file of at most BYTES_MAX bytes, or can't be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="--iscc", expected="one file") from None
    if len(data) > BYTES_MAX:
        raise FileError(f"{path} is too large for an ISCC", field="--iscc", expected=f"at most {BYTES_MAX:,} bytes")
    units = [library.gen_data_code(io.BytesIO(data))["iscc"], library.gen_instance_code(io.BytesIO(data))["iscc"]]
    # A packed file is coded as it stands, so that bytes and codes agree: it is no text then.
    content = Content(io.BytesIO(data), path, Remarks(), bytes_max=0)
    if data and content.is_text():
        units.insert(0, text_code(library, b"".join(content.chunks()).decode("utf-8", "replace")))
    return str(library.gen_iscc_code(units)["iscc"])
