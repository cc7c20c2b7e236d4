"""A journal written by hand, for the judge."""

from __future__ import annotations

from smsfleet.binder.compliance import Finding, Verdict, judge
from smsfleet.store.journal import JournalEntry, Value

BEGIN_MS = 1_790_000_000_000
HOUR_S = 3600.0

NO_TRAFFIC = {"submit_sm": 0, "accepted": 0, "deliver_sm": 0, "taken": 0, "sent_back": 0, "refused": 0}


class Diary:
    """Entries with a clock that only `wait` moves."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []
        self.now_ms = BEGIN_MS
        self._numbers: dict[str, int] = {}

    def wait(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def note(self, kind: str, /, *, run: str = "a", **fields: Value) -> None:
        number = self._numbers[run] = self._numbers.get(run, 0) + 1
        self.entries.append(JournalEntry(self.now_ms, run, number, kind, fields))

    def bind(self, mode: str = "transceiver", *, run: str = "a", **fields: Value) -> None:
        """An attempt that the gateway accepts."""
        self.note("connecting", run=run, mode=mode)
        self.note("bind", run=run, mode=mode, **fields)
        self.note("bound", run=run, mode=mode, seconds=0.1)

    def stand(
        self, seconds: float, *modes: str, run: str = "a", every_s: float = 56.0, **counts: int
    ) -> None:
        """Let binds stand: an enquire_link every 56 s, the last one when the time is over."""
        for _ in range(round(seconds / every_s)):
            self.wait(every_s)
            for mode in modes or ("transceiver",):
                self.note("enquire_link", run=run, mode=mode, **(NO_TRAFFIC | counts))

    def lose(
        self, mode: str = "transceiver", *, cause: str = "peer-closed", run: str = "a", **counts: int
    ) -> None:
        self.note("disconnected", run=run, mode=mode, cause=cause, reason="", seconds=1.0, **counts)

    def judge(self, number: int) -> Finding:
        """What is found of one condition now."""
        return judge(self.entries, now_ms=self.now_ms)[number - 1]

    def verdict(self, number: int) -> Verdict:
        return self.judge(number).verdict


def a_good_test() -> Diary:
    """48 hours that a gateway's tester would like: two disconnects, traffic both ways."""
    diary = Diary()
    diary.note("start")
    diary.note("lease", what="acquired")
    diary.bind()
    diary.stand(6 * HOUR_S, submit_sm=3, accepted=3, deliver_sm=2, taken=2)
    diary.lose(submit_sm=4, accepted=4, deliver_sm=2, taken=2)
    diary.wait(45)
    diary.note("connecting", mode="transceiver")
    diary.note("no_connection", mode="transceiver", reason="cannot connect")
    diary.wait(31)
    diary.bind()
    diary.stand(20 * HOUR_S)
    diary.lose(cause="peer-unbound")
    diary.wait(58)
    diary.bind()
    diary.stand(22.5 * HOUR_S, submit_sm=1, accepted=1)
    return diary
