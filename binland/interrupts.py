"""Signals whose handlers raise, Ctrl-C above all: delayed where an exception would do harm, and raised again if lost.

Python runs a signal handler between any two steps of the main thread, also inside a destructor or a callback from C. An
exception raised there is printed and dropped, and the interrupted step with it.
"""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Ctrl-C; sent by batch systems before a kill; sent when a terminal is closed
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
PATIENCE = 10.0  # seconds after Ctrl-C; after that another one ends the process at once
Handler = Callable[[int, FrameType | None], Any]


class Watch:
    """Replaces the handlers of all signals: it remembers what they raise, and can delay them."""

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._waiting: list[int] = []
        self._depth = 0
        self._raised: BaseException | None = None
        self._report = sys.unraisablehook

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Called for every signal."""
        if self._depth:
            self._waiting.append(number)
            return
        try:
            self._handlers[number](number, frame)
        except BaseException as error:
            self._raised = error
            raise

    def check(self) -> None:
        """Raise again what a handler raised, if that exception was lost."""
        if self._raised is not None:
            raise self._raised

    def begin(self) -> None:
        """Replace every handler that is a Python function; default actions stay."""
        self._report, sys.unraisablehook = sys.unraisablehook, self._unraisable
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self)

    def end(self) -> None:
        """Restore the handlers. A handler that an exception leaves unrestored still works."""
        sys.unraisablehook = self._report
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is self:
                signal.signal(number, handler)

    def _unraisable(self, dropped: "sys.UnraisableHookArgs") -> None:
        """Called by Python for an exception that it drops: those of handlers are remembered, not printed."""
        if self._raised is None or dropped.exc_value is not self._raised:
            self._report(dropped)

    def hold(self) -> None:
        """Delay signals from here on."""
        self._depth += 1

    def release(self) -> None:
        """Handle the signals that were delayed."""
        self._depth -= 1
        while self._waiting and not self._depth:
            self(self._waiting.pop(0), sys._getframe())


@contextmanager
def watched() -> Iterator[Watch]:
    """Context in which what a signal handler raises cannot be lost: it is raised again at the end.

    Does nothing in threads other than the main one, where no handler runs.
    """
    outer = _present()
    if outer is not None:
        yield outer
        return
    watch = Watch()
    if threading.current_thread() is not threading.main_thread():
        yield watch
        return
    try:
        watch.begin()
        yield watch
        watch.check()
    finally:
        watch.end()


@contextmanager
def deferred() -> Iterator[None]:
    """Context in which signals are delayed; their handlers run at the end."""
    with watched() as watch:
        watch.hold()
        try:
            yield
        finally:
            watch.release()


def _present() -> Watch | None:
    """The watch that is active in the main thread, or None."""
    if threading.current_thread() is not threading.main_thread():
        return None
    handlers = map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))
    return next((handler for handler in handlers if isinstance(handler, Watch)), None)


def leave(*_: object) -> None:
    """Handler of Ctrl-C while nothing is written: ends the process at once, since imports may swallow exceptions."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second signal could otherwise arrive between the next two lines
    os.write(2, b"interrupted; nothing is lost\n")
    os._exit(130)


class _Once:
    """A signal handler that raises KeyboardInterrupt at the first signal and ignores others while files are closed.

    After PATIENCE seconds another signal ends the process at once; nothing that is recorded is lost by that either.
    """

    def __init__(self) -> None:
        self._first = math.inf

    def __call__(self, *_: object) -> None:
        now = time.monotonic()
        if self._first == math.inf:
            self._first = now
            raise KeyboardInterrupt
        if now - self._first > PATIENCE:
            leave()


@contextmanager
def tidily() -> Iterator[None]:
    """Close files in order when a signal ends the program; a SIGHUP that is ignored, as by nohup, stays ignored."""
    once = _Once()
    for number in ENDING:
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, once)
    with watched():
        yield
