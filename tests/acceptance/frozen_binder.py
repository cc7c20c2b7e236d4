"""A binder whose loop stands still from SIGUSR1 on: for test_watchdog.py, which starts it as a process."""

from __future__ import annotations

import signal
import threading

from smsfleet.cli.main import main

if __name__ == "__main__":
    # Python runs this in the main thread, which is the loop's: it waits there, as a blocking call would.
    signal.signal(signal.SIGUSR1, lambda *_: threading.Event().wait())
    main(["binder"])
