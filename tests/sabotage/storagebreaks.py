"""One-line defects of rebuilding, checking, repairing and migrating databases, as in breaks.py."""

from tests.sabotage.breaks import Break

FSCK = ("tests/ledger/test_fsck.py",)
REPAIR = ("tests/node/test_fsck.py",)
MIGRATE = ("tests/node/test_migrate.py",)

STORAGE_BREAKS = (
    Break(
        "audit doesn't compare paths", "ledger/examine.py",
        "        if made != came:\n", "        if False:\n",
        ("tests/ledger/test_replay.py",),
    ),
    Break(
        "a lost examiner's batches are taken for good", "node/examiners.py",
        "found = [examine(origin, entries) for origin, entries, _ in chunk]", "found = [Examined() for _ in chunk]",
        ("tests/node/test_examiners.py",),
    ),
    Break(
        "what was flushed may not be written yet", "ledger/bulk.py",
        "        self._hand_over()\n        self._wait()\n", "        self._hand_over()\n",
        ("tests/ledger/test_bulk.py",),
    ),
    Break(
        "a large store forgets what it is writing", "ledger/bulk.py",
        "        self._buffer = Overlay(self._written)\n        rows",
        "        self._buffer = Overlay(self._store)\n        rows",
        ("tests/ledger/test_bulk.py",),
    ),
    Break(
        "what was forgotten was never there", "ledger/store.py",
        "        self._is_whole = self._is_whole and not self._older\n", "",
        ("tests/ledger/test_store.py",),
    ),
    Break(
        "rows in memory aren't told of writes", "ledger/store.py",
        "                    self._age()\n                self._rows[key] = value\n",
        "                    self._age()\n",
        ("tests/ledger/test_store.py",),
    ),
    Break(
        "examining slows the search for garbage for ever", "node/examiners.py",
        "            gc.set_threshold(*self._collect_every)\n", "            pass\n",
        ("tests/node/test_examiners.py",),
    ),
    Break(
        "a rebuilt database may have another root", "ledger/rebuild.py",
        "            if made.root != root:\n", "            if False:\n",
        ("tests/ledger/test_rebuild.py",),
    ),
    Break(
        "a rebuild loses conflicts", "ledger/rebuild.py",
        "            bulk.write(_checked_conflicts(bulk, conflicts))\n",
        "            _checked_conflicts(bulk, conflicts)\n",
        ("tests/ledger/test_rebuild.py", *MIGRATE),
    ),
    Break(
        "half a rebuild is left behind", "ledger/rebuild.py",
        "            shutil.rmtree(folder)\n        raise", "            pass\n        raise",
        ("tests/ledger/test_rebuild.py",),
    ),
    Break(
        "fsck doesn't look at what was signed", "ledger/fsck.py",
        "    if root != signed.root:\n", "    if False:\n",
        FSCK,
    ),
    Break(
        "fsck takes entries for whole that end too early", "ledger/fsck.py",
        "        if head is not None and head > replay.size:\n", "        if False:\n",
        FSCK,
    ),
    Break(
        "fsck names a missing entry before an earlier wrong one", "ledger/fsck.py",
        "    replay.finish()  # an earlier", "    if missing is None:\n        replay.finish()  # an earlier",
        FSCK,
    ),
    Break(
        "rows of no known sort are not seen", "ledger/rowcheck.py",
        "        _check_unknown(held, found)\n", "        pass\n",
        FSCK,
    ),
    Break(
        "a conflict needs no signature", "ledger/rowcheck.py",
        "    except (InputError, ValueError, TypeError, AttributeError):\n        return False\n",
        "    except (InputError, ValueError, TypeError, AttributeError):\n        return True\n",
        FSCK,
    ),
    Break(
        "a repair makes do with what is left of a log", "node/fsck.py",
        "    if not checked.can_rebuild:\n        return \"\"\n", "",
        REPAIR,
    ),
    Break(
        "log.key needn't be the key of log.vkey", "node/fsck.py",
        "    elif key is not None and signing is not None and key not in signing.public:\n", "    elif False:\n",
        REPAIR,
    ),
    Break(
        "a migrated database may end before what was signed", "node/fsck.py",
        "        if not is_same or (signed is not None and ledger.root_at(signed.size) != signed.root):\n",
        "        if not is_same:\n",
        MIGRATE,
    ),
    Break(
        "a newer program's database is taken for ours", "ledger/append.py",
        "    if version == STORE_VERSION:\n        return\n",
        "    if version is not None and version >= STORE_VERSION:\n        return\n",
        MIGRATE,
    ),
    Break(
        "a swap that was cut stays so", "ledger/swap.py",
        "    _rename(new, path)\n    return", "    return",
        (*REPAIR, *MIGRATE),
    ),
    Break(
        "what a swap replaces is overwritten", "ledger/swap.py",
        "    if os.path.exists(os.path.join(folder, kept)):\n", "    if False:\n",
        (*REPAIR, *MIGRATE),
    ),
    Break(
        "a database is swapped in before it is whole", "ledger/swap.py",
        "    _rename(os.path.join(folder, MAKING), new)\n    _rename(path, os.path.join(folder, kept))\n",
        "    _rename(path, os.path.join(folder, kept))\n    _rename(os.path.join(folder, MAKING), new)\n",
        (*REPAIR, *MIGRATE),
    ),
    Break(
        "a database that a node has opened meanwhile is replaced", "ledger/swap.py",
        "is_free = opening(folder) == opened", "is_free = True",
        REPAIR,
    ),
    Break(
        "an old db.new may come to stand in db's place", "node/server.py",
        "        swap.drop_stale(folder)\n", "",
        REPAIR,
    ),
    Break(
        "a closed log's end isn't what was signed last", "node/fsck.py",
        "    signed = files.last_signed\n", "    signed = files.signed\n",
        REPAIR,
    ),
    Break(
        "a key is accused of its own batch", "ledger/rebuild.py",
        " or _is_logged(view, key, first, lines):", ":",
        ("tests/ledger/test_rebuild.py",),
    ),
    Break(
        "a folder named lock is held", "ledger/leveldb.py",
        "    if said.startswith(HELD):", "    if \"lock\" in said.lower():",
        ("tests/ledger/test_store.py",),
    ),
    Break(
        "flipped bits in tables are read", "ledger/leveldb.py",
        "self._reads.get(key, verify_checksums=True)", "self._reads.get(key, verify_checksums=False)",
        ("tests/node/test_bitflips.py",),
    ),
)  # fmt: skip
