"""One-line defects of reading foreign files, of the Data Provenance Collection, of planning and logging an import."""

from tests.sabotage.breaks import Break

_JSON = ("tests/imports/test_safejson.py",)
_YAML = ("tests/imports/test_safeyaml.py",)
_ROWS = ("tests/imports/test_provenance.py",)
_PLAN = ("tests/imports/test_plan.py",)
_TERMS = ("tests/imports/test_publish_terms.py",)
_RUN = ("tests/imports/test_import_command.py",)

IMPORT_BREAKS = (
    Break(
        "a file is read before its size is looked at", "node/imports/foreignfile.py",
        "            if found.st_size > bytes_max:\n", "            if False:\n", _JSON,
    ),
    Break(
        "a packed file may unpack to anything", "node/imports/foreignfile.py",
        "        data = file.read(bytes_max + 1)\n    if len(data) > bytes_max:\n",
        "        data = file.read(bytes_max)\n    if len(data) > bytes_max:\n", _JSON,
    ),
    Break(
        "a pipe is waited for", "node/imports/foreignfile.py",
        "            if not stat.S_ISREG(found.st_mode):\n", "            if stat.S_ISDIR(found.st_mode):\n", _JSON,
    ),
    Break(
        "the offset forgets the byte order mark", "node/imports/foreignfile.py",
        "error.start + (len(_BOM) if data.startswith(_BOM) else 0)", "error.start", _JSON,
    ),
    Break(
        "prices come as binary floats", "node/imports/safejson.py",
        "parse_float=_decimal, ", "", _JSON,
    ),
    Break(
        "of two equal names the last is taken", "node/imports/safejson.py",
        "    if len(value) != len(pairs):\n", "    if False:\n", _JSON,
    ),
    Break(
        "one level more is taken", "node/imports/safejson.py",
        "    for _ in range(depth_max):\n", "    for _ in range(depth_max + 1):\n", _JSON,
    ),
    Break(
        "exponents have no bound", "node/imports/safejson.py",
        "number is None or abs(number.adjusted()) > EXPONENT_MAX", "number is None", _JSON,
    ),
    Break(
        "half a character is text", "node/imports/safejson.py",
        "    if _SURROGATE.search(text):\n", "    if False:\n", _JSON,
    ),
    Break(
        "finding a place takes gigabytes", "node/imports/safejson.py",
        '"[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+"', '"(?:[^"\\\\]|\\\\.)*"', _JSON,
    ),
    Break(
        "what is passed over isn't counted", "node/imports/safejson.py",
        "            total += whole\n", "            total += min(whole, line_bytes_max)\n", _JSON,
    ),
    Break(
        "an alias is an empty value", "node/imports/safeyaml.py",
        "        if isinstance(event, yaml.AliasEvent):\n", "        if False:\n", _YAML,
    ),
    Break(
        "a name twice is overwritten in YAML", "node/imports/safeyaml.py",
        "            if event.value in container:\n", "            if False:\n", _YAML,
    ),
    Break(
        "quoted numbers are numbers", "node/imports/safeyaml.py",
        "self._plain(event) if event.implicit[0] else event.value", "self._plain(event)", _YAML,
    ),
    Break(
        "two rows of one repository fall together", "node/imports/provenancenames.py",
        "return name if alone else f\"{name}#{quote(row.key, safe='')}\"\n", "return name\n", _ROWS,
    ),
    Break(
        "repositories are compared with case", "node/imports/provenancenames.py",
        "lambda row: (_repository(row).casefold(),))", "lambda row: (_repository(row),))", _ROWS,
    ),
    Break(
        "a part of a collection is taken for its source", "node/imports/provenancenames.py",
        "len(self._collections[fold(row.text(\"collection\"))]) > 1:", "False:", _ROWS,
    ),
    Break(
        "the first of several is meant", "node/imports/provenancenames.py",
        "            if len(rows) > 1:\n                return None,",
        "            if False:\n                return None,", _ROWS,
    ),
    Break(
        "words behind a name count", "node/imports/provenancenames.py",
        "            wanted = shorter[1]\n", "            break\n", _ROWS,
    ),
    Break(
        "a second row of an id takes the first one's name", "node/imports/provenance.py",
        "        if known in first:\n            while", "        if False:\n            while", _ROWS,
    ),
    Break(
        "licences stand in another order", "node/imports/provenance.py",
        "for one in sorted(found))", "for one in sorted(found, reverse=True))", _ROWS,
    ),
    Break(
        "a model is called as the data set made with it", "node/imports/provenance.py",
        "f\"{title} ({type})\" if fold(title) in self._titles else title", "title", _ROWS,
    ),
    Break(
        "fields that nothing holds are dropped in silence", "node/imports/provenance.py",
        "            draft.note(field, said, NOT_CARRIED, \"no field holds it\")\n", "            del said\n", _ROWS,
    ),
    Break(
        "sources are compared in the file's order", "node/imports/plan.py",
        "sorted({(source.name, source.relation) for source in material.sources})",
        "list(dict.fromkeys((source.name, source.relation) for source in material.sources))", _PLAN,
    ),
    Break(
        "the oldest description counts", "node/imports/plan.py",
        "            found[record[\"name\"]] = _comparable(record)\n",
        "            found.setdefault(record[\"name\"], _comparable(record))\n", _PLAN,
    ),
    Break(
        "the time of a description is a change", "node/imports/plan.py",
        "if name != \"at\"}\n", "}\n", (*_PLAN, *_RUN),
    ),
    Break(
        "a node's pages may go round in circles", "node/imports/plan.py",
        "following <= (start or 0):\n            break\n", "following < 0:\n            break\n", _PLAN,
    ),
    Break(
        "of two with one name the second is dropped in silence", "node/imports/plan.py",
        "        if first[1] != record:\n", "        if False:\n", _PLAN,
    ),
    Break(
        "what a killed import had under way is forgotten", "node/imports/run.py",
        "        if journal.flight is not None:\n", "        if False:\n", _RUN,
    ),
    Break(
        "the rest of a killed import is sent as it was planned", "node/imports/run.py",
        "            self._file.truncate(journal.flight.marks[-1].offset)\n", "", _RUN,
    ),
    Break(
        "two imports of one key run at once", "node/imports/run.py",
        "            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n", "            pass\n", _RUN,
    ),
    Break(
        "what the node refuses ends well", "node/cli/imports.py",
        "            reading.notes += refused\n", "", _RUN,
    ),
    Break(
        "terms are written over what somebody changed", "node/imports/termsfiles.py",
        "        if old is None:\n", "        if old != data:\n", _RUN,
    ),
    Break(
        "terms of a retired asset are published", "node/imports/publishing.py",
        "row.get(\"kind\") == \"asset\" and not row.get(\"retired\")", "row.get(\"kind\") == \"asset\"", _RUN,
    ),
    Break(
        "nulls are told as left out", "node/imports/provenance.py",
        "        if field not in _TAKEN and not _is_nothing(value):\n", "        if field not in _TAKEN and value:\n",
        _ROWS,
    ),
    Break(
        "a null licence address is told as left out", "node/imports/provenance.py",
        "            if field != \"License\" and not _is_nothing(value):\n", "            if field != \"License\":\n",
        _ROWS,
    ),
    Break(
        "a file of another encoding has no rows", "node/imports/safejson.py",
        "                check_encoding(raw, place=path)\n", "                pass\n", _ROWS,
    ),
    Break(
        "UTF-16 without its mark isn't named", "node/imports/foreignfile.py",
        "    if found is None and b\"\\0\" in data[:2]:\n", "    if False:\n", _ROWS,
    ),
    Break(
        "why no row was read isn't said", "node/imports/provenance.py",
        "    if not found and bad:\n", "    if False:\n", _ROWS,
    ),
    Break(
        "terms in force are replaced by an import's", "node/imports/publishing.py",
        "    if is_replacing:\n", "    if True:\n", _TERMS,
    ),
    Break(
        "terms in force are published again", "node/imports/publishing.py",
        "    if present is None or not changes:\n", "    if present is None:\n", _TERMS,
    ),
    Break(
        "an offer that is lost isn't told", "node/imports/publishing.py",
        "sorted(prices[0].keys() | prices[1].keys())", "sorted(prices[1].keys())", _TERMS,
    ),
    Break(
        "a field that is lost isn't told", "node/imports/publishing.py",
        "sorted((old.keys() | new.keys()) - {\"offers\"})", "sorted(new.keys() - {\"offers\"})", _TERMS,
    ),
    Break(
        "two terms for one asset take turns", "node/imports/publishing.py",
        "        if first is not file:\n", "        if False:\n", _TERMS,
    ),
    Break(
        "a party's own words are sought among everybody's", "ledger/query.py",
        "        if party is not None and kind in _REGISTERED:\n", "        if False:\n",
        ("tests/ledger/test_query.py",),
    ),
)  # fmt: skip
