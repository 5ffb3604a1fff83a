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
        "max(quarter - median, (tenth - median) / TENTH_STEPS, floor))",
        "max(float(np.std(values)), floor))",
        _EXTRACTION,
    ),
    Break(
        "the threshold doesn't know how many were looked at", "node/detect/extraction.py",
        "look.expected = look.rarity * compared", "look.expected = look.rarity",
        _EXTRACTION,
    ),
    Break(
        "large customers are no part of the spread", "node/detect/measures.py",
        "max(quarter - median, (tenth - median) / TENTH_STEPS, floor))", "max(quarter - median, floor))",
        _EXTRACTION,
    ),
    Break(
        "small populations are compared", "node/detect/extraction.py",
        "        if found.population >= POPULATION_MIN:\n", "        if found.population >= 2:\n",
        _EXTRACTION,
    ),
    Break(
        "the broadest meter hides the others", "node/detect/extraction.py",
        "        unusual = [look for look in meters if look.expected <= alarms]\n",
        "        unusual = [look for look in [broadest] if look.expected <= alarms]\n",
        _EXTRACTION,
    ),
    Break(
        "one record of another time moves the log's end", "node/detect/extraction.py",
        "    beyond = max(len(enough) // 10, 1) if len(enough) > 2 else 0\n", "    beyond = 0\n",
        _EXTRACTION,
    ),
    Break(
        "breadth is what roots may come to at the most", "node/detect/extraction.py",
        "breadth = taken.breadth_least if items is None else min(taken.breadth_least, items)",
        "breadth = taken.breadth if items is None else min(taken.breadth, items)",
        _EXTRACTION,
    ),
    Break(
        "a record's amounts have no bound", "node/detect/takings.py",
        "min(max(1, count, body.get(\"calls\", 1)), WEIGHT_MAX)", "max(1, count, body.get(\"calls\", 1))",
        _EXTRACTION,
    ),
    Break(
        "a call is a return", "node/detect/takings.py",
        "            self.named += 1\n            self.items.add(item_hash(item, key=key), start)\n",
        "            self.named += taken\n            self.items.add(item_hash(item, key=key), start, taken)\n",
        _EXTRACTION,
    ),
    Break(
        "a root under two names of an asset is two", "node/detect/takings.py",
        "            self.rooted -= sum(", "            self.rooted -= 0 * sum(",
        _EXTRACTION,
    ),
    Break(
        "returns are what a sample has of them", "node/detect/sketch.py",
        "max(0, round(min(max(sampled, left - error), left + error)))", "round(sampled)",
        _EXTRACTION,
    ),
    Break(
        "who comes back often is as unusual as who never does", "node/detect/extraction.py",
        "/ (self.taken.returns + FEW))", "/ FEW)",
        _EXTRACTION,
    ),
    Break(
        "a root over items twice is twice as many items", "node/detect/takings.py",
        "            if self.roots.add(item_hash(root, key=key), count):\n                self.rooted += count\n",
        "            self.roots.add(item_hash(root, key=key), count)\n            self.rooted += count\n",
        _EXTRACTION,
    ),
    Break(
        "two providers of one user are one meter", "node/detect/takings.py",
        'body["asset"], side, record.party)', 'body["asset"], side, b"")',
        _EXTRACTION,
    ),
    Break(
        "an end user is everybody of the party", "node/detect/takings.py",
        'body.get("user", b""), body["asset"], side, record.party)', 'b"", body["asset"], side, record.party)',
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
        "    rare = (counts <= np.maximum(RARE_FEWEST, RARE_PART * could)) & (counts <= RARE_MOST * could)\n",
        "    rare = counts > 0\n",
        _GROUPS,
    ),
    Break(
        "of few users what all of them take is rare", "node/detect/groups.py",
        " & (counts <= RARE_MOST * could)", "",
        _GROUPS,
    ),
    Break(
        "readers of different topics share out a whole", "node/detect/groups.py",
        "    chance = pairs.alike * pairs.own * pairs.own.T", "    chance = pairs.own * pairs.own.T",
        _GROUPS,
    ),
    Break(
        "groups are found among few", "node/detect/groups.py",
        "    if not found.is_compared or paired < 2:\n", "    if paired < 2:\n",
        _GROUPS,
    ),
    Break(
        "a group's threshold forgets the number of pairs", "node/detect/groups.py",
        "    count = paired * (paired - 1) // 2\n", "    count = 1\n",
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
        "a list is changed while another command changes it", "node/detect/review.py",
        "    with held_folder(path, doing=\"adding to a review list\", field=\"--review\", wait_s=WAIT_S):\n",
        "    if True:\n",
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
