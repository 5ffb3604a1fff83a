"""One-line defects of canaries, as in breaks.py."""

from tests.sabotage.breaks import Break

_PROOF = ("tests/proofs/test_canary.py",)
_MARKS = ("tests/detect/test_canaries.py",)
_COMMAND = ("tests/node/test_cli_canary.py",)
_RECORD = ("tests/ledger/test_signrecord.py",)

CANARY_BREAKS = (
    Break(
        "a leaf without its salt", "proofs/canary.py",
        "return codec.encode([self.salt, self.text])", "return codec.encode([self.text])",
        _PROOF,
    ),
    Break(
        "short salts hide marks", "proofs/canary.py",
        "        commitment.check_salt(self.salt)\n", "",
        _PROOF,
    ),
    Break(
        "an opening's count isn't the record's", "proofs/canary.py",
        "    if opening.count != count:\n", "    if opening.count > count:\n",
        _PROOF,
    ),
    Break(
        "any record with a root and a count passes for a canary", "proofs/canary.py",
        '    if body.get("kind") != "canary":\n', '    if body.get("kind") is None:\n',
        _PROOF,
    ),
    Break(
        "the path isn't followed", "proofs/canary.py",
        'path=opening.path, root=body["root"])', "path=opening.path, root=merkle.root_from_path(\n"
        "        index=opening.index, size=count, leaf=leaf, path=opening.path))",
        _PROOF,
    ),
    Break(
        "openings are read in any form", "proofs/canary.py",
        "    if format_opening(found) != data:\n", "    if format_opening(found) == b'':\n",
        _PROOF,
    ),
    Break(
        "a mark may stand twice", "proofs/canary.py",
        " or len({mark.text for mark in marks}) < len(marks):", ":",
        _PROOF,
    ),
    Break(
        "words that begin with one another count in full", "node/detect/canaries.py",
        "    return len(forms) // most\n", "    return len(forms)\n",
        _MARKS,
    ),
    Break(
        "chance is rounded down", "node/detect/canaries.py",
        "    times = -(-scaled.numerator // scaled.denominator)\n",
        "    times = scaled.numerator // scaled.denominator\n",
        _MARKS,
    ),
    Break(
        "chance at one place only", "node/detect/canaries.py",
        "    return Fraction(places * parts, product)\n", "    return Fraction(parts, product)\n",
        _MARKS,
    ),
    Break(
        "passages with too little drawn at random", "node/detect/canaries.py",
        " or self.bits < BITS_MIN:", ":",
        _MARKS,
    ),
    Break(
        "parts that are cut off count in full", "node/detect/marksearch.py",
        "if start <= part.start and part.end <= end)", "if start < part.end and part.start < end)",
        _MARKS,
    ),
    Break(
        "runs go on in one direction alone", "node/detect/marksearch.py",
        "        start, end = at - before, at + after\n", "        start, end = at, at + after\n",
        _MARKS,
    ),
    Break(
        "what chance may have brought is called found", "node/detect/marksfound.py",
        "for number, product in self.best.items() if self.rate(product) <= CHANCE_MAX)",
        "for number, product in self.best.items() if product)",
        _MARKS,
    ),
    Break(
        "a text that was looked at twice counts once", "node/detect/marksfound.py",
        "    found.form_bytes += size\n", "    found.form_bytes = max(size, found.form_bytes)\n",
        _MARKS,
    ),
    Break(
        "places in the text without markup are called the text's", "node/detect/marksfound.py",
        "        text, runs = looked[which]\n", "        text, runs = looked[0][0], looked[which][1]\n",
        _MARKS,
    ),
    Break(
        "what has its place in the text is told of another one", "node/detect/marksfound.py",
        "key=lambda pair: (pair[0].product, -pair[1]),", "key=lambda pair: (pair[0].product, pair[1]),",
        _MARKS,
    ),
    Break(
        "JSON that is read as text isn't said", "node/detect/marksfound.py",
        "                remarks.note(JSON, item.name)\n", "                pass\n",
        _MARKS,
    ),
    Break(
        "entities stay as they are", "node/detect/markup.py",
        "_ENTITY.sub(lambda found: unescape(found[0]), text)", "_ENTITY.sub(lambda found: found[0], text)",
        _MARKS,
    ),
    Break(
        "others may read the private file", "node/detect/canaryfile.py",
        'b"\\n", mode=0o600)', 'b"\\n", mode=0o644)',
        _MARKS,
    ),
    Break(
        "what stands in the temporary file's place is written to", "ledger/signrecord.py",
        "            os.unlink(temporary)\n"
        "        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)",
        "            pass\n        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)",
        _RECORD,
    ),
    Break(
        "a temporary file that is left stops the next call", "ledger/signrecord.py",
        "        with contextlib.suppress(FileNotFoundError):\n            os.unlink(temporary)\n", "",
        _RECORD,
    ),
    Break(
        "others may read a passage before its release", "node/cli/canary.py",
        "        write_durably(path, data, mode=0o600)\n", "        write_durably(path, data)\n",
        _COMMAND,
    ),
    Break(
        "others may look into the folder of passages", "node/cli/canary.py",
        "os.makedirs(folder, mode=0o700, exist_ok=True)", "os.makedirs(folder, exist_ok=True)",
        _COMMAND,
    ),
    Break(
        "another list of words is passed over", "node/cli/canary.py",
        "    if args.words and not are_of_words(", "    if args.words and are_of_words(",
        _COMMAND,
    ),
    Break(
        "a list of more words is the same list", "node/detect/canaries.py",
        "        part.choices == choices and normalise_slowly", "        normalise_slowly",
        _COMMAND,
    ),
    Break(
        "a file is believed about the log", "node/cli/canary.py",
        "            _logged(signing.client, held, held.ref)\n", "            pass\n",
        _COMMAND,
    ),
    Break(
        "a private file of other marks than its root's", "node/detect/canaryfile.py",
        '    if found.root.hex() != value["root"]:\n', '    if not value["root"]:\n',
        _MARKS,
    ),
    Break(
        "what was under way is signed anew", "node/detect/canaryfile.py",
        "        if held.request is None:\n", "        if held.ref is None:\n",
        _COMMAND,
    ),
    Break(
        "the batch under way isn't kept", "node/detect/canaryfile.py",
        "            held = replace(held, request=sending.sign([body]))\n            held.save(path)\n",
        "            held = replace(held, request=sending.sign([body]))\n",
        _COMMAND,
    ),
    Break(
        "the node is asked before the file is there", "node/cli/canary.py",
        "    held.save(args.file)\n    return held, signing\n", "    return held, signing\n",
        _COMMAND,
    ),
    Break(
        "marks that nobody can log stay behind", "node/cli/canary.py",
        "            os.unlink(path)\n", "            pass\n",
        _COMMAND,
    ),
    Break(
        "another entry's proof is written", "node/cli/canary.py",
        "    if found.ref != ref:\n", "    if found.ref.index != ref.index:\n",
        _COMMAND,
    ),
    Break(
        "a text without the mark passes", "node/verdict.py",
        "            if at < 0:\n", "            if at < -1:\n",
        _COMMAND,
    ),
    Break(
        "an opening isn't checked against the record", "node/verdict.py",
        "        check_opening(verdict.body or {}, opening)\n", "",
        _COMMAND,
    ),
    Break(
        "a found mark is no match", "node/cli/canary.py",
        "return FAILED if args.fail_on_match and found.numbers else OK", "return OK",
        _COMMAND,
    ),
)  # fmt: skip
