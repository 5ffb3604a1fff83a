"""One-line defects of looking, findings, passages and their page, as in breaks.py."""

from tests.sabotage.breaks import Break

_COMMAND = ("tests/detect/test_detect_command.py",)
_FINDING = ("tests/detect/test_finding.py",)
_PASSAGES = ("tests/detect/test_passages.py",)
_PAGE = ("tests/detect/test_page.py",)
_NODE = ("tests/node/test_cli_detect.py",)

DETECT_FIND_BREAKS = (
    Break(
        "overlap without a long run is a verbatim match", "node/detect/finding.py",
        "return VERBATIM if copy or run >= LONG_RUN else SUSPICIOUS", "return VERBATIM",
        _FINDING,
    ),
    Break(
        "a finding doesn't say what it doesn't show", "node/detect/finding.py",
        'f"{place}: {shown}. {LIMITS}{asked', 'f"{place}: {shown}.{asked',
        _FINDING,
    ),
    Break(
        "a score below its threshold is read", "node/detect/finding.py",
        "if finding.score < finding.threshold:", "if finding.score < 0:",
        _FINDING,
    ),
    Break(
        "true counts as a number in findings", "node/detect/finding.py",
        "if type(value) is not int or not least <= value <= most:", "if not least <= value <= most:",
        _FINDING,
    ),
    Break(
        "findings may stand under anybody's name", "node/detect/finding.py",
        "if owner_of.pop(at, None) != finding.owner:", "if owner_of.pop(at, None) is None:",
        _FINDING,
    ),
    Break(
        "an even number of parts is a passage", "node/detect/finding.py",
        "if len(parts) % 2 == 0 or ", "if ",
        _FINDING,
    ),
    Break(
        "a match isn't followed backwards", "node/detect/passages.py",
        "return Match(here - back, there - back, back + ahead)", "return Match(here, there, ahead)",
        _PASSAGES,
    ),
    Break(
        "the first place in the source is shown, not the best", "node/detect/passages.py",
        "ends = np.minimum(np.searchsorted(others, hashes, \"right\"), starts + TRIES_MAX)",
        "ends = np.minimum(np.searchsorted(others, hashes, \"right\"), starts + 1)",
        _PASSAGES,
    ),
    Break(
        "what stands in another order is one passage", "node/detect/passages.py",
        "and 0 <= match.source - last.source - last.size <= GAP_BYTES",
        "and match.source - last.source - last.size <= GAP_BYTES",
        _PASSAGES,
    ),
    Break(
        "passages of a text without end", "node/detect/passages.py",
        "    if end - start <= chars_max:\n", "    if True:\n",
        _PASSAGES,
    ),
    Break(
        "a stretch full of marks has one place", "node/detect/text.py",
        "if at == end or run == RUN_MAX or is_start(text[at]):", "if at == end or run == RUN_MAX:",
        _PASSAGES,
    ),
    Break(
        "expected matches are rounded down", "node/detect/chances.py",
        "rounding=ROUND_CEILING", "rounding=\"ROUND_FLOOR\"",
        _COMMAND,
    ),
    Break(
        "items that are too short count as pairs", "node/detect/looking.py",
        "            self.too_short += 1\n",
        "            self.too_short += 1\n            self._counted.add((self._rule.length,), item.prompt)\n",
        _COMMAND,
    ),
    Break(
        "answers to different prompts are compared", "node/detect/looking.py",
        "            if self._is_other_answer(item, pair.doc):\n", "            if False:\n",
        _COMMAND,
    ),
    Break(
        "answers aren't compared with what answers nobody knows what", "node/detect/looking.py",
        "asked is not None and item.prompt is not None and asked", "self._prompts is not None and asked",
        _COMMAND,
    ),
    Break(
        "of two that are long the one counts, not the longer one", "node/detect/chances.py",
        "total += times * (mine * below_theirs + others * below_ours + mine * others)",
        "total += times * (mine * below_theirs + mine * others)",
        _COMMAND,
    ),
    Break(
        "prompts that nobody answered are kept", "node/detect/looking.py",
        "elif item.prompt is None or item.prompt in self._prompts:", "elif True:",
        _COMMAND,
    ),
    Break(
        "the worst findings are kept", "node/detect/looking.py",
        "if len(owner.best) >= self._most and rank <= owner.best[0][0]:",
        "if len(owner.best) >= self._most and rank >= owner.best[0][0]:",
        _COMMAND,
    ),
    Break(
        "one owner takes all the room", "node/detect/looking.py",
        "        rows.sort(key=lambda row: row[:3])\n", "        rows.sort(key=lambda row: row[1:3])\n",
        _COMMAND,
    ),
    Break(
        "an item counts once for each source", "node/detect/looking.py",
        "            if key not in taken:\n", "            if True:\n",
        _COMMAND,
    ),
    Break(
        "binary files aren't compared", "node/detect/looking.py",
        "            if item.is_binary or (", "            if not item.is_binary and (",
        _COMMAND,
    ),
    Break(
        "what can't be read ends well", "node/detect/remarks.py",
        "CUT, DAMAGED,", "CUT,",
        _COMMAND,
    ),
    Break(
        "passages aren't escaped", "node/detect/page.py",
        "return Html(html.escape(safe, quote=True))", "return Html(safe)",
        _PAGE,
    ),
    Break(
        "text may reorder what is read", "node/detect/page.py",
        "c if c.isprintable() or c in _HARMLESS else", "c if True else",
        _PAGE,
    ),
    Break(
        "the page's policy is another style's", "node/agents/page.py",
        "content=policy(style)", "content=POLICY",
        _PAGE,
    ),
    Break(
        "registered is what the node says", "node/detect/asking.py",
        ' or prints.get("root", b"").hex() != whose.prints_root:', ":",
        _NODE,
    ),
    Break(
        "a node's quota isn't waited for", "node/detect/asking.py",
        "if not RETRY_AFTER_S_MAX < error.retry_after_s <= WAIT_S_MAX or", "if True or",
        _NODE,
    ),
    Break(
        "an item that no request holds is passed over", "node/detect/asking.py",
        "                self._remarks.note(TOO_MANY, rows[0][1].prints.name)\n", "                pass\n",
        _NODE,
    ),
    Break(
        "a node's answer is believed", "node/detect/asking.py",
        "    if not good:\n", "    if False:\n",
        _NODE,
    ),
    Break(
        "a book is one chance to match, as a page is", "node/detect/looking.py",
        "    times = rate.stretches(longer)\n", "    times = 1\n",
        _COMMAND,
    ),
    Break(
        "what is expected of a book is what is expected of a page", "node/detect/chances.py",
        "                sizes.chances[lower, own] += times * rate.stretches(length)\n",
        "                sizes.chances[lower, own] += times + 0 * rate.low\n",
        _COMMAND,
    ),
    Break(
        "a run is what prints tell, where both texts are at hand", "node/detect/looking.py",
        "        run = longest_run(matches,", "        longest_run(matches,",
        _COMMAND,
    ),
    Break(
        "a licence that both have is a run", "node/detect/looking.py",
        " & ~contains(self._sources.boilerplate, hashes)\n", "\n",
        _COMMAND,
    ),
    Break(
        "bytes that no print covers count in a run", "node/detect/matching.py",
        "np.minimum(steps, gram)", "steps",
        _COMMAND,
    ),
    Break(
        "a copy with few prints isn't found", "node/detect/looking.py",
        "(item.prints.length >= rule.length and not is_asked)", "False",
        _COMMAND,
    ),
    Break(
        "an answer that says its prompt is a copy", "node/detect/looking.py",
        "rule.length and not is_asked)", "rule.length)",
        _COMMAND,
    ),
    Break(
        "files that are no text are too short in a print set", "node/detect/given.py",
        "is_binary=made.length == 0", "is_binary=False",
        _COMMAND,
    ),
    Break(
        "rows without prints take memory without end", "node/detect/looking.py",
        "len(one.prints) + ITEM_PRINTS", "len(one.prints)",
        _COMMAND,
    ),
    Break(
        "what is read is replaced", "node/cli/detect.py",
        "if path and os.path.realpath(path) in", "if False and os.path.realpath(path) in",
        _COMMAND,
    ),
    Break(
        "a print set counts twice", "node/detect/given.py",
        "            if key in seen:\n", "            if False:\n",
        _COMMAND,
    ),
    Break(
        "prints left out count as matches", "node/detect/looking.py",
        "        return Answer(hits, boilerplate=matches.boilerplate, crowded=matches.crowded)\n",
        "        return Answer(hits, matches.boilerplate, matches.crowded)\n",
        _COMMAND,
    ),
    Break(
        "rates of one script are given for all", "node/detect/chances.py",
        "    return 0 if size * 100 > prints.length * BYTES_PERCENT_MAX else prints.length\n",
        "    return prints.length if size else 1\n",
        _COMMAND,
    ),
)  # fmt: skip
