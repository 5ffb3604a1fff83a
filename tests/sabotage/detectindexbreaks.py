"""One-line defects of the index of prints and of the routes over it, as in breaks.py."""

from tests.sabotage.breaks import Break

_INDEX = ("tests/detect/test_index.py",)
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
        "match(portion, index, rule, boilerplate=self._boilerplate)",
        "match(portion, index, rule, boilerplate=self._boilerplate, rule_pairs=False)", _ROUTES,
    ),
    Break(
        "any number may wait with their bodies", "node/detection.py",
        "        if self._looks >= LOOKS_MAX:\n", "        if False:\n", _ROUTES,
    ),
    Break(
        "bodies that don't say their length have no bound", "node/routes/detect.py",
        "                if size > bytes_max:\n", "                if False:\n", _ROUTES,
    ),
    Break(
        "an upload that breaks off stays on disk", "node/detection.py",
        "                if path:\n                    os.unlink(path)\n", "                pass\n", _ROUTES,
    ),
)  # fmt: skip
