"""Answers the commands that ask for the PDUs which this binder keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smsfleet.binder.capture import Capture
from smsfleet.config.errors import SmsfleetError, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.capture import CaptureBox
from smsfleet.store.client import AsyncStore

LOOK_S = 2.0


class CaptureDesk:
    """Looks for requests every `LOOK_S` while `leading()`: the leader has the connections."""

    def __init__(
        self, store: AsyncStore, box: CaptureBox, capture: Capture, *, leading: Callable[[], bool]
    ) -> None:
        self._store = store
        self._box = box
        self._capture = capture
        self._leading = leading
        self._log = logger(__name__)

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._leading():
                await self._answer()

    async def _answer(self) -> None:
        try:
            request = await self._store.run(self._box.take())
            if request is None:
                return
            # Cutting and masking takes a moment, in which the bind must go on.
            text = await asyncio.to_thread(
                self._capture.copy().as_json, request.last, show_content=request.show_content
            )
            await self._store.run(self._box.reply(request, text))
        except StoreUnavailable:
            return  # whoever asked is told by their own command
        except SmsfleetError as error:
            self._log.warning("a request for a capture was not answered", error=error)
        else:
            self._log.info("a capture was asked for", last=request.last, content=request.show_content)
