"""One-line defects of admission, quotas, tokens and TLS, as in breaks.py."""

from tests.sabotage.breaks import Break

ADMISSION_BREAKS = (
    Break(
        "a burst is let through again and again", "node/quotas.py",
        "        row[kind] = max(row[kind], now) + amount / rate.per_s\n",
        "        row[kind] = now + amount / rate.per_s\n",
        ("tests/node/test_quotas.py",),
    ),
    Break(
        "who was forgotten begins anew", "node/quotas.py",
        "            row = self._earned[party] = list(self._forgotten)\n",
        "            row = self._earned[party] = [0.0] * len(Kind)\n",
        ("tests/node/test_quotas.py",),
    ),
    Break(
        "a refusal counts against its party", "node/quotas.py",
        "            if over is None:\n                for kind, amount in amounts.items():\n"
        "                    self._count(party, kind, amount, now)\n            return over\n",
        "            for kind, amount in amounts.items():\n                self._count(party, kind, amount, now)\n"
        "            return over\n",
        ("tests/node/test_quotas.py",),
    ),
    Break(
        "the shortest wait is named", "node/quotas.py",
        "wait_s > over.wait_s):", "wait_s < over.wait_s):",
        ("tests/node/test_quotas.py",),
    ),
    Break(
        "repeats know no quota", "node/admission.py",
        "            if key in late_keys or quotas.take(",
        "            if key in late_keys or quotas is self.quotas and quotas.take(",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "repeats spend what there is for new records", "node/admission.py",
        "                quotas = self.repeats if batch.first < following else quotas\n", "",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "what was taken isn't noted", "node/routes/writes.py",
        "    context.gate.note(batches, results)\n", "",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "every key has a quota of its own", "node/admission.py",
        "(row.party, row.next) for key in keys if", "(key, row.next) for key in keys if",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "strangers have a quota each", "node/admission.py",
        "                party = key if key in joining else EVERYBODY\n", "                party = key\n",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "later batches of a key are left to leave a gap", "node/admission.py",
        "            if key in late_keys or quotas.take(", "            if quotas.take(",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "anybody may join at any rate", "node/admission.py",
        "None if self._listed is not None else self._take(self.quotas, EVERYBODY, {Kind.JOINS: 1})", "None",
        ("tests/node/test_admission.py",),
    ),
    Break(
        "steps of refused batches are free", "ledger/append.py",
        "        try:\n            return self._judge(state, context, prepared)\n        finally:\n"
        "            ledger.budget.spend(context.party, context.steps)\n",
        "        found = self._judge(state, context, prepared)\n"
        "        ledger.budget.spend(context.party, context.steps)\n        return found\n",
        ("tests/ledger/test_budget.py",),
    ),
    Break(
        "the writer's quota isn't asked", "ledger/append.py",
        "        ledger.budget.check(context.party)\n", "",
        ("tests/ledger/test_budget.py",),
    ),
    Break(
        "the list isn't read again", "node/admission.py",
        '        self._listed = listed if config.mode == "listed" else None\n',
        '        self._listed = self._listed or (listed if config.mode == "listed" else None)\n',
        ("tests/node/test_admission.py",),
    ),
    Break(
        "bundles are hashes", "node/readers.py",
        'return not request.match_info["path"].startswith(BUNDLES)', "return True",
        ("tests/node/test_readers.py",),
    ),
    Break(
        "reading records is writing them", "node/readers.py",
        '"/records POST"', '"/records"',
        ("tests/node/test_readers.py",),
    ),
    Break(
        "the beginning of a token will do", "node/readers.py",
        "match = _BEARER.fullmatch(given[0])", "match = _BEARER.match(given[0])",
        ("tests/node/test_readers.py",),
    ),
    Break(
        "a token's hash is a token", "node/tokens.py",
        "        digest = _digest(text)\n", "        digest = text if _HEX.fullmatch(text) else _digest(text)\n",
        ("tests/node/test_readers.py",),
    ),
    Break(
        "removed tokens go on to read", "node/tokens.py",
        "        if seen == self._seen:\n", "        if seen is not None:\n",
        ("tests/node/test_readers.py",),
    ),
    Break(
        "a stream outlives its token", "node/routes/reads.py",
        "while not context.stopping.is_set() and context.readers.allows(request):",
        "while not context.stopping.is_set():",
        ("tests/node/test_readers.py",),
    ),
    Break(
        "caches may answer others", "node/app.py",
        'if "public" in kept and asked.tokens', 'if "nothing" in kept and asked.tokens',
        ("tests/node/test_readers.py",),
    ),
    Break(
        "an expired certificate is served", "node/tls.py",
        "        if not_after_s <= self._clock():\n", "        if False:\n",
        ("tests/node/test_tls.py",),
    ),
    Break(
        "a TLS key may be read by others", "node/tls.py",
        "    if is_secret and mode & 0o077:\n", "    if False:\n",
        ("tests/node/test_tls.py",),
    ),
    Break(
        "handshakes don't count as connections", "node/listener.py",
        "takes_connection(len(self._beginning))", "takes_connection(0)",
        ("tests/node/test_tls.py",),
    ),
    Break(
        "a bad certificate is tried again", "node/transport.py",
        "            except ssl.SSLCertVerificationError as error:\n",
        "            except ZeroDivisionError as error:\n",
        ("tests/node/test_tls.py",),
    ),
    Break(
        "the access log shows headers", "node/app.py",
        'request.method[:20], request.path[:200], status, seconds,\n',
        'request.method[:20], dict(request.headers), status, seconds,\n',
        ("tests/node/test_secrets.py",),
    ),
    Break(
        "room has no end", "node/room.py",
        "            while self.used and self.used + count > self._bytes_max:\n", "            while False:\n",
        ("tests/node/test_room.py",),
    ),
)  # fmt: skip
