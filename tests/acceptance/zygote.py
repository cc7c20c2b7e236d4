"""Starts `smsfleet`, `celery`, `redis-cli` and `python` in milliseconds: everything is imported already.

A process of its own. `commands(folder)` writes a small program for each name that asks it to fork; the fork has the
caller's arguments, environment, folder and open files, and the caller takes its signals and exit code over. So the
hundred commands of the documents are real processes, and cost no hundred starts of Python.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import random
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("smsfleet", "celery", "redis-cli", "python", "python3", "flask", "uvicorn")

PRELOADED = (
    "smsfleet.cli.main", "smsfleet.tasks", "smsfleet.binder.service", "smsfleet.simulator.process",
    "smsfleet.workers.bootstep", "celery.bin.celery", "celery.apps.worker", "celery.concurrency.thread",
    "rich.live", "rich.table", "httpx", "flask.cli", "fastapi.testclient",
    "django.test",
)  # fmt: skip

SHIM = """#!{python} -SE
import json, os, signal, socket, sys
asked = json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
zygote = socket.socket(socket.AF_UNIX)
zygote.connect({socket!r})
socket.send_fds(zygote, [len(asked).to_bytes(4, "big")], [0, 1, 2])
zygote.sendall(asked)
pid = int.from_bytes(zygote.recv(4), "big")
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _: os.kill(pid, number))
sys.exit(int.from_bytes(zygote.recv(4) or b"\\0\\0\\0\\xff", "big"))
"""


@contextlib.contextmanager
def commands(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """A folder for PATH with the commands, as long as the block runs. Nothing that they started outlives it."""
    from tests.acceptance.fleet import members_of, wait_until

    place = folder / "zygote.socket"
    binaries = folder / "bin"
    binaries.mkdir()
    for name in NAMES:
        (binaries / name).write_text(SHIM.format(python=sys.executable, socket=str(place)))
        (binaries / name).chmod(0o755)
    pytest = binaries / "pytest"  # not here: it wants to be the first to import what it tests
    pytest.write_text(f'#!/bin/sh\nexec {sys.executable} -m pytest "$@"\n')
    pytest.chmod(0o755)
    with (folder / "zygote.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-X", "utf8", __file__, str(place)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: place.exists() or process.poll() is not None, "the zygote listens")
        assert process.poll() is None, (folder / "zygote.log").read_text()
        yield binaries
    finally:
        process.terminate()
        process.wait(20)
        left_behind = members_of({process.pid})
        for pid in left_behind:
            os.kill(pid, signal.SIGKILL)
    assert [] == left_behind, f"left behind by a command of the documents: {left_behind}"


def serve(path: str) -> tuple[str, list[str], str]:
    """Fork for each connection, for ever; returns in the forks: the program, its arguments and folder."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(20)
    Path(path + ".new").rename(path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        caller, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            return _forked(caller)
        caller.close()


def _forked(caller: socket.socket) -> tuple[str, list[str], str]:
    """In the fork: fork again, so that one waits for the other; returns in the second."""
    head, files, _, _ = socket.recv_fds(caller, 4, 3)
    left = int.from_bytes(head, "big")
    octets = b""
    while len(octets) < left:
        octets += caller.recv(left - len(octets))
    name, arguments, folder, environment = json.loads(octets)
    pid = os.fork()
    if pid:
        for file in files:
            os.close(file)
        caller.sendall(pid.to_bytes(4, "big"))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        caller.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
        os._exit(0)
    caller.close()
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - as Python does
    # A new one: the old one would seek, because what it was made for was a file.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as Python does
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    random.seed()
    return name, arguments, folder


def become(name: str, arguments: list[str], folder: str) -> None:
    """Run the program; ends with SystemExit."""
    sys.argv = [name, *arguments]
    sys.path[0] = folder
    if name == "smsfleet":
        from smsfleet.cli.main import main

        main(arguments)
    elif name == "celery":
        from celery.__main__ import main as celery

        celery()
    elif name == "redis-cli":
        _redis_cli(arguments)
    elif not name.startswith("python"):
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif arguments[:1] == ["-m"]:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[:1] == ["-c"]:
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "-c", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).resolve().parent)
        runpy.run_path(arguments[0], run_name="__main__")


def _redis_cli(words: list[str]) -> None:
    """redis-cli, as far as the documents need it; without an address it is the fleet's server that is asked."""
    import redis

    url = os.environ["SMSFLEET_REDIS_URL"]
    if words[0] == "-u":
        url, words = words[1], words[2:]
    client: Any = redis.Redis.from_url(url, protocol=2)
    try:
        _print(client.connection_pool.get_connection(), words)
    except redis.ResponseError as error:
        sys.exit(f"(error) {error}")


def _print(connection: Any, words: list[str]) -> None:
    connection.send_command(*words)
    reply = connection.read_response()
    for line in reply if isinstance(reply, list) else [reply]:
        print(line.decode("utf-8", "replace") if isinstance(line, bytes) else line)


def finish(code: object) -> None:
    """End as Python does, without the seconds that it takes to forget all that was imported."""
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0))


def preload() -> None:
    """Import what is asked for most; what is not installed here is left out."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for module in pkgutil.iter_modules(importlib.import_module("smsfleet.cli").__path__, "smsfleet.cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    preload()
    gc.freeze()
    code: object = 0
    try:
        become(*serve(sys.argv[1]))
    except SystemExit as ended:
        code = ended.code
    finish(code)
