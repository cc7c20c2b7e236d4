"""From job ids to segments in the outbound streams: fetch, encode, admit, in two round trips for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from smsfleet.config.codes import ESME_RUNKNOWNERR, command_status
from smsfleet.config.errors import InvalidArgument, RecordError, StoreUnavailable
from smsfleet.config.logs import logger, mask_string
from smsfleet.store.jobs import Admission
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.segments import Segmented, segment
from smsfleet.workers.submit import SubmitOptions, bodies, validity_period

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings

REFUSED_STATUS = command_status(ESME_RUNKNOWNERR).shown_status or 5
"""The Appendix B number that a job is shown with that never became segments: 005, error with message."""

RETRY_S = 0.5
RETRY_MOST_S = 5.0


class Outcome(StrEnum):
    """What became of one job; also the result that Celery and Flower show."""

    ADMITTED = "admitted"
    KNOWN = "known"
    """it was admitted before: a repeated message changes nothing"""
    REFUSED = "refused"
    """it can never become segments; the reason is stored with the job"""
    UNKNOWN = "unknown"
    """no such job (any more)"""
    CLOSED = "closed"
    """refused or cancelled before"""
    GIVEN_BACK = "given back"
    """this process is stopping before the job could be admitted: let another take it"""


_RESULTS = {1: Outcome.ADMITTED, 0: Outcome.KNOWN, -1: Outcome.UNKNOWN, -2: Outcome.CLOSED}


@dataclass(frozen=True, slots=True)
class _Encoded:
    job_id: str
    request: SmsRequest
    segmented: Segmented


class Outgoing:
    """Handles batches of jobs for one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._log = logger(__name__)

    def handle(self, job_ids: Sequence[str]) -> dict[str, Outcome]:
        """Bring jobs to the wire's side; one bad job never fails its neighbours.

        Waits while the account's rate or a full outbound stream asks for it, and while the store is away;
        gives the rest back when the process is stopping.
        """
        outcomes: dict[str, Outcome] = {}
        delay = RETRY_S
        while True:
            left = [job_id for job_id in dict.fromkeys(job_ids) if job_id not in outcomes]
            if not left:
                return outcomes
            if self._runtime.stopping.is_set():
                return outcomes | dict.fromkeys(left, Outcome.GIVEN_BACK)
            try:
                self._handle(left, outcomes)
                delay = RETRY_S
            except StoreUnavailable as error:
                self._log.warning("the store is away, trying again", jobs=len(left), error=error)
                self._runtime.stopping.wait(delay)
                delay = min(delay * 2, RETRY_MOST_S)

    def _handle(self, job_ids: list[str], outcomes: dict[str, Outcome]) -> None:
        store, jobs = self._runtime.store, self._runtime.jobs
        encoded = []
        contents = store.run(jobs.contents(job_ids))
        for job_id, content in zip(job_ids, contents, strict=True):
            if content is None:
                outcomes[job_id] = Outcome.UNKNOWN
                continue
            try:
                encoded.append(self._encode(job_id, content))
            except (InvalidArgument, RecordError) as error:
                self.refuse(job_id, content, f"{error.code}: {mask_string(str(error))}")
                outcomes[job_id] = Outcome.REFUSED
        admissions = self._admissions(encoded)
        while admissions:
            results, wait_ms = store.run(jobs.admit(admissions, self._runtime.pace))
            for admission, result in zip(admissions, results, strict=False):
                outcomes[admission.job_id] = _RESULTS[result]
            admissions = admissions[len(results) :]
            if wait_ms and self._runtime.stopping.wait(wait_ms / 1000):
                return

    def _encode(self, job_id: str, content: bytes) -> _Encoded:
        request = SmsRequest.from_json(content)
        octets = self._runtime.settings.reference_octets
        return _Encoded(
            job_id,
            request,
            segment(
                request.text,
                encoding=request.encoding,
                reference_octets=octets,
                max_segments=request.max_segments,
            ),
        )

    def _admissions(self, encoded: list[_Encoded]) -> list[Admission]:
        """Put the concatenation references in and build the submit_sm bodies."""
        settings = self._runtime.settings
        several = [job for job in encoded if job.segmented.segments > 1]
        references: dict[str, int] = {}
        if several:
            call = self._runtime.jobs.next_references(
                [job.request.to for job in several], 256**settings.reference_octets
            )
            numbers = self._runtime.store.run(call)
            references = {job.job_id: number for job, number in zip(several, numbers, strict=True)}
        return [self._admission(job, references.get(job.job_id), settings) for job in encoded]

    def _admission(self, job: _Encoded, reference: int | None, settings: Settings) -> Admission:
        request, segmented = job.request, job.segmented
        if reference is not None:
            segmented = segmented.with_reference(reference)
        options = SubmitOptions(
            destination=request.to,
            source=request.sender,
            validity_period=validity_period(request.validity_s) if request.validity_s else "",
        )
        return Admission(
            job_id=job.job_id,
            lane=request.lane,
            on_ambiguous=request.on_ambiguous or settings.on_ambiguous(request.lane),  # type: ignore[arg-type]
            max_ambiguous=1,
            deadline_ms=request.deadline_ms,
            bodies=bodies(options, segmented),
        )

    def refuse(self, job_id: str, content: bytes, reason: str) -> None:
        """Close a job that can never become segments; raises StoreUnavailable."""
        try:
            lane = SmsRequest.from_json(content).lane
        except RecordError:
            lane = "normal"
        self._runtime.store.run(self._runtime.jobs.refuse(job_id, lane, reason, REFUSED_STATUS))
        self._log.warning("job refused", job_id=job_id, reason=reason)
