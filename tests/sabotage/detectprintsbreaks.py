"""One-line defects of the normal form, prints, print sets and reading, as in breaks.py."""

from tests.sabotage.breaks import Break

_TEXT = ("tests/detect/test_text.py",)
_WINNOW = ("tests/detect/test_winnow.py",)
_PRINTS = ("tests/detect/test_prints.py",)
_SET = ("tests/detect/test_printset.py",)
_READING = ("tests/detect/test_reading.py",)
_COMMAND = ("tests/detect/test_prints_command.py",)

DETECT_PRINTS_BREAKS = (
    Break(
        "a letter before a mark is read without it", "node/detect/text.py",
        "        start = max(done, start - 1)\n", "        start = max(done, start)\n",
        _TEXT,
    ),
    Break(
        "a lone surrogate joins what stands around it", "node/detect/text.py",
        "        data = text.encode()\n", '        data = text.encode("utf-8", "ignore")\n',
        _TEXT,
    ),
    Break(
        "pieces are cut before a mark", "node/detect/text.py",
        "if is_start(rest[i])), None)", "if True), None)",
        _TEXT,
    ),
    Break(
        "a run is cut a character late", "node/detect/normalform.py",
        "range(start + RUN_MAX, end, RUN_MAX)", "range(start + RUN_MAX + 1, end, RUN_MAX)",
        _TEXT,
    ),
    Break(
        "a run between two looks isn't seen", "node/detect/normalform.py",
        "range(RUN_MAX, len(text), RUN_MAX + 1)", "range(RUN_MAX, len(text), 2 * RUN_MAX)",
        _TEXT,
    ),
    Break(
        "half-width marks are letters", "node/detect/normalform.py",
        "    return _begins(char) if first == char else _begins(char) and _begins(first)\n",
        "    return _begins(char) and bool(first)\n",
        _TEXT,
    ),
    Break(
        "of equal hashes the first is kept", "node/detect/winnow.py",
        "np.bitwise_or(keys, self._places[: len(hashes)], out=keys)",
        "np.bitwise_or(keys, _PLACE - self._places[: len(hashes)], out=keys)",
        _WINNOW,
    ),
    Break(
        "a window between two blocks is left out", "node/detect/winnow.py",
        "        self._size = BLOCK_BYTES + scheme.span - 1\n", "        self._size = BLOCK_BYTES + scheme.span - 2\n",
        _WINNOW,
    ),
    Break(
        "a print is told twice by two blocks", "node/detect/winnow.py",
        "                yield found[places > last], places[places > last]\n                last",
        "                yield found, places\n                last",
        _WINNOW,
    ),
    Break(
        "a text of a gram has no print", "node/detect/winnow.py",
        "if len(held) >= (span if begins else gram):", "if len(held) >= (span if begins else gram + 1):",
        _WINNOW,
    ),
    Break(
        "neighbours in a block touch", "node/detect/winnow.py",
        "        keys[_outside(begins, grams, len(keys))] = _NO_KEY\n", "",
        _WINNOW + _PRINTS,
    ),
    Break(
        "places stand in the block, not in the text", "node/detect/winnow.py",
        "return hashes[at], at - begins[numbers], numbers", "return hashes[at], at, numbers",
        _WINNOW + _PRINTS,
    ),
    Break(
        "all places of a print are kept", "node/detect/prints.py",
        "    if kept is not None:\n        hashes, places = hashes[kept], places[kept]\n", "",
        _PRINTS,
    ),
    Break(
        "places are counted over all items of a block", "node/detect/prints.py",
        "        again &= numbers[here] == numbers[before]\n", "        pass\n",
        _PRINTS,
    ),
    Break(
        "the length counts bytes", "node/detect/prints.py",
        "return int(np.count_nonzero((np.frombuffer(form, np.uint8) & 0xC0) != 0x80))", "return len(form)",
        _PRINTS,
    ),
    Break(
        "only a question's prints are left out", "node/detect/reading.py",
        "    grams = Winnower(Scheme(winnower.scheme.gram, 1))\n", "    grams = Winnower(winnower.scheme)\n",
        _PRINTS,
    ),
    Break(
        "an item with too many prints ends it all", "node/detect/reading.py",
        "        remarks.note(TOO_MANY, reads[0].item.name)\n        return\n", "        raise\n",
        _PRINTS,
    ),
    Break(
        "places may go back", "node/detect/printset.py",
        "not (places[1:] > places[:-1]).all() or ", "",
        _SET,
    ),
    Break(
        "places may lie beyond the text", "node/detect/printset.py",
        " or int(places[-1]) >= 4 * length", "",
        _SET,
    ),
    Break(
        "an item may stand twice", "node/detect/printset.py",
        "if found.sha256 in seen or self._tree.size >= ITEMS_MAX:", "if self._tree.size >= ITEMS_MAX:",
        _SET,
    ),
    Break(
        "a frame of any size is read", "node/detect/printset.py",
        'data = self._file.read(size) if size <= bytes_max else b""\n        if size > bytes_max or len',
        "data = self._file.read(size)\n        if len",
        _SET,
    ),
    Break(
        "the root is of the leaves' bytes", "node/detect/printset.py",
        "        leaf = leaf_of(prints)\n        self._tree.append(merkle.leaf_hash(leaf))\n",
        "        leaf = leaf_of(prints)\n        self._tree.append(merkle.leaf_hash(leaf[1:]))\n",
        _SET,
    ),
    Break(
        "links are followed", "node/detect/reading.py",
        "mode = os.stat(path).st_mode if not relative else os.lstat(path).st_mode", "mode = os.stat(path).st_mode",
        _READING,
    ),
    Break(
        "a folder is read as the disk has it", "node/detect/reading.py",
        "entries = sorted(os.listdir(path), reverse=True)", "entries = sorted(os.listdir(path))",
        _READING,
    ),
    Break(
        "repeated items come again", "node/detect/reading.py",
        "            if key in seen:\n", "            if False:\n",
        _READING,
    ),
    Break(
        "an answer to another question is a repetition", "node/detect/reading.py",
        "            if read.prompt is not None:  # another", "            if False:  # another",
        _READING,
    ),
    Break(
        "parts are cut in the middle of a line", "node/detect/reading.py",
        'cut = joined.rfind("\\n", PART_CHARS_MAX - LINE_LOOK_CHARS, PART_CHARS_MAX) + 1 or PART_CHARS_MAX',
        "cut = PART_CHARS_MAX",
        _READING,
    ),
    Break(
        "a gzip is unpacked without a bound", "node/detect/content.py",
        "                if len(out) > left:\n", "                if False:\n",
        _READING,
    ),
    Break(
        "a cut gzip is whole", "node/detect/content.py",
        "if len(out) > left or not unpacker.eof:", "if len(out) > left:",
        _READING,
    ),
    Break(
        "what is behind a gzip's first member is lost", "node/detect/content.py",
        "unpacker.unused_data if unpacker.eof else unpacker", "b\"\" if unpacker.eof else unpacker",
        _READING,
    ),
    Break(
        "binaries are text", "node/detect/content.py",
        'if b"\\0" in head or head.startswith(_PACKED):', "if head.startswith(_PACKED):",
        _READING,
    ),
    Break(
        "broken bytes aren't counted", "node/detect/rows.py",
        "        remarks.broken += count\n", "",
        _READING,
    ),
    Break(
        "a long row is read whole", "node/detect/rows.py",
        "while line := lines.readline(RECORD_BYTES_MAX + 1):", "while line := lines.readline():",
        _READING,
    ),
    Break(
        "the row behind a long record is lost", "node/detect/rows.py",
        "while line and (self._quotes % 2 or not line.endswith(_LINE_ENDS)):", "while line:",
        _READING,
    ),
    Break(
        "lines that are no objects pass silently", "node/detect/rows.py",
        '            remarks.note(NO_JSON, f"{content.name}:{number}")\n', "            pass\n",
        _READING,
    ),
    Break(
        "CSV ends its lines with LF alone", "node/detect/rows.py",
        "self._held.find(b\"\\r\", self._at) + 1 or len(self._held)", "len(self._held)",
        _READING,
    ),
    Break(
        "of a name twice the last one is read", "node/detect/rows.py",
        "if twice and not twice.isdisjoint(wanted):", "if False:",
        _READING,
    ),
    Break(
        "equal rows count once", "node/detect/rows.py",
        "            for _ in range(columns):\n", "            for _ in range(1):\n",
        _READING,
    ),
    Break(
        "another file is replaced", "node/detect/printfile.py",
        "if os.path.exists(place) and _sha256(place) != _sha256(part):", "if False:",
        _COMMAND,
    ),
    Break(
        "a part of a file is left behind", "node/detect/printfile.py",
        "                os.unlink(part)\n", "                pass\n",
        _COMMAND,
    ),
    Break(
        "the print set lies in its own folder", "node/cli/detectprints.py",
        "if os.path.commonpath([top, os.path.realpath(file)]) == top:", "if False:",
        _COMMAND,
    ),
    Break(
        "what could not be read is as good as read", "node/cli/detectprints.py",
        "    if made.remarks.is_incomplete:\n", "    if False:\n",
        _COMMAND,
    ),
    Break(
        "the record has no prints", "node/cli/assets.py",
        '"prints": _prints(args), "terms": terms', '"prints": None, "terms": terms',
        _COMMAND,
    ),
    Break(
        "scripts of a page count as its text", "node/detect/markup.py",
        "        text = _without(text, begin, end)\n", "        text = _without(text, begin, begin)\n",
        ("tests/detect/test_markup.py",),
    ),
    Break(
        "pages are read with their markup", "node/detect/reading.py",
        'if is_markup else item\n', 'if not item else item\n',
        ("tests/detect/test_markup.py",),
    ),
)  # fmt: skip
