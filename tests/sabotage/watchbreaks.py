"""One-line defects of `usance watch`, of its groups and of the review list, as in breaks.py."""

from tests.sabotage.breaks import Break

_EXTRACTION = ("tests/detect/test_extraction.py",)
_GROUPS = ("tests/detect/test_groups.py",)
_REVIEW = ("tests/detect/test_review.py",)
_COMMAND = ("tests/detect/test_watch_command.py",)

WATCH_BREAKS = (
    Break(
        "a sketch keeps what came first, not the smallest", "node/detect/sketch.py",
        "        hashes.insert(at, value)\n", "        hashes.append(value)\n",
        _EXTRACTION,
    ),
    Break(
        "a sketch forgets that something was left out", "node/detect/sketch.py",
        "        if at >= KEPT:\n            self.is_full = True\n", "        if at >= KEPT:\n",
        _EXTRACTION,
    ),
    Break(
        "items are sampled by a hash that everybody knows", "node/detect/sketch.py",
        "blake2b(item, digest_size=8, key=key)", "blake2b(item, digest_size=8)",
        _EXTRACTION,
    ),
    Break(
        "an hour ends at the full hour", "node/detect/measures.py",
        "np.searchsorted(at, at + HOUR_SLOTS)", "np.searchsorted(at, (at // HOUR_SLOTS + 1) * HOUR_SLOTS)",
        _EXTRACTION,
    ),
    Break(
        "the spread is the standard deviation", "node/detect/measures.py",
        "max(quarter - median, floor))", "max(float(np.std(values)), floor))",
        _EXTRACTION,
    ),
    Break(
        "the threshold doesn't know how many were looked at", "node/detect/extraction.py",
        "look.expected = look.rarity * compared", "look.expected = look.rarity",
        _EXTRACTION,
    ),
    Break(
        "small populations are compared", "node/detect/extraction.py",
        "    if len(looks) >= POPULATION_MIN:\n", "    if len(looks) >= 2:\n",
        _EXTRACTION,
    ),
    Break(
        "who comes back often is as unusual as who never does", "node/detect/extraction.py",
        "/ (self.taken.returns + FEW))", "/ FEW)",
        _EXTRACTION,
    ),
    Break(
        "a root over items twice is twice as many items", "node/detect/takings.py",
        "            if self.roots.add(item_hash(root, key=key), start):\n                self.rooted += count\n",
        "            self.roots.add(item_hash(root, key=key), start)\n            self.rooted += count\n",
        _EXTRACTION,
    ),
    Break(
        "both meters count", "node/detect/takings.py",
        "        chosen.append(meters[0])\n", "        chosen.extend(meters)\n",
        _EXTRACTION,
    ),
    Break(
        "an end user is everybody of the party", "node/detect/takings.py",
        'body.get("user", b""), body["asset"], side)', 'b"", body["asset"], side)',
        _EXTRACTION,
    ),
    Break(
        "corrections of the same record count each", "node/detect/takings.py",
        "        self._corrected[ref.index] = ref, record.party\n",
        "        self._corrected[record.index] = ref, record.party\n",
        _EXTRACTION,
    ),
    Break(
        "much in common still makes parts of a whole", "node/detect/groups.py",
        "    likely[pairs.common > COMPLEMENT_MOST * chance] = 1\n", "    likely[pairs.common == 0] = 0\n",
        _GROUPS,
    ),
    Break(
        "parts of a whole may be taken at any time", "node/detect/groups.py",
        "    likely[~_alike_in_time(pairs.looks)] = 1\n", "",
        _GROUPS,
    ),
    Break(
        "what everybody takes makes a group", "node/detect/groups.py",
        "    rare = counts <= np.maximum(RARE_FEWEST, RARE_PART * could)\n", "    rare = counts > 0\n",
        _GROUPS,
    ),
    Break(
        "a group's threshold forgets the number of pairs", "node/detect/groups.py",
        "    count = len(looks) * (len(looks) - 1) // 2\n", "    count = 1\n",
        _GROUPS,
    ),
    Break(
        "a friend of one member is everybody's", "node/detect/groups.py",
        "if near[more, members].all():", "if near[more, members].any():",
        _GROUPS,
    ),
    Break(
        "a note is lost when its finding is found again", "node/detect/review.py",
        "entry if before is None else replace(entry, state=before.state, note=before.note)", "entry",
        _REVIEW,
    ),
    Break(
        "the same finding with other words stands twice", "node/detect/review.py",
        '"members": list(self.members), "about": self.about}', '"members": list(self.members), "about": self.says}',
        _REVIEW,
    ),
    Break(
        "a list of another log is mixed in", "node/detect/review.py",
        "    if old is not None and old.log != log:\n", "    if False:\n",
        _REVIEW,
    ),
    Break(
        "a verdict may stand in a list", "node/detect/review.py",
        '    if row["level"] != REVIEW:\n', "    if False:\n",
        _REVIEW,
    ),
    Break(
        "an id that isn't the finding's is taken", "node/detect/review.py",
        '    if row["id"] != entry.id_on(log):\n', "    if False:\n",
        _REVIEW,
    ),
    Break(
        "plots bring styles that the page's policy refuses", "node/detect/svg.py",
        '                if key == "style":\n', '                if key == "no style":\n',
        _COMMAND,
    ),
    Break(
        "plots of one page share their ids", "node/detect/svg.py",
        '        return f"{name}-{value}"\n', "        return value\n",
        _COMMAND,
    ),
    Break(
        "reconcile's differences don't reach the list", "node/cli/reconcile.py",
        "    found = meter_entries(report)\n", "    found = meter_entries(report)[:0]\n",
        _COMMAND,
    ),
)  # fmt: skip
