"""One-line defects of the reading and writing of lineages, as in breaks.py."""

from tests.sabotage.breaks import Break

_GRAPH, _TREE, _SVG = "tests/lineage/test_graph.py", "tests/lineage/test_tree.py", "tests/lineage/test_svg.py"
_DOT, _PROV, _EVENTS = "tests/lineage/test_dot.py", "tests/lineage/test_prov.py", "tests/lineage/test_openlineage.py"
_PLACES = "tests/lineage/test_places.py"
_WORDS = "tests/lineage/test_license_words.py"

LINEAGE_BREAKS = (
    Break(
        "a lineage's edge may lead nowhere", "node/lineage/graph.py",
        "        if end not in known:\n", "        if False:\n",
        (_GRAPH,),
    ),
    Break(
        "a node may stand twice in a lineage", "node/lineage/graph.py",
        "        if node.id in known:\n", "        if False:\n",
        (_GRAPH,),
    ),
    Break(
        "a description's record may be of another name", "node/lineage/graph.py",
        'if one.record["name"] != node_id:', "if False:",
        (_GRAPH,),
    ),
    Break(
        "records of a lineage aren't judged", "node/lineage/graph.py",
        "        make_body(from_json(said))\n", "        pass\n",
        (_GRAPH,),
    ),
    Break(
        "records of a lineage may be of any depth", "node/lineage/graph.py",
        "if form.levels(said) > form.LEVELS_MAX:", "if False:",
        (_GRAPH,),
    ),
    Break(
        "a curator's licence is taken for the owner's", "node/lineage/graph.py",
        'said = [self.record.get("license"), self.terms.license if self.terms else None]',
        'said = [*(one.record.get("license") for one in self.descriptions), self.record.get("license")]',
        (_GRAPH, _TREE),
    ),
    Break(
        "two claims of one party contest a name", "node/lineage/graph.py",
        "        return len(owners) > 1\n", "        return len(node.claimed_by) > 1\n",
        (_GRAPH,),
    ),
    Break(
        "amounts of a lineage may be numbers", "node/lineage/form.py",
        "if type(value) is not str or _NANOS.fullmatch(value) is None or int(value) >= SUM_MAX:",
        "if _NANOS.fullmatch(str(value)) is None or int(value) >= SUM_MAX:",
        (_GRAPH,),
    ),
    Break(
        "the tree follows cycles", "node/lineage/tree.py",
        "opens = node.id not in opened and node.id not in printed", "opens = len(opened) < 9",
        (_TREE,),
    ),
    Break(
        "the tree opens a node where it meets it first", "node/lineage/tree.py",
        "        at = queue.popleft()\n", "        at = queue.pop()\n",
        (_TREE,),
    ),
    Break(
        "the tree cuts long licences", "node/lineage/tree.py",
        "enumerate(_broken(cut(part, PART_CELLS), max(", "enumerate((lambda text, room: [cut(text, room)])(part, max(",
        (_TREE,),
    ),
    Break(
        "the tree folds without a word", "node/lineage/tree.py",
        "            plan.folded[at] = len(found) - len(kept)\n", "            pass\n",
        (_TREE,),
    ),
    Break(
        "the tree prints titles as they are", "node/lineage/tree.py",
        "    return cut(safe_line(node.title), TITLE_CELLS)\n", "    return cut(node.title, TITLE_CELLS)\n",
        (_TREE,),
    ),
    Break(
        "the owner's word is taken for the usual curator's", "node/lineage/speakers.py",
        'return "" if set(everybody) == {usual} else', 'return "" if not curators(graph, edge) else',
        (_TREE,),
    ),
    Break(
        "one name is one voice", "node/lineage/tree.py",
        "    graph = with_distinct_names(graph)\n    usual = usual_speaker(graph)\n",
        "    usual = usual_speaker(graph)\n    graph = with_distinct_names(graph)\n",
        (_TREE,),
    ),
    Break(
        "half of all is said by the usual speaker", "node/lineage/speakers.py",
        "2 * count <= said.total()", "2 * count < said.total()",
        (_TREE,),
    ),
    Break(
        "two who say it together are the usual speaker", "node/lineage/wording.py",
        "is_usual = usual is not None and set(said) == {usual}", "is_usual = usual is not None",
        (_TREE,),
    ),
    Break(
        "another licence is the same", "node/lineage/tree.py",
        "if known == {text} and", "if text in known and",
        (_TREE,),
    ),
    Break(
        "a licence is shortened without a word", "node/lineage/wording.py",
        'sign.join([*parts[:kept], f"{len(parts) - kept} more"])', "sign.join(parts[:kept])",
        (_TREE,),
    ),
    Break(
        "layers aren't folded", "node/lineage/layout.py",
        "        parts = math.ceil(len(nodes) / rows_max)\n", "        parts = 1\n",
        (_SVG,),
    ),
    Break(
        "bands have no end", "node/lineage/layout.py",
        "math.ceil(len(self.columns) / COLUMNS_MAX)", "0",
        (_SVG,),
    ),
    Break(
        "boxes of a column have no room", "node/lineage/layout.py",
        "boxes + (sizes.track_gap if tracks else sizes.box_gap)", "boxes",
        (_SVG,),
    ),
    Break(
        "lines take no room beside boxes", "node/lineage/layout.py",
        "                boxes = (2 - tracks) * sizes.box_height / 2\n",
        "                boxes = sizes.box_height if not tracks else 0.0\n",
        (_SVG,),
    ),
    Break(
        "arcs that close a ring aren't turned", "node/lineage/svg.py",
        'end = "marker-start" if at in layout.turned else "marker-end"', 'end = "marker-end"',
        (_SVG,),
    ),
    Break(
        "a drawing's tooltips are taken as they are", "node/lineage/svg.py",
        "<title>{_node_tooltip(graph, node, places)}</title>", "<title>{node.title}</title>",
        (_SVG,),
    ),
    Break(
        "a drawing leaves nodes out without a word", "node/lineage/svg.py",
        "    if len(nodes) < len(graph.nodes) or len(edges) < len(graph.edges):\n", "    if False:\n",
        (_SVG,),
    ),
    Break(
        "DOT labels end at a quote", "node/lineage/dot.py",
        """.replace('"', '\\\\"')""", "",
        (_DOT,),
    ),
    Break(
        "DOT labels obey backslashes", "node/lineage/dot.py",
        '.replace("\\\\", "\\\\\\\\")', "",
        (_DOT,),
    ),
    Break(
        "PROV names keep their colons and quotes", "node/lineage/prov.py",
        'plain = quote(text, safe="/@").replace("~", "%7E")', "plain = text",
        (_PROV,),
    ),
    Break(
        "PROV states a curator's word as the log's", "node/lineage/prov.py",
        "bundle.put(\"entity\", name, {\"prov:type\"", "self.own.put(\"entity\", name, {\"prov:type\"",
        (_PROV,),
    ),
    Break(
        "PROV forgets who made an asset", "node/lineage/prov.py",
        'self.own.state("wasAttributedTo", {"prov:entity": name, "prov:agent": party})', "pass",
        (_PROV,),
    ),
    Break(
        "OpenLineage runs have random ids", "node/lineage/openlineage.py",
        "uuid.uuid5(uuid.NAMESPACE_URL, ", "uuid.uuid4() or (",
        (_EVENTS,),
    ),
    Break(
        "OpenLineage takes any clock", "node/lineage/openlineage.py",
        "type(one) is int and 0 <= one <= MS_MAX", "type(one) is int",
        (_EVENTS,),
    ),
    Break(
        "OpenLineage declares what curators conclude", "node/lineage/openlineage.py",
        "for text in node.declared],", "for text in node.declared or [one for one, _ in node.concluded]],",
        (_EVENTS,),
    ),
    Break(
        "a package's licence holds for versions that have one", "node/lineage/licenses.py",
        "    if not words.of_name(name):\n", "    if True:\n",
        (_WORDS,),
    ),
    Break(
        "a version without a licence has none of its package's", "node/lineage/licenses.py",
        "        rest |= may & _May.WORDS\n", "        pass\n",
        (_WORDS,),
    ),
    Break(
        "a package's sources are those of every version", "node/lineage/licenses.py",
        "    if not any(set(carried(edge)) - {VERSION_OF} for edge", "    if not any(() for edge",
        (_WORDS,),
    ),
    Break(
        "a claim is the owner's declaration", "node/lineage/licenses.py",
        "words.of(state[0], DECLARED if is_own else BY_CLAIM)", "words.of(state[0], DECLARED)",
        (_WORDS,),
    ),
    Break(
        "claims join the names of one asset", "node/lineage/licenses.py",
        "edge.source, CLAIMED), False, may & (_May.WORDS | _May.SOURCES)", "edge.source, CLAIMED), False, may",
        (_WORDS,),
    ),
    Break(
        "who claims an asset's name speaks of the asset", "node/lineage/licenses.py",
        "edge.derived, CLAIMS), False, may & ~_May.CLAIMS", "edge.derived, CLAIMS), False, may",
        (_WORDS,),
    ),
    Break(
        "a package's licence is missing in its versions", "node/lineage/licenses.py",
        "            elif package and self.of_name(package):\n", "            elif False:\n",
        (_WORDS,),
    ),
    Break(
        "logged uses of outputs are uses of the model", "node/lineage/licenses.py",
        "        is_outputs = is_of_outputs(uses=", "        is_outputs = False and bool(",
        (_WORDS,),
    ),
    Break(
        "what was trained on beside outputs isn't seen", "node/lineage/licenses.py",
        "if joined.get(step.node, True) and", "if step.node not in joined and",
        (_WORDS,),
    ),
    Break(
        "an unknown part beside a strict one is known", "node/lineage/licenses.py",
        "        elif parts:\n", "        elif False:\n",
        (_WORDS,),
    ),
    Break(
        "licences as JSON repeat what they ask", "node/lineage/licensepage.py",
        '{**_statement_value(one.statement), "way"', '{**_reading_value(one), **_statement_value(one.statement), "way"',
        ("tests/lineage/test_licenses.py",),
    ),
    Break(
        "sums of money aren't said to be before credits", "node/lineage/wording.py",
        '    return f"{words} {BEFORE_CREDITS}" if words else ""\n', "    return words\n",
        (_PLACES,),
    ),
    Break(
        "credits aren't told from earnings", "node/lineage/wording.py",
        '; of the {sums[0]} charged, {sums[1]} were credited by all payees"', ', {sums[1]} credited back"',
        (_TREE,),
    ),
    Break(
        "uses for something farther away stand nowhere", "node/lineage/useplaces.py",
        "            if made and not any(", "            if not made and not any(",
        (_PLACES,),
    ),
    Break(
        "uses beside an edge stand at the material too", "node/lineage/useplaces.py",
        "not any((into, node.id) in self._joined for into in made)", "True",
        (_PLACES,),
    ),
    Break(
        "a use at several versions isn't marked", "node/lineage/useplaces.py",
        "(several if len(made) > 1 else one)", "(several if len(made) > 9 else one)",
        (_PLACES,),
    ),
    Break(
        "parties of one name look the same", "node/lineage/distinct.py",
        "if len(keys) > 1}", "if len(keys) > 9}",
        (_PLACES,),
    ),
    Break(
        "keys that begin alike aren't told apart", "node/lineage/distinct.py",
        "        digits += DIGITS\n", "        break\n",
        (_PLACES,),
    ),
    Break(
        "a name may look like another with its key", "node/lineage/distinct.py",
        "_ROUNDS = 3\n", "_ROUNDS = 1\n",
        (_PLACES,),
    ),
    Break(
        "--json goes before the format that was asked for", "node/cli/trace.py",
        "if args.json and args.format not in (None, JSON):", "if False:",
        ("tests/node/test_trace.py",),
    ),
    Break(
        "places are counted anew for each column", "node/lineage/layout.py",
        "        place = self.place\n",
        "        place = {unit: (at + 0.5) / len(all) for all in self.columns for at, unit in enumerate(all)}\n",
        (_SVG,),
    ),
    Break(
        "columns are ordered by places of long ago", "node/lineage/layout.py",
        "        units.sort(key=keys.__getitem__)\n        self._note_places(units)\n",
        "        units.sort(key=keys.__getitem__)\n",
        (_SVG,),
    ),
    Break(
        "credits stand at the root alone", "node/lineage/tree.py",
        "            parts += filter(None, (all_credited_words(child.node),))\n", "",
        (_PLACES,),
    ),
)  # fmt: skip
