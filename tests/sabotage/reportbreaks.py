"""One-line defects of licence reasoning and of the reports about models, as in breaks.py."""

from tests.sabotage.breaks import Break

_LICENSES = ("tests/lineage/test_licenses.py",)
_REPORTS = ("tests/reports/test_modelreports.py",)
_USES = ("tests/reports/test_uses.py",)
_READING = ("tests/node/test_cli_modelreport_uses.py",)
_DOCUMENT = ("tests/reports/test_document.py",)

REPORT_BREAKS = (
    Break(
        "a licence doesn't reach what had only a name", "node/lineage/licenses.py",
        "for made in graph.made_by(one) if", "for made in (one.into,) if",
        _LICENSES,
    ),
    Break(
        "evaluation carries a licence", "node/lineage/licenses.py",
        "if relation != _NOTHING_CARRIED)", "if relation)",
        _LICENSES,
    ),
    Break(
        "uses for evaluation carry a licence", "node/lineage/licenses.py",
        "for made in graph.made_by(one) if one.use != _UNCARRIED_USE else ():", "for made in graph.made_by(one):",
        _LICENSES,
    ),
    Break(
        "outputs carry as the material itself does", "node/lineage/licenses.py",
        "after = (step.node, state[1] or is_outputs)", "after = (step.node, False)",
        _LICENSES,
    ),
    Break(
        "beyond a model's outputs all is direct again", "node/lineage/licenses.py",
        "after = (step.node, state[1] or is_outputs)", "after = (step.node, is_outputs)",
        _LICENSES,
    ),
    Break(
        "a curator's word is the owner's", "node/lineage/licenses.py",
        "yield Statement(node.id, node.title, text, CONCLUDED,", "yield Statement(node.id, node.title, text, DECLARED,",
        _LICENSES,
    ),
    Break(
        "what terms say of the licence is passed over", "node/lineage/licenses.py",
        "        if node.terms and node.terms.license:\n", "        if False:\n",
        _LICENSES,
    ),
    Break(
        "a claimed name's descriptions aren't looked at", "node/lineage/licenses.py",
        "        if edge.is_claim and _May.CLAIMS in may:\n", "        if False:\n",
        _LICENSES,
    ),
    Break(
        "any choice's ask counts as certain", "node/lineage/licenseexpr.py",
        "    return all(map(test, outcomes))\n", "    return any(map(test, outcomes))\n",
        _LICENSES,
    ),
    Break(
        "AND takes the mildest", "node/lineage/licenseexpr.py",
        "    return frozenset(max(pair, key=rank.__getitem__)", "    return frozenset(min(pair, key=rank.__getitem__)",
        _LICENSES,
    ),
    Break(
        "OR binds as strong as AND", "node/lineage/licenseexpr.py",
        '_BINDS = {"(": 0, "OR": 1, "AND": 2}', '_BINDS = {"(": 0, "OR": 1, "AND": 1}',
        _LICENSES,
    ),
    Break(
        "an unknown licence allows everything", "node/lineage/licenseclasses.py",
        "        return found or UNKNOWN_CLASS\n", '        return found or self.rows["mit"]\n',
        _LICENSES,
    ),
    Break(
        "a file of classes says that rivals are free", "node/lineage/licenseclasses.py",
        "replace(read, rivals=own.rivals, outputs=own.outputs, reason=own.reason)",
        "replace(read, rivals=False, outputs=own.outputs, reason=own.reason)",
        _LICENSES,
    ),
    Break(
        "the middle of a long path isn't counted", "node/lineage/licenses.py",
        "    return Path(steps, end.length - len(steps), len(end.head))\n",
        "    return Path(steps, 0, len(end.head))\n",
        _LICENSES,
    ),
    Break(
        "a part of the records makes a figure", "node/reports/uses.py",
        "        if self.is_whole(used):\n", "        if True:\n",
        _USES,
    ),
    Break(
        "records that weren't read aren't spoken of", "node/reports/uses.py",
        "        if not missing:\n", "        if True:\n",
        _USES + _READING,
    ),
    Break(
        "more records than were counted are believed", "node/reports/uses.py",
        "all(self._read[key] == self._wanted[key]", "all(self._read[key] >= self._wanted[key]",
        _USES,
    ),
    Break(
        "a use that was taken back has a time", "node/reports/uses.py",
        "            self.annulled += 1\n            return\n", "            self.annulled += 1\n",
        _USES,
    ),
    Break(
        "the last use is the first", "node/reports/uses.py",
        "last if self.last is None else max(self.last, last)", "last if self.last is None else min(self.last, last)",
        _USES,
    ),
    Break(
        "totals take what stands behind sources too", "node/reports/useanswers.py",
        "            if used.is_direct:\n", "            if True:\n",
        _USES,
    ),
    Break(
        "tokens of any use are training data", "node/reports/useanswers.py",
        "if use in TRAINING_USES and amount.quantities[TOKEN]", "if amount.quantities[TOKEN]",
        _USES,
    ),
    Break(
        "tokens of images are text", "node/reports/useanswers.py",
        "(fact := one.material.figure(\"modality\")) and fact.value == TEXT]",
        "(fact := one.material.figure(\"modality\")) and fact.value]",
        _USES,
    ),
    Break(
        "ten trillion tokens are more than ten trillion", "node/reports/useanswers.py",
        "(10**13 + 1, ", "(10**13, ",
        _USES,
    ),
    Break(
        "what was logged is printed, not what was right", "node/cli/usefetch.py",
        "        body[\"quantities\"] if quantities is None else quantities,", "        body[\"quantities\"],",
        _READING,
    ),
    Break(
        "a replay passes over corrections", "node/cli/usefetch.py",
        "        corrected = newest_correction(state, index)\n", "        corrected = None\n",
        _READING,
    ),
    Break(
        "a use by a claimed name isn't looked for", "node/cli/usefetch.py",
        "dict.fromkeys((source, *names))", "(source,)",
        _READING,
    ),
    Break(
        "only the first page is read", "node/cli/usefetch.py",
        "            start = following\n", "            start = None\n",
        _READING,
    ),
    Break(
        "a page that begins where the last one did is read", "node/cli/usefetch.py",
        "following <= max(start, before):", "following <= before:",
        _READING,
    ),
    Break(
        "a page's order isn't looked at", "node/cli/usefetch.py",
        "                if index <= before:\n", "                if False:\n",
        _READING,
    ),
    Break(
        "records younger than the lineage are added up", "node/cli/usefetch.py",
        "                if index >= self._graph.size:\n", "                if False:\n",
        _READING,
    ),
    Break(
        "--verify asks the node for the uses", "node/cli/usefetch.py",
        "    if fetched.replayed is not None:\n", "    if False:\n",
        _READING,
    ),
    Break(
        "a stranger's HTML stands in a report", "node/reports/document.py",
        r'(r"([\\`*_{}\[\]<>()#+.!|~&:@$=-])")', r'(r"([\\`*_{}\[\]()#+.!|~&:@$=-])")',
        _DOCUMENT,
    ),
    Break(
        "a backtick ends a code span", "node/reports/document.py",
        '    fence = "`" * (longest + 1)\n', '    fence = "`"\n',
        _DOCUMENT,
    ),
    Break(
        "what the lineage left out isn't said", "node/reports/document.py",
        '*(f"Left out of the lineage: {escaped(text)}." for text in report.left_out)', "*()",
        _REPORTS,
    ),
)  # fmt: skip
