"""One-line defects of the index of prints and of the routes over it, as in breaks.py."""

from tests.sabotage.breaks import Break

_INDEX = ("tests/detect/test_index.py",)
_COMMAND = ("tests/detect/test_index_command.py",)
_ROUTES = ("tests/node/test_routes_detect.py",)

DETECT_INDEX_BREAKS = (
    Break(
        "rows that nobody has committed are found", "node/detect/index.py",
        "if rows.parse_post_key(key)[1] < state.meta.runs:", "if rows.parse_post_key(key):", _INDEX,
    ),
    Break(
        "what a killed addition left stays", "node/detect/index.py",
        "        if store.get(rows.MARK) is not None:\n", "        if False:\n", _INDEX,
    ),
    Break(
        "what an addition couldn't take back comes to count", "node/detect/indexwriter.py",
        "        if store.get(rows.MARK) is not None:  # an", "        if False:  # an", _INDEX,
    ),
    Break(
        "an addition that fails leaves its rows", "node/detect/index.py",
        "                addition.undo()\n", "                pass\n", _INDEX,
    ),
    Break(
        "an owner is silently there twice", "node/detect/index.py",
        "if before is not None and not replaces:", "if False:", _INDEX,
    ),
    Break(
        "changes go on after a write of which nobody knows", "node/detect/index.py",
        "        self._is_unsure = True\n", "        self._is_unsure = False\n", _INDEX,
    ),
    Break(
        "what was removed is found", "node/detect/indexfound.py",
        "slab = slab[~self._is_dead[self._owner_of[slab[\"doc\"]]]]", "slab = slab[slab[\"doc\"] >= 0]", _INDEX,
    ),
    Break(
        "items beyond the index crash a lookup", "node/detect/indexfound.py",
        "if len(slab) and int(slab[\"doc\"].max()) >= len(self._owner_of):", "if False:", _INDEX,
    ),
    Break(
        "rows that were cut crash a lookup", "node/detect/indexfound.py",
        "if not data or len(data) % POSTING.itemsize:", "if not data:", _INDEX,
    ),
    Break(
        "a slab's first spans are forgotten", "node/detect/indexfound.py",
        "        if not self._slab:\n            self._low", "        if True:\n            self._low", _INDEX,
    ),
    Break(
        "answers have no bound", "node/detect/indexfound.py",
        "while self._found > self._found_max and", "while False and", _INDEX,
    ),
    Break(
        "rows of two buckets are joined", "node/detect/indexmerge.py",
        "if bucket != self._bucket or self._size", "if self._size", _INDEX,
    ),
    Break(
        "what was joined stays as well", "node/detect/indexmerge.py",
        "            for key, _ in joined[1:]:\n                self._change(key, None)\n", "", _INDEX,
    ),
    Break(
        "a part replaces what was whole", "node/cli/detectindex.py",
        "            items = _all(items, remarks)\n", "            pass\n", _COMMAND,
    ),
    Break(
        "of equal answers the first counts, whatever was left out of it", "node/detect/indexwriter.py",
        "            if len(prints) <= self._most[prints.sha256]:\n", "            if True:\n", _COMMAND,
    ),
    Break(
        "items of removed owners stay", "node/detect/indexmerge.py",
        "        store.write({**changes, key: None})", "        store.write({key: None})", _INDEX,
    ),
    Break(
        "a row holds the beginning of many chosen prints", "node/detect/indexwriter.py",
        "enumerate(range(start, end, ROW_POSTINGS_MAX)):", "enumerate(range(start, start + 1)):", _INDEX,
    ),
    Break(
        "a reader's token opens detection", "node/routes/detect.py",
        "    if DETECT not in token.may:\n", "    if False:\n", _ROUTES,
    ),
    Break(
        "a token for detection reads", "node/readers.py",
        "return found is not None and READ in found.may", "return found is not None", _ROUTES,
    ),
    Break(
        "any print set is taken", "node/detect/serving.py",
        "if reader.summary() != registered:", "if False:", _ROUTES,
    ),
    Break(
        "a quota that stops nobody", "node/routes/detect.py",
        "        if over is not None:\n", "        if False:\n", _ROUTES,
    ),
    Break(
        "near misses are told", "node/detect/serving.py",
        "                pairs_max=PAIRS_MAX - len(pairs),\n",
        "                pairs_max=PAIRS_MAX - len(pairs), rule_pairs=False,\n", _ROUTES,
    ),
    Break(
        "any number may wait with their bodies", "node/detection.py",
        "        if places.total() >= places_max or", "        if", _ROUTES,
    ),
    Break(
        "one token takes all places", "node/detection.py",
        " or places[token.name] >= TOKEN_MAX:", ":", _ROUTES,
    ),
    Break(
        "what is in many places costs nothing", "node/routes/detect.py",
        "        detection.charge_work(token, work)\n", "", _ROUTES,
    ),
    Break(
        "work has no bound", "node/detect/serving.py",
        "            if work > WORK_MAX and", "            if False and", _ROUTES,
    ),
    Break(
        "prints of no text are looked up", "node/detect/serving.py",
        "_portions([_dense(item, rule, index.scheme) for item in asked.items])", "_portions(asked.items)", _ROUTES,
    ),
    Break(
        "a guess more shows", "node/detect/serving.py",
        '"hits": rounded(pair.hits, step=5, least=rule.hits),', '"hits": pair.hits,', _ROUTES,
    ),
    Break(
        "a disk error of an upload is silent", "node/routes/detect.py",
        "        context.detection.note_failure(error.detail)\n", "", _ROUTES,
    ),
    Break(
        "the place of the index tells clients the server's paths", "node/detect/serving.py",
        "        except InputError as error:  # there", "        except ZeroDivisionError as error:  # there", _ROUTES,
    ),
    Break(
        "any database is an index", "node/detect/indexfolder.py",
        "            return file.read(len(LINE) + 1) == LINE\n", "            return True\n", _INDEX,
    ),
    Break(
        "an index whose making was killed is never used again", "node/detect/indexfolder.py",
        "        is_ours = data != LINE and LINE.startswith(data)\n", "        is_ours = False\n", _INDEX,
    ),
    Break(
        "a database is cleared away while another process makes it", "node/detect/indexfolder.py",
        "            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)\n", "", _INDEX,
    ),
    Break(
        "an item in parts comes part by part", "node/detect/matching.py",
        "yield rows, part == split - 1", "yield rows, True", ("tests/detect/test_matching.py",),
    ),
    Break(
        "pairs have no bound", "node/detect/matching.py",
        "            if self._room is not None:\n", "            if False:\n", ("tests/detect/test_matching.py",),
    ),
    Break(
        "bodies that don't say their length have no bound", "node/routes/detect.py",
        "                if size > bytes_max:\n", "                if False:\n", _ROUTES,
    ),
    Break(
        "an upload that breaks off stays on disk", "node/detection.py",
        "                    if path:\n                        os.unlink(path)\n", "                    pass\n",
        _ROUTES,
    ),
)  # fmt: skip
