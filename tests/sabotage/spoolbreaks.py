"""One-line defects of the spool's reading and sending half, as in breaks.py; their tests are the quick ones."""

from tests.sabotage.breaks import Break

SEGMENT, SEND = "tests/node/test_spool_segment.py", "tests/node/test_spool_send.py"
FOLDER, CRASH = "tests/node/test_spool_folder.py", "tests/node/test_spool_crash.py"
CLI = "tests/node/test_cli_spool.py"

SPOOL_BREAKS = (
    Break(
        "a changed length is a record cut short", "node/spool/segment.py",
        "length > BODY_BYTES_MAX or zlib.crc32(_PLACE.pack(self.position, length, crc)) != check",
        "length > BODY_BYTES_MAX", (SEGMENT,),
    ),
    Break(
        "a changed body is a record", "node/spool/segment.py",
        "            if zlib.crc32(body) != crc:\n", "            if False:\n", (SEGMENT,),
    ),
    Break(
        "whatever stands at the end is a torn tail", "node/spool/segment.py",
        "            if piece.count(0) != len(piece):\n", "            if False:\n", (SEGMENT,),
    ),
    Break(
        "a segment that became shorter is settled", "node/spool/segment.py",
        "        if os.fstat(self._file.fileno()).st_size < self.position:\n", "        if False:\n", (FOLDER,),
    ),
    Break(
        "a batch leaves before it is noted", "node/spool/sender.py",
        "load.marks)\n                self._state.save()\n", "load.marks)\n", (SEND, CRASH),
    ),
    Break(
        "a segment is deleted under its writer", "node/spool/sender.py",
        "if self._read(name, file, load) and alone:", "if self._read(name, file, load):", (SEND,),
    ),
    Break(
        "a refused batch is sent again after a crash", "node/spool/sender.py",
        "if self._state.flight is not None and not any(map(self._is_dead, self._state.flight.places)):",
        "if self._state.flight is not None:", (SEND,),
    ),
    Break(
        "a record whose letter is gone is sent again", "node/spool/sender.py",
        "return place in self._letters or place in self._state.passed", "return place in self._letters", (SEND,),
    ),
    Break(
        "letters of other senders are written over", "node/spool/sender.py",
        "        self._dead = DeadLetters(self._folder.file(DEAD_FILE))  # made anew",
        '        self._dead = getattr(self, "_dead", None) or DeadLetters(self._folder.file(DEAD_FILE))  # kept',
        (SEND,),
    ),
    Break(
        "a copy of a segment is logged as well", "node/spool/sender.py",
        "        if header.id in load.marks:  # a copy", "        if False:  # a copy", (FOLDER,),
    ),
    Break(
        "a batch that holds a letter outlives it", "node/spool/refill.py",
        "    _let_go(folder, gone)\n", "", (SEND,),
    ),
    Break(
        "a refused record is forgotten", "node/spool/sender.py",
        "        self._dead.add(make_letter(place, self._header_of(place), body, problem, at_ms=self._now_ms()))\n", "",
        (SEND,),
    ),
    Break(
        "large batches for bad records", "node/spool/sender.py",
        "        self.now = max(1, self.now // 2)\n", "        pass\n", (SEND,),
    ),
    Break(
        "newer terms are never agreed to", "node/spool/sender.py",
        "            if self._client.checkpoint().size > flight.batch.size:\n", "            if False:\n", (SEND,),
    ),
    Break(
        "a mended file begins anew", "node/spool/sender.py",
        '            self._settled.put(header.id, Mark(done, digest_of(file, done) if size >= done else ""))\n',
        "            pass\n", (FOLDER,),
    ),
    Break(
        "a plan of a retry is left lying", "node/spool/sender.py",
        "        finish_retry(self._folder)\n", "", (CRASH,),
    ),
    Break(
        "a spool goes to whatever log", "node/spool/sender.py",
        "        if self._state.log not in self._logs:\n", "        if False:\n", (FOLDER,),
    ),
    Break(
        "records go out under another's key", "node/spool/refill.py",
        "    if header.key is not None and header.key not in keys:\n", "    if False:\n", (FOLDER, CLI),
    ),
    Break(
        "records go to another log", "node/spool/refill.py",
        "    if header.vkey not in logs:\n", "    if False:\n", (FOLDER, CLI),
    ),
    Break(
        "an imported file is forgotten once it is sent", "node/spool/refill.py",
        "            settled.put(reader.header.id, settled.get(reader.header.id))\n", "            pass\n", (CLI,),
    ),
    Break(
        "any file of a known id is the known one", "node/spool/refill.py",
        "    if digest and size >= before and digest_of(file, before) != digest:\n", "    if False:\n", (CLI,),
    ),
    Break(
        "letters are removed before they are back", "node/spool/refill.py",
        '        if row["name"] not in there:', '        if row["name"] in there:', (CLI,),
    ),
    Break(
        "a changed state counts", "node/spool/state.py",
        "        if sha256(data[_HASH_BYTES:]).digest() != data[:_HASH_BYTES]:\n", "        if False:\n", (FOLDER,),
    ),
    Break(
        "two senders at once", "node/spool/folder.py",
        "                if _lock(handle):\n", "                if True:\n", (SEND,),
    ),
    Break(
        "newer segments go first", "node/spool/folder.py",
        "        return sorted(names)\n", "        return sorted(names, reverse=True)\n", (SEND,),
    ),
    Break(
        "a piece of a letter stays before the next one", "node/spool/deadletters.py",
        "                os.ftruncate(handle, good)\n                os.lseek(handle, good, os.SEEK_SET)\n",
        "                os.lseek(handle, 0, os.SEEK_END)\n", (FOLDER,),
    ),
    Break(
        "what a key may not sign yet is given up", "node/sending.py",
        "        return Sent(taken, left_open=problem)\n", "        return Sent(taken, problem)\n", (SEND,),
    ),
    Break(
        "a busy node has refused", "node/sending.py",
        "        if problem.status == 429 or problem.status >= 500:\n", "        if False:\n",
        (SEND, "tests/node/test_cli_submit.py"),
    ),
    Break(
        "what is too large for a proxy stops everything", "node/sending.py",
        "            if error.status != 413 or count == 1:\n", "            if True:\n", (SEND,),
    ),
    Break(
        "a number that others used is used again and again", "node/sending.py",
        "        last = batches[-1]\n        self._number = None\n", "        last = batches[-1]\n", (SEND,),
    ),
    Break(
        "nobody is told why records wait", "node/spool/sender.py",
        "                note_try(note, LastTry(self._now_ms(), why_not_sent(error)))\n", "", (CLI,),
    ),
    Break(
        "a reason for waiting stays when it is over", "node/spool/sender.py",
        '            note_try(note, LastTry(self._now_ms(), "", drained.kept))\n', "", (CLI,),
    ),
)  # fmt: skip
