"""One-line defects of what went into a model and of whose word counts, as in breaks.py."""

from tests.sabotage.breaks import Break

_REPORTS = ("tests/reports/test_modelreports.py",)
_USES = ("tests/reports/test_uses.py",)
_AUTHORITY = ("tests/reports/test_authority.py",)
_SOURCES = ("tests/reports/test_sources.py",)

TRAINING_BREAKS = (
    Break(
        "nothing logged is no", "node/reports/answers.py",
        'return item(label, (), missing=f"{NOBODY}; that is no `no`")',
        'return item(label, (Answer("no", COUNTED, value=False),))',
        _REPORTS,
    ),
    Break(
        "sums take what stands behind sources too", "node/reports/materials.py",
        "return tuple(one for one in self.data if one.is_direct)", "return self.data",
        _REPORTS,
    ),
    Break(
        "disputed figures are added up", "node/reports/authority.py",
        "return said[0] if len({one.value for one in said}) == 1 else None", "return said[0] if said else None",
        _REPORTS + _AUTHORITY,
    ),
    Break(
        "what others say goes before the owner's word", "node/reports/authority.py",
        "        for words, is_package in self.ranks:\n", "        for words, is_package in reversed(self.ranks):\n",
        _REPORTS + _AUTHORITY,
    ),
    Break(
        "what others say goes before the provider's word", "node/reports/authority.py",
        "        for is_provider in (True, False):\n", "        for is_provider in (False, True):\n",
        _AUTHORITY,
    ),
    Break(
        "a package's word goes before its version's", "node/reports/authority.py",
        "for words, is_package in ((itself, False), (package, True)):",
        "for words, is_package in ((package, True), (itself, False)):",
        _AUTHORITY,
    ),
    Break(
        "a version is called what its package is", "node/reports/authority.py",
        " and not (is_package and name in _NAMING)]", "]",
        _AUTHORITY,
    ),
    Break(
        "a claim is a declaration", "node/reports/authority.py",
        "            yield from _asset_words(node, CLAIMED)\n", "            yield from _asset_words(node, DECLARED)\n",
        _AUTHORITY,
    ),
    Break(
        "who claims the model's name speaks of the model", "node/reports/authority.py",
        "near = self._names(node.id) if node.is_asset else self._claimants(node.id)",
        "near = [other for name in self._names(node.id) for other in (name, *self._claimants(name))]",
        _AUTHORITY,
    ),
    Break(
        "rivals for the model's name aren't spoken of", "node/reports/authority.py",
        "if material.owner is None or node.party != material.owner.party:", "if False:",
        _AUTHORITY,
    ),
    Break(
        "strangers' words count where others were chosen", "node/reports/authority.py",
        "return self._curators is None or party in self._curators", "return True or party in self._curators",
        _AUTHORITY,
    ),
    Break(
        "strangers' edges count where others were chosen", "node/reports/authority.py",
        "        if not heard and self._curators is not None and not is_own:\n", "        if False:\n",
        _AUTHORITY,
    ),
    Break(
        "a package's sources are told for each version", "node/reports/authority.py",
        "                if is_borrowed and node.id in heard:\n", "                if False:\n",
        _AUTHORITY,
    ),
    Break(
        "what is in a package is in each version", "node/reports/authority.py",
        "            if is_said:\n                return\n", "",
        _AUTHORITY,
    ),
    Break(
        "the youngest claimants are heard", "node/reports/authority.py",
        "sorted(claimants, key=int)[:NEAR_MAX]", "sorted(claimants, key=int)[-NEAR_MAX:]",
        _AUTHORITY,
    ),
    Break(
        "one stranger makes a data set a model", "node/reports/materials.py",
        '{fact.value for fact in material.facts("type")} == {MODEL}',
        'MODEL in {fact.value for fact in material.facts("type")}',
        _AUTHORITY,
    ),
    Break(
        "a base that nobody described is data", "node/reports/materials.py",
        'or (is_model and "derived_from" in said.relations):', "or False:",
        _AUTHORITY,
    ),
    Break(
        "a teacher that nobody described is data", "node/reports/materials.py",
        'if "distilled_from" in said.relations or', "if False or",
        _AUTHORITY,
    ),
    Break(
        "a base is one against what is said of it", "node/reports/materials.py",
        'material.id in self._models and not material.facts("type")', "material.id in self._models",
        _AUTHORITY,
    ),
    Break(
        "a base model's training data are this model's", "node/reports/materials.py",
        "            elif look.is_model(used.material):\n", "            elif False:\n",
        _REPORTS,
    ),
    Break(
        "benchmarks are training content", "node/reports/materials.py",
        "            if not used.is_in_it:\n", "            if False:\n",
        _REPORTS,
    ),
    Break(
        "who data was derived from wrote it", "node/reports/materials.py",
        "                if used.has_outputs_in:\n", "                if used.has_outputs_in or not used.is_direct:\n",
        _USES,
    ),
    Break(
        "what a provider saw is added to what was used", "node/reports/materials.py",
        "if use.use not in NOT_IN_IT and use.status != OBSERVED:", "if use.use not in NOT_IN_IT:",
        _USES,
    ),
    Break(
        "tokens of an evaluation are training data", "node/reports/materials.py",
        "if use.use not in NOT_IN_IT and use.status != OBSERVED:", "if use.status != OBSERVED:",
        _USES,
    ),
    Break(
        "uses before the model had a number aren't its", "node/lineage/graph.py",
        "self._by_name.get((use.party, use.into), ())", "()",
        _USES,
    ),
    Break(
        "anybody's use by the model's name is its", "node/lineage/graph.py",
        "self._by_name.get((use.party, use.into), ())",
        "tuple(at for key, made in self._by_name.items() if key[1] == use.into for at in made)",
        _USES,
    ),
    Break(
        "a second way into the model is forgotten", "node/reports/materials.py",
        "                data.setdefault(key, []).append(used)\n", "                data.setdefault(key, [used])\n",
        _USES + _SOURCES,
    ),
    Break(
        "a use by name counts for every version", "node/reports/materials.py",
        "                if (used.id, at) not in self._counted:\n", "                if True:\n",
        _SOURCES,
    ),
    Break(
        "a long way is only as long as what is kept of it", "node/reports/materials.py",
        "return Through(self.steps + 1, ids if", "return Through(min(self.steps + 1, 8), ids if",
        _SOURCES,
    ),
    Break(
        "a long way loses its near end", "node/reports/materials.py",
        "ids[:_ENDS] + ids[-_ENDS:]", "ids[-2 * _ENDS :]",
        _SOURCES,
    ),
    Break(
        "parts are added beside their whole", "node/reports/sums.py",
        "elif one.material.id in parts or fact.source.record in records:", "elif fact.source.record in records:",
        _SOURCES,
    ),
    Break(
        "one record's figure is added twice", "node/reports/sums.py",
        "elif one.material.id in parts or fact.source.record in records:", "elif one.material.id in parts:",
        _SOURCES,
    ),
    Break(
        "what contains each other is in no sum", "node/reports/sums.py",
        "                if part != start.id:\n", "                if True:\n",
        _SOURCES,
    ),
    Break(
        "a sum of a cut lineage looks whole", "node/reports/sums.py",
        "{CUT if training.is_cut else ''}", "",
        _SOURCES,
    ),
    Break(
        "a stranger's date goes before the owner's", "node/reports/answers.py",
        '(fact := one.material.figure("collected_until"))',
        '(fact := max(one.material.facts("collected_until"), key=lambda fact: fact.value, default=None))',
        _AUTHORITY,
    ),
    Break(
        "whose a writer is is guessed", "node/reports/answers.py",
        "of = None if own is None or training.model.owner is None else", "of = False if own is None else",
        _SOURCES,
    ),
    Break(
        "a figure beneath a source names the edge's record", "node/reports/answers.py",
        'if differ else text, fact.standing, (fact.source,))', 'if differ else text, fact.standing)',
        _SOURCES,
    ),
    Break(
        "what was paid for isn't licensed", "node/reports/answers.py",
        "for use in one.uses if use.charge)", "for use in one.uses if False)",
        _SOURCES,
    ),
    Break(
        "large sizes stay texts", "node/reports/authority.py",
        "return int(record[name]) if name in _INTEGERS else record[name]", "return record[name]",
        _REPORTS,
    ),
    Break(
        "anything gets a model's report", "node/reports/materials.py",
        '    if not _is_model_name(model) and all(fact.value != MODEL for fact in model.facts("type")):\n',
        "    if False:\n",
        _REPORTS,
    ),
)  # fmt: skip
