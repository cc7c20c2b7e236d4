"""A headless Chromium, driven by W3C WebDriver: chromedriver speaks JSON over HTTP, and httpx is here anyway."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from smsfleet.cli.embedded import free_port

WITHIN_S = 30.0
POLL_S = 0.05

DESKTOP = (1280, 860)
PHONE = (360, 740)

KEYS: dict[str, tuple[int, dict[str, str]]] = {"Tab": (9, {}), "Enter": (13, {"text": "\r"})}
"""Their numbers, and what they type."""

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's id (W3C WebDriver §11)."""


def missing() -> str:
    """What is not installed here, or nothing."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    lacks = [
        name
        for name, path in (("chromium", chromium), ("chromedriver", shutil.which("chromedriver")))
        if not path
    ]
    return f"no {' and no '.join(lacks)} here: apt-get install chromium chromium-driver" if lacks else ""


class Browser:
    """`with Browser() as browser: browser.open(url)`. Ends what it started."""

    def __enter__(self) -> Self:
        port = free_port()
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S, trust_env=False)
        try:
            self.wait(self._answers, "chromedriver answers")
            arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en"]
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": {"args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            made = self._http.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{_value(made)['sessionId']}"
            self.look_at(DESKTOP)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._http.delete(self._session)
        finally:
            self._stop()

    def _stop(self) -> None:
        self._http.close()
        self._driver.terminate()
        self._driver.wait(WITHIN_S)
        # Chromium is in the session of its driver, which may have ended before it could end it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._driver.pid, signal.SIGKILL)

    # --- what somebody does -------------------------------------------------------------------------

    def look_at(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """Be a window of this size, or a phone."""
        self._size = width, height = size
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._devtools("Emulation.setEmulatedMedia", features=scheme)

    def forget(self) -> None:
        """Be somebody else: without cookies and complaints."""
        self._devtools("Network.clearBrowserCookies")
        self.open("about:blank")
        self.complaints()

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._do("POST", "/url", url=url)

    def in_tabs(self, *urls: str) -> None:
        """Open each in a tab of its own, the last one before all others; then close them, but for the first."""
        first, tabs = self._do("GET", "/window"), []
        try:
            for url in urls:
                tabs.append(self._do("POST", "/window/new", type="tab")["handle"])
                self._do("POST", "/window", handle=tabs[-1])
                self.open(url)
        finally:
            for tab in tabs:
                self._do("POST", "/window", handle=tab)
                self._do("DELETE", "/window")
            self._do("POST", "/window", handle=first)

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self._do("POST", f"/element/{self._element(selector)}/value", text=text)

    def click(self, selector: str) -> None:
        """Click, as a person would: what cannot be seen cannot be clicked.

        A page that changes by itself may change between a look and a click: then it is looked for again.
        """
        self.wait(lambda: self._clicked(selector), f"a click on {selector}")

    def _clicked(self, selector: str) -> bool:
        try:
            self._do("POST", f"/element/{self._element(selector)}/click")
        except AssertionError as error:
            if "stale element reference" not in str(error):
                raise
            return False
        return True

    def press(self, key: str) -> None:
        """Press Tab or Enter, or type other words, wherever the focus is."""
        if key not in KEYS:
            self._devtools("Input.insertText", text=key)
            return
        given = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key][0]} | KEYS[key][1]
        # Without its end: a question that the key has opened would be in the way of it.
        self._devtools("Input.dispatchKeyEvent", type="keyDown", **given)

    def answer(self, *, yes: bool) -> str:
        """Answer the question that is asked, and what it was."""
        text: str = self._do("GET", "/alert/text")
        self._do("POST", "/alert/accept" if yes else "/alert/dismiss")
        return text

    # --- what is there ------------------------------------------------------------------------------

    def text(self, selector: str = "body") -> str:
        """What is to be read."""
        said: str = self.run(f"return document.querySelector({selector!r})?.innerText ?? ''")
        return said

    def run(self, script: str) -> Any:
        """What a script returns."""
        return self._do("POST", "/execute/sync", script=script, args=[])

    def cookies(self) -> list[dict[str, Any]]:
        """The cookies of the page, those that scripts cannot see too."""
        found: list[dict[str, Any]] = self._do("GET", "/cookie")
        return found

    def complaints(self) -> list[str]:
        """What the browser has complained of: refused scripts and styles, missing files, errors of scripts."""
        entries = _value(self._http.post(f"{self._session}/se/log", json={"type": "browser"}))
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def wide(self) -> int:
        """Pixels by which the page is wider than the window: nobody likes to scroll to the side."""
        beyond: int = self.run("return document.documentElement.scrollWidth")
        return beyond - self._size[0]

    def picture(self, *, whole: bool = True) -> bytes:
        """A PNG of the page, below the window's edge too."""
        made = self._devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(made["data"])

    def until(self, words: str, selector: str = "body", *, within_s: float = WITHIN_S) -> None:
        """Wait until words are to be read."""
        self.wait(lambda: words in self.text(selector), f"{words!r} in {selector}", within_s=within_s)

    def wait(self, condition: Callable[[], object], what: str, *, within_s: float = WITHIN_S) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        try:
            return bool(_value(self._http.get("/status"))["ready"])
        except httpx.HTTPError:
            return False

    def _element(self, selector: str) -> str:
        found: str = self._do("POST", "/element", using="css selector", value=selector)[ELEMENT]
        return found

    def _devtools(self, command: str, **params: Any) -> Any:
        return self._do("POST", "/goog/cdp/execute", cmd=command, params=params)

    def _do(self, method: str, path: str, **body: Any) -> Any:
        given = {"json": body} if method == "POST" else {}
        return _value(self._http.request(method, self._session + path, **given))


def _value(reply: httpx.Response) -> Any:
    value = reply.json()["value"]
    assert reply.is_success, f"{value['error']}: {value['message']}"
    return value
