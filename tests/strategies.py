"""What Hypothesis draws, in one file for all tests: bytes, trees, names, keys, times, notes and mutations of them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

SIZE_MAX = 2**63 - 1

hashes = st.binary(min_size=32, max_size=32)
leaf_data = st.binary(max_size=40)


def leaves(min_size: int = 0, max_size: int = 70) -> st.SearchStrategy[list[bytes]]:
    """The data of a small tree's leaves."""
    return st.lists(leaf_data, min_size=min_size, max_size=max_size)


sizes = st.one_of(st.integers(0, 600), st.integers(0, SIZE_MAX), st.integers(0, 62).map(lambda bit: 1 << bit))
times_s = st.one_of(st.integers(0, SIZE_MAX), st.just(1_700_000_000))

ed25519_keys = st.binary(min_size=32, max_size=32).map(Ed25519PrivateKey.from_private_bytes)

# Key names and origins: whatever is no space, plus, control character or surrogate, and ends within 255 bytes.
_name_characters = st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="+")
names = st.one_of(
    st.from_regex(r"[a-z0-9]{1,12}\.example/[a-z0-9]{1,12}", fullmatch=True),
    st.text(_name_characters, min_size=1, max_size=60),
)
origins = names.filter(lambda name: not name.startswith(("usance/", "cosignature/", "subtree/")))

# Lines of a note's text: anything without control characters (newline is what ends them).
text_lines = st.text(st.characters(exclude_categories=("Cs",), min_codepoint=0x20), max_size=40)
note_texts = st.lists(text_lines, min_size=1, max_size=6).map(lambda lines: "\n".join(lines) + "\n")


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Other bytes than ``data``, close to it: one bit flipped, a byte taken out or put in, or cut short."""
    how = draw(st.sampled_from(["flip", "drop", "insert", "cut"]))
    at = draw(st.integers(0, len(data) - 1))
    if how == "flip":
        changed = bytearray(data)
        changed[at] ^= 1 << draw(st.integers(0, 7))
        return bytes(changed)
    if how == "drop":
        return data[:at] + data[at + 1 :]
    if how == "insert":
        return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at:]
    return data[:at]


# Values of canonical MessagePack, of any depth, and the texts in them (design section 3.1).
any_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
canonical_integers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(
        [sign * (1 << bit) + off for bit in (5, 7, 8, 15, 16, 31, 32) for off in (-1, 0) for sign in (1, -1)]
    ),
)
canonical_values = st.recursive(
    st.one_of(st.booleans(), canonical_integers, any_texts, st.binary(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(any_texts, inner, max_size=4)),
    max_leaves=12,
)
