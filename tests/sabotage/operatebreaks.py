"""One-line defects of what operating a log needs, as in breaks.py; their tests are the quick ones of each part."""

from tests.sabotage.breaks import Break

LOG_KEY_BREAKS = (
    Break(
        "a note that no known key signed is good", "proofs/logkeys.py",
        "        if not signers:\n            texts", "        if False:\n            texts",
        ("tests/proofs/test_logkeys.py",),
    ),
    Break(
        "one good line outweighs a known key's bad one", "proofs/logkeys.py",
        "        for key in signers:\n", "        for key in signers[:1]:\n",
        ("tests/proofs/test_logkeys.py",),
    ),
    Break(
        "keys of several logs are one log's", "proofs/logkeys.py",
        "            if key.name != self.origin:\n", "            if False:\n",
        ("tests/proofs/test_logkeys.py",),
    ),
    Break(
        "a closing note of another header is one", "proofs/closing.py",
        "len(lines) != 5 or lines[0] != HEADER or", "len(lines) != 5 or",
        ("tests/proofs/test_logkeys.py",),
    ),
    Break(
        "a closed log may have signed larger heads", "proofs/closing.py",
        "        return checkpoint.size < self.size\n", "        return True\n",
        ("tests/proofs/test_logkeys.py",),
    ),
    Break(
        "only one key signs while two should", "ledger/signrecord.py",
        "        for key in others:\n", "        for key in ():\n",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "a head that the old key signed isn't signed by the new one", "ledger/signrecord.py",
        "self.keys.check(parsed, self._origin) == self.vkeys", "bool(self.keys.check(parsed, self._origin))",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "a head is signed beside the last one", "ledger/signrecord.py",
        "if size < last.size or (size == last.size and root != last.root):", "if size < last.size:",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "a change is finished before both keys have signed", "node/rekey.py",
        'return "both" if new in signers else "begun"', 'return "both"',
        ("tests/node/test_rekey.py",),
    ),
    Break(
        "the new vkey stands before the new key", "node/rekey.py",
        "        save_key(path, key)\n        settle(path)  # its name, too, before the mark's\n"
        "        write_durably(os.path.join(folder, NEXT_VKEY_FILE), vkey.text.encode() + b\"\\n\")\n",
        "        write_durably(os.path.join(folder, NEXT_VKEY_FILE), vkey.text.encode() + b\"\\n\")\n"
        "        save_key(path, key)\n",
        ("tests/node/test_rekey.py",),
    ),
    Break(
        "the old vkey is forgotten", "node/rekey.py",
        "    add_vkey(folder, OLD_VKEYS_FILE, old)\n", "",
        ("tests/node/test_rekey.py",),
    ),
    Break(
        "a cancelled key is forgotten", "node/rekey.py",
        "        add_vkey(folder, CANCELLED_VKEYS_FILE, new)\n", "",
        ("tests/node/test_rekey.py",),
    ),
    Break(
        "a party's key becomes the log's", "node/rekey.py",
        "    if State(node.store).key(vkey.key) is not None:\n", "    if False:\n",
        ("tests/node/test_rekey.py",),
    ),
    Break(
        "a party takes a key that was the log's", "node/server.py",
        "| {key.key for key in retired}", "",
        ("tests/node/test_rekey.py",),
    ),
    Break(
        "what was seen under another key doesn't count", "node/heads.py",
        "for path in (self.path, *self._others)", "for path in (self.path,)",
        ("tests/node/test_client_keys.py",),
    ),
    Break(
        "who knows the new key alone begins afresh", "node/heads.py",
        "sorted(found or self._adopted(),", "sorted(found,",
        ("tests/node/test_client_keys.py",),
    ),
    Break(
        "two files of one log aren't compared", "node/client.py",
        "                self._join(heads[0], other)\n", "                pass\n",
        ("tests/node/test_client_keys.py",),
    ),
    Break(
        "a note that says more of the same head is thrown away", "node/client.py",
        "(new.size == old.checkpoint.size and not _says_more(data, old))", "new.size == old.checkpoint.size",
        ("tests/node/test_client_keys.py",),
    ),
    Break(
        "a closed log takes records", "ledger/append.py",
        "        if self._ledger.is_closed:\n", "        if False:\n",
        ("tests/ledger/test_closed.py",),
    ),
    Break(
        "a closed log keeps conflicts", "ledger/append.py",
        "        self._check_open()\n        self._keep_conflict(prepared)\n",
        "        self._keep_conflict(prepared)\n",
        ("tests/ledger/test_closed.py",),
    ),
    Break(
        "an audit lets a log go on after its end", "node/cli/audit.py",
        "    if closing is not None and not closing.allows(checkpoint):\n", "    if False:\n",
        ("tests/node/test_client_keys.py",),
    ),
    Break(
        "a start forgets that the log is closed", "node/server.py",
        "    ledger.is_closed = True\n", "",
        ("tests/node/test_close.py",),
    ),
    Break(
        "a closed log's database may be another one", "node/server.py",
        "    if (ledger.size, ledger.tree.root) != (closing.size, closing.root):\n", "    if False:\n",
        ("tests/node/test_close.py",),
    ),
    Break(
        "a closed log opens without closed.json", "node/logfolder.py",
        "    return closed or recorded\n", "    return closed\n",
        ("tests/node/test_close.py",),
    ),
    Break(
        "a log's end isn't put on record", "node/logfolder.py",
        "    signer.end(closed.note, closed.checkpoint)\n", "",
        ("tests/node/test_close.py",),
    ),
    Break(
        "the end on record is another head's", "ledger/signrecord.py",
        "            if (end.size, end.root) != (checkpoint.size, checkpoint.root):\n", "            if False:\n",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "a head is signed after the log's end", "ledger/signrecord.py",
        "            if last.closing is not None and size > last.size:\n", "            if False:\n",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "a second key's signature takes the log's end off the record", "ledger/signrecord.py",
        "note, last.closing if last is not None else None))", "note))",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "the clock's override passes over a wrong database", "ledger/signrecord.py",
        "        if last is None:\n            return\n        if last.size > tree.size",
        "        if last is None or clock_back:\n            return\n        if last.size > tree.size",
        ("tests/ledger/test_signrecord.py",),
    ),
    Break(
        "a resumed submit counts as its own what was logged before", "node/submit.py",
        "            if batch.first < before:\n", "            if False:\n",
        ("tests/node/test_cli_submit.py",),
    ),
    Break(
        "the log is marked as closed before it has signed", "node/ending.py",
        "checkpoint = node.signer.sign(node.ledger.size, node.ledger.tree.root)",
        "checkpoint = node.signer.last.note",
        ("tests/node/test_close.py",),
    ),
    Break(
        "other keys are erased before the log's own", "node/ending.py",
        "for name in (LOG_KEY_FILE, *others)", "for name in (*others, LOG_KEY_FILE)",
        ("tests/node/test_close.py",),
    ),
)  # fmt: skip

WATCH_BREAKS = (
    Break(
        "a node whose writer failed is ready", "node/health.py",
        "    if writer.failed is not None or not writer.is_alive:\n", "    if False:\n",
        ("tests/node/test_health.py",),
    ),
    Break(
        "a full disk is no reason", "node/health.py",
        "disk.f_bavail * disk.f_frsize < config.disk_free_bytes_min:", "disk.f_bavail < 0:",
        ("tests/node/test_health.py",),
    ),
    Break(
        "check workers that died stay away", "node/checkers.py",
        "            worker = await self._replace()\n", "            return\n",
        ("tests/node/test_health.py",),
    ),
    Break(
        "a worker whose answer is outstanding is used again", "node/checkers.py",
        "            _kill(worker)\n            raise\n",
        "            self._idle.put_nowait(worker)\n            raise\n",
        ("tests/node/test_checkers.py",),
    ),
    Break(
        "answers sent again count as taken", "node/tally.py",
        "            elif result.repeated:\n", "            elif False:\n",
        ("tests/node/test_metrics.py",),
    ),
    Break(
        "every path has figures of its own", "node/app.py",
        "    route = UNMATCHED if resource is None else resource.canonical\n", "    route = request.path\n",
        ("tests/node/test_metrics.py",),
    ),
    Break(
        "metrics answer on the main port unasked", "node/routes/operate.py",
        'context is not None and context.config.metrics == "main":', "context is not None:",
        ("tests/node/test_metrics.py",),
    ),
    Break(
        "a value belongs to the bucket before its own", "node/tally.py",
        "self.counts[bisect_left(self.bounds, value)] += 1", "self.counts[bisect_left(self.bounds, value) - 1] += 1",
        ("tests/node/test_metrics.py",),
    ),
    Break(
        "minutes tell how many days the disk lasts", "node/vitals.py",
        "GROWTH_S_MIN = 1800.0\n", "GROWTH_S_MIN = 1.0\n",
        ("tests/node/test_vitals.py",),
    ),
    Break(
        "access lines have the arguments", "node/app.py",
        '"%s %s %s %.4f s", request.method[:20], request.path[:200],',
        '"%s %s %s %.4f s", request.method[:20], request.path_qs[:200],',
        ("tests/node/test_logs.py",),
    ),
    Break(
        "a stranger's line end begins a line", "node/logs.py",
        "{safe_line(record.getMessage())}\"", "{record.getMessage()}\"",
        ("tests/node/test_logs.py",),
    ),
    Break(
        "the API document forgets an argument", "node/openapi.py",
        '{"from": DECIMAL, "to": DECIMAL}, required', '{"from": DECIMAL}, required',
        ("tests/node/test_openapi.py",),
    ),
    Break(
        "the API document has another type", "node/openapischemas.py",
        '            "leaf": HEX,\n', '            "leaf": COUNT,\n',
        ("tests/openapi/test_openapi.py",),
    ),
    Break(
        "an alarm on a figure that nobody gives", "docs/operations/alerts.yml",
        "expr: usance_writer_failed == 1", "expr: usance_writer_broken == 1",
        ("tests/node/test_metrics.py",),
    ),
    Break(
        "the unit kills the check workers, too", "docs/operations/usance.service",
        "KillMode=mixed", "KillMode=control-group",
        ("tests/test_unit_file.py",),
    ),
    Break(
        "the runbook knows no forks", "docs/operations.md",
        "| `this database is a fork` |", "| `this database is odd` |",
        ("tests/test_operations_docs.py",),
    ),
)  # fmt: skip

BACKUP_BREAKS = (
    Break(
        "a backup counts whatever its root", "node/backup.py",
        "            if tree.root() != checkpoint.root:\n", "            if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "bundles aren't compared with the tiles", "node/backup.py",
        "            if len(completed) > tiles.TILE_HEIGHT and completed", "            if False and completed",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "what a cut run left is believed", "node/backup.py",
        "or not _fits(tree, leaves, read):", "or False:",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a fork is backed up behind the log", "node/backup.py",
        "    if not is_same:\n", "    if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "anybody signs a backup", "node/backup.py",
        "    keys.open_checkpoint(reader.mark.note)\n    return", "    return",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "made-up conflicts are kept", "node/backupbeside.py",
        "    ed25519.check(conflict.key, conflict.lines, conflict.signature)\n", "",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a checkpoint is written before what it vouches for", "node/backupwriter.py",
        "        self._sync()\n        payload = backupfile.pack_mark", "        payload = backupfile.pack_mark",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a log that shows an end and a larger head is backed up", "node/backup.py",
        "    if not closing.allows(checkpoint):\n", "    if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a backup goes on behind the log's end", "node/backup.py",
        "        if ended is not None and not ended.allows(checkpoint):\n", "        if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a tail isn't asked for the log's end", "node/restore.py",
        "            self._beside = tail.beside()\n", "",
        ("tests/node/test_restore.py",),
    ),
    Break(
        "a conflict's lines may be anything signed", "node/backupbeside.py",
        "    if conflict.lines != _batch_lines(conflict, origin):\n", "    if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "without a sign record witnesses may be silent", "node/server.py",
        "        if signer.last is None and closed is None and silent:\n", "        if False:\n",
        ("tests/node/test_startup.py",),
    ),
    Break(
        "damage is taken for a tail", "node/backupfile.py",
        "                if self._goes_on(offset):\n", "                if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a payload's checksum isn't looked at", "node/backupfile.py",
        "        if len(data) != block.length or zlib.crc32(data) != block.crc:\n",
        "        if len(data) != block.length:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "entries in a backup needn't hash to its root", "node/backupfile.py",
        "                if check_roots and mark.peaks != tree.hashes:\n", "                if False:\n",
        ("tests/node/test_backup.py",),
    ),
    Break(
        "a restore goes on without what was signed", "node/restore.py",
        "    if size > sources.size:\n        raise", "    if False:\n        raise",
        ("tests/node/test_restore.py",),
    ),
    Break(
        "a fork of what was signed is restored", "node/restore.py",
        "    if sources.root_at(size) != root:\n", "    if False:\n",
        ("tests/node/test_restore.py",),
    ),
    Break(
        "a restore asks no witness", "node/restore.py",
        "    for who, seen in witnessed():\n", "    for who, seen in ():\n",
        ("tests/node/test_restore.py",),
    ),
    Break(
        "a running node isn't noticed by a restore", "node/restore.py",
        "    if _is_held(database):\n", "    if False:\n",
        ("tests/node/test_restore.py",),
    ),
    Break(
        "a closed log is restored open", "node/restore.py",
        "        keep_closed(folder, signer, closed)\n", "        pass\n",
        ("tests/node/test_restore.py",),
    ),
    Break(
        "every thread rebuilds a batch for itself", "ledger/reader.py",
        "        with self._cache.rebuilding:\n", "        with threading.Lock():\n",
        ("tests/ledger/test_reader.py",),
    ),
    Break(
        "a long body gets a short head", "proofs/entry.py",
        'length.to_bytes(2, "big") if length < 65_536 else', 'length.to_bytes(2, "big") if length < 65_535 else',
        ("tests/proofs/test_entry.py",),
    ),
)  # fmt: skip

OPERATE_BREAKS = (*BACKUP_BREAKS, *LOG_KEY_BREAKS, *WATCH_BREAKS)
