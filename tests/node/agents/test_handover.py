"""Run twice, pay once: killed or failing at every call that touches the disk, each payment reaches the bank once."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.errors import StorageError
from node.agents.csvpay import CsvPayments
from node.agents.handed import HandedJournal
from node.agents.handover import Handover, handed_before
from node.agents.payments import Order, prepare
from node.agents.payrun import PayRun, hand_over, plan
from node.errors import FileError
from proofs.errors import InputError, InvariantError, RetryableError, UsanceError
from tests.node.agents.killed import CALLS, ORDERS, count_calls
from tests.node.agents.support import ACCOUNTS, BOOK, EUR_CENT, LATER, PAYEES, TIMING, order

ROOT = Path(__file__).resolve().parents[3]
PREPARED = prepare(CsvPayments(), ORDERS, BOOK, TIMING)
FILE = PREPARED.file
REAL = {name: getattr(os, name) for name in CALLS}
CALLS_MAX = 60


class Crash(BaseException):
    """The end of the process: no code of ours catches it."""


class Bank:
    """A state folder, an outbox, and a bank that takes each file away as soon as it sees it."""

    def __init__(self, folder: Path, *, takes: bool = True) -> None:
        self.state, self.outbox = folder / "state", folder / "outbox"
        self.outbox.mkdir()
        self.takes = takes
        self.taken: list[tuple[str, bytes]] = []

    def look(self) -> None:
        """Take what is there; hidden files are none of the bank's."""
        for path in sorted(self.outbox.iterdir()):
            if not path.name.startswith("."):
                self.taken.append((path.name, path.read_bytes()))
                if self.takes:
                    path.unlink()

    def run(self, orders: list[Order] = ORDERS, *, late: bool = False) -> PayRun:
        """One run; a late one has another day and hence other bytes."""
        timing = LATER if late else TIMING
        return hand_over(
            orders, adapter=CsvPayments(), payees=BOOK, timing=timing, state=str(self.state), outbox=str(self.outbox)
        )

    def journal(self) -> list[str]:
        """The references in the journal."""
        return [line.split()[0] for line in (self.state / "handed").read_text().splitlines()[1:]]

    def check_done(self) -> None:
        """Everything was handed over, once, and nothing is left lying about."""
        assert FILE is not None
        assert [name for name, _ in self.taken] == [FILE.name]
        assert sorted(self.journal()) == sorted(one.reference for one in ORDERS)
        assert sorted(path.name for path in self.state.iterdir()) == ["handed", "lock"]
        assert all(path.name == FILE.name for path in self.outbox.iterdir())
        assert self.run(late=True).files == ()


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A bank that takes files away."""
    return Bank(tmp_path)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[int, bool], None] | None], None]]:
    """Puts counted versions of the calls in place, or the real ones back."""

    def install(at: Callable[[int, bool], None] | None) -> None:
        for name, call in (REAL if at is None else count_calls(at)).items():
            monkeypatch.setattr(os, name, call)

    yield install
    install(None)


def number_of_calls(tmp_path: Path, calls: Callable) -> int:
    """How many calls a run makes."""
    bank = Bank(tmp_path)
    seen = []
    calls(lambda number, _done: seen.append(number))
    bank.run()
    calls(None)
    return max(seen)


def test_a_run_hands_over_and_a_second_one_does_not(bank: Bank) -> None:
    """The file is the adapter's, with mode 0600; the next run finds all of it handed over, in whatever sequence."""
    done = bank.run()
    assert done.files == (FILE,)
    assert FILE is not None
    assert (bank.outbox / FILE.name).stat().st_mode & 0o777 == 0o600
    assert bank.state.stat().st_mode & 0o777 == 0o700
    again = bank.run(ORDERS[::-1], late=True)
    assert (again.files, again.refused, again.recovered) == ((), (), None)
    assert {handed.order for handed in again.earlier} == set(ORDERS)
    assert {handed.file for handed in again.earlier} == {FILE.name}
    bank.look()
    assert bank.taken == [(FILE.name, FILE.data)]
    bank.check_done()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("takes", [True, False], ids=["taken away", "left"])
@pytest.mark.parametrize("fails", [False, True], ids=["dies", "fails"])
def test_each_payment_is_handed_over_once_whatever_call_fails(
    tmp_path: Path, calls: Callable, when: str, takes: bool, fails: bool
) -> None:
    """At every call in turn the process dies, or the call fails (done or not): the next run completes it, once.

    The bank looks at the outbox in between. Once an intent is durable, the file has its bytes, though the next run is
    on another day.
    """
    (tmp_path / "count").mkdir()
    last = number_of_calls(tmp_path / "count", calls)
    assert last > 15
    for number in range(1, last + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        bank = Bank(folder, takes=takes)

        def at(count: int, done: bool, number: int = number) -> None:
            if count == number and done == (when == "after"):
                raise OSError(errno.EIO, "injected") if fails else Crash

        calls(at)
        try:
            bank.run()
        except Crash:
            assert not fails
        except UsanceError:
            assert fails
        calls(None)
        bank.look()
        intent_kept = (bank.state / "intent").exists()
        started = intent_kept or bool(bank.taken) or (bank.state / "handed").exists()
        if not takes:
            bank.taken.clear()
        done = bank.run(late=True)
        bank.look()
        assert (done.recovered is not None) == intent_kept, number
        assert bool(done.files) == (not started), number
        if started:
            assert FILE is not None
            assert bank.taken == [(FILE.name, FILE.data)], number
        bank.check_done()


def test_killed_processes_hand_over_once(tmp_path: Path, long_run: bool) -> None:
    """The same with a real process and SIGKILL."""
    last = 0
    for number in range(1, CALLS_MAX) if long_run else (4, 9, 12, 15, 18, 21, 24, 99):
        for when in ("before", "after") if long_run else ("after",):
            folder = tmp_path / f"{number}-{when}"
            folder.mkdir()
            bank = Bank(folder)
            command = [sys.executable, "-m", "tests.node.agents.killed", str(bank.state), str(bank.outbox)]
            done = subprocess.run([*command, str(number), when], cwd=ROOT, timeout=60, check=False)
            assert done.returncode in (0, -9)
            last = done.returncode
            bank.look()
            bank.run(late=True)
            bank.look()
            bank.check_done()
    assert last == 0, "the last one should have run to its end"


def test_the_disk_sees_the_steps_in_order(bank: Bank, calls: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a later step rests on was synced before: the file before its rename, the journal before the intent goes."""
    steps: list[str] = []
    names = {"intent.tmp": "intent", "handed": "journal"}
    opened: dict[int, str] = {}

    def opening(path: str, *args: int) -> int:
        handle = REAL["open"](path, *args)
        opened[handle] = names.get(os.path.basename(path), os.path.basename(path))
        return handle

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(f"sync {opened[handle]}") or REAL["fsync"](handle))
    monkeypatch.setattr(
        os, "rename", lambda old, new: steps.append(f"rename {Path(new).name}") or REAL["rename"](old, new)
    )

    def removing(path: str) -> None:
        if not str(path).endswith(".tmp"):  # what a file that is made anew might have left
            steps.append(f"remove {Path(path).name}")
        REAL["unlink"](path)

    monkeypatch.setattr(os, "unlink", removing)
    bank.run()
    assert FILE is not None
    intent = ["sync intent", "rename intent", "sync state"]
    start = steps.index("sync intent")
    assert steps[start:] == [
        *intent, f"sync .{FILE.name}.part", "sync outbox", *intent, f"rename {FILE.name}", "sync outbox",
        "sync journal", "sync state", "remove intent", "sync state",
    ]  # fmt: skip


def test_a_dry_run_writes_nothing(bank: Bank) -> None:
    """It tells what a run would do, before and after one, and leaves no trace."""
    first = plan(ORDERS, adapter=CsvPayments(), payees=BOOK, timing=TIMING, state=str(bank.state))
    assert first.files == (FILE,)
    assert not bank.state.exists()
    bank.run()
    second = plan(ORDERS, adapter=CsvPayments(), payees=BOOK, timing=TIMING, state=str(bank.state))
    assert (second.files, len(second.earlier)) == ((), len(ORDERS))


def test_a_dry_run_counts_what_a_crash_left(bank: Bank, calls: Callable) -> None:
    """An intent that stands is as good as handed over, though the journal doesn't have it yet."""

    def at(number: int, done: bool) -> None:
        if (bank.state / "intent").exists() and not done:
            raise Crash

    calls(at)
    with pytest.raises(Crash):
        bank.run()
    calls(None)
    assert {handed.order for handed in handed_before(str(bank.state), ORDERS)} == set(ORDERS)


def test_only_new_orders_are_handed_over(bank: Bank) -> None:
    """A run with some old and some new statements makes a file of the new ones."""
    bank.run()
    new = order(40)
    done = bank.run([*ORDERS, new], late=True)
    assert [file.orders for file in done.files] == [(new,)]
    assert len(done.earlier) == len(ORDERS)


def test_refused_orders_stay_free(bank: Bank) -> None:
    """What the adapter refuses is told with the reason and may be paid by a later run."""
    odd = order(41, payee=5)
    done = bank.run([ORDERS[0], odd])
    assert [refused.order for refused in done.refused] == [odd]
    assert not handed_before(str(bank.state), [odd])


@pytest.mark.parametrize("change", ["amount", "payee", "currency"])
def test_a_statement_with_other_figures_is_refused(bank: Bank, change: str) -> None:
    """The same statement with another amount, payee or currency is neither paid nor passed over."""
    bank.run()
    other = {
        "amount": order(0, amount=EUR_CENT),
        "payee": order(0, payee=1),
        "currency": order(0, currency="USD"),
    }[change]
    with pytest.raises(InputError, match="other figures"):
        bank.run([other])
    with pytest.raises(InputError, match="other figures"):
        plan([other], adapter=CsvPayments(), payees=BOOK, timing=TIMING, state=str(bank.state))


def test_a_second_process_is_refused(bank: Bank) -> None:
    """While one holds the state folder, another run and a dry run say so and do nothing."""
    with Handover(str(bank.state)):
        with pytest.raises(RetryableError, match="another program"):
            bank.run()
        with pytest.raises(RetryableError, match="another program"):
            handed_before(str(bank.state), ORDERS)
    assert bank.run().files == (FILE,)


def test_a_file_of_that_name_in_the_outbox_is_refused(bank: Bank) -> None:
    """It was handed over with a state that is lost: nothing is overwritten, nothing is written."""
    assert FILE is not None
    (bank.outbox / FILE.name).write_bytes(b"an earlier one")
    with pytest.raises(FileError, match="exists already"):
        bank.run()
    assert (bank.outbox / FILE.name).read_bytes() == b"an earlier one"
    assert sorted(path.name for path in bank.state.iterdir()) == ["lock"]
    (bank.outbox / FILE.name).unlink()
    assert bank.run().files == (FILE,)


@pytest.mark.parametrize("place", ["missing", "file"])
def test_an_outbox_that_is_no_folder_is_refused(bank: Bank, place: str) -> None:
    """Before anything is written."""
    bank.outbox.rmdir()
    if place == "file":
        bank.outbox.write_bytes(b"")
    with pytest.raises(FileError, match="no folder"):
        bank.run()
    assert not (bank.state / "intent").exists()


def crash_when_ready(bank: Bank, calls: Callable) -> None:
    """Die right before the rename that hands the file over."""

    def at(number: int, done: bool) -> None:
        if list(bank.outbox.glob(".*.part")) and (bank.state / "intent").read_bytes().find(b"ready") > 0:
            raise Crash

    calls(at)
    with pytest.raises(Crash):
        bank.run()
    calls(None)


def test_an_outbox_that_is_another_folder_stops_the_recovery(bank: Bank, calls: Callable) -> None:
    """An empty mount point has no part file either: that must not pass for handed over."""
    crash_when_ready(bank, calls)
    away = bank.outbox.rename(bank.outbox.with_name("away"))
    for _ in range(2):
        with pytest.raises(StorageError, match=r"can't look at|another folder"):
            bank.run()
        bank.outbox.mkdir(exist_ok=True)
    bank.outbox.rmdir()
    away.rename(bank.outbox)
    assert bank.run().recovered is not None
    bank.look()
    bank.check_done()


def test_a_part_file_that_the_disk_has_damaged_is_written_again(bank: Bank, calls: Callable) -> None:
    """The intent has the bytes."""
    crash_when_ready(bank, calls)
    part = next(bank.outbox.glob(".*.part"))
    part.write_bytes(part.read_bytes()[:50])
    bank.run(late=True)
    bank.look()
    assert FILE is not None
    assert bank.taken == [(FILE.name, FILE.data)]


def test_a_changed_journal_never_frees_a_payment(bank: Bank) -> None:
    """Every bit of it flipped in turn: the run stops, or still knows the payment; it never pays again."""
    bank.run([ORDERS[0]])
    path = bank.state / "handed"
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        try:
            safe = bool(handed_before(str(bank.state), [ORDERS[0]]))
        except StorageError as error:
            safe = "damaged" in error.detail
        except InputError as error:
            safe = "other figures" in error.detail
        assert safe, at


def test_a_cut_journal_stops_the_run(bank: Bank) -> None:
    """Cut anywhere but between lines; and anywhere at all while an intent says how long it was."""
    bank.run()
    path = bank.state / "handed"
    good = path.read_bytes()
    ends = {at + 1 for at, byte in enumerate(good) if byte == 10} | {0}
    for length in sorted(set(range(0, len(good), 7)) - ends):
        path.write_bytes(good[:length])
        with pytest.raises(StorageError, match="damaged"):
            bank.run()
    with pytest.raises(StorageError, match="lost lines"):
        HandedJournal(str(path)).write_at(len(good), [])


def test_what_a_crash_left_behind_the_offset_is_cut_off(bank: Bank) -> None:
    """Half-written lines go, and writing the same again changes nothing."""
    bank.run()
    path = bank.state / "handed"
    good = path.read_bytes()
    journal = HandedJournal(str(path))
    path.write_bytes(good + b"half a line")
    for _ in range(2):
        journal.write_at(len(good), [])
        assert path.read_bytes() == good


@pytest.mark.parametrize("data", [b"", b"junk", b"\x80", b"\x81\xa6format\xa1x"])
def test_a_damaged_intent_stops_the_run(bank: Bank, data: bytes) -> None:
    """It may stand for a file that the bank has: a person must look."""
    bank.state.mkdir()
    (bank.state / "intent").write_bytes(data)
    with pytest.raises(StorageError, match="damaged"):
        bank.run()
    with pytest.raises(StorageError, match="damaged"):
        plan(ORDERS, adapter=CsvPayments(), payees=BOOK, timing=TIMING, state=str(bank.state))


def test_an_object_that_failed_hands_nothing_more_over(bank: Bank, calls: Callable) -> None:
    """After a fault only a new run, which looks at the disk, may go on; and so after the end."""
    assert FILE is not None
    with Handover(str(bank.state)) as handover:

        def at(number: int, done: bool) -> None:
            if (bank.state / "intent").exists():
                raise OSError(errno.ENOSPC, "injected")

        calls(at)
        with pytest.raises(StorageError):
            handover.hand(FILE, str(bank.outbox))
        calls(None)
        with pytest.raises(InvariantError):
            handover.hand(FILE, str(bank.outbox))
    with pytest.raises(InvariantError):
        handover.hand(FILE, str(bank.outbox))


def test_the_same_file_is_not_handed_over_twice_by_one_object(bank: Bank) -> None:
    """Even without asking for earlier payments first."""
    assert FILE is not None
    with Handover(str(bank.state)) as handover:
        handover.hand(FILE, str(bank.outbox))
        bank.look()
        with pytest.raises(InputError, match="before"):
            handover.hand(FILE, str(bank.outbox))


def test_many_orders_make_several_files(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a file's worth; a crash between two files costs nothing."""
    monkeypatch.setattr("node.agents.payrun.ORDERS_MAX", 4)
    many = [order(n, payee=n % 3) for n in range(10)]
    done = bank.run(many)
    assert [len(file.orders) for file in done.files] == [4, 4, 2]
    assert sorted(bank.journal()) == sorted(one.reference for one in many)
    assert bank.run(many, late=True).files == ()


def test_a_statement_twice_among_the_orders_is_refused(bank: Bank) -> None:
    """Before anything is written."""
    with pytest.raises(InputError, match="twice"):
        bank.run([ORDERS[0], order(0, payee=1)])
    assert not bank.state.exists()


def test_no_private_detail_reaches_the_journal(bank: Bank) -> None:
    """The journal names parties and amounts; names and account numbers are gone with the intent."""
    bank.run()
    text = (bank.state / "handed").read_text()
    assert all(PAYEES[number].hex() in text for number in range(3))
    assert not any(account.name in text or (account.iban or account.name) in text for account in ACCOUNTS.values())
