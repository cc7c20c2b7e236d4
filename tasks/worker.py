"""What a worker of this app adds to Celery's: named by the app as text, so that only workers import it."""

from __future__ import annotations

from smsfleet.tasks.app import app, runtime
from smsfleet.tasks.publisher import CeleryCaller, CeleryPublisher
from smsfleet.workers.bootstep import RelayBootstep
from smsfleet.workers.callbacks import Caller
from smsfleet.workers.duties import Publisher
from smsfleet.workers.runtime import Runtime


class RelayStep(RelayBootstep):
    """The relay and the duties of this app's workers."""

    def runtime(self) -> Runtime:
        """The runtime that the tasks use too."""
        return runtime()

    def publisher(self) -> Publisher:
        """Publishes by this app."""
        return CeleryPublisher(app)

    def caller(self) -> Caller:
        """Calls tasks by this app's broker."""
        return CeleryCaller(app)
