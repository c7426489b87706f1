"""Signals that raise, Ctrl-C above all: put off where an exception would do harm, and raised again where it was lost.

Python runs the handler of a signal between any two steps of the main thread, also inside a destructor or a callback of
a C library. An exception that it raises there is printed and dropped, and with it the step that it interrupted.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Ctrl-C, what batch systems send before they kill, and what a terminal sends when it is closed
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
Handler = Callable[[int, FrameType | None], Any]


class Watch:
    """Stands before the handlers of all signals: it keeps what they raise, and calls them later while told to wait."""

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._waiting: list[int] = []
        self._depth = 0
        self._raised: BaseException | None = None
        self._report = sys.unraisablehook

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The handler of every signal."""
        if self._depth:
            self._waiting.append(number)
            return
        try:
            self._handlers[number](number, frame)
        except BaseException as error:
            self._raised = error
            raise

    def check(self) -> None:
        """Raise again what a handler raised, if it has come to nobody's eyes."""
        if self._raised is not None:
            raise self._raised

    def begin(self) -> None:
        """Take the place of every handler that is a function; others end the process, or do nothing."""
        self._report, sys.unraisablehook = sys.unraisablehook, self._unraisable
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self)

    def end(self) -> None:
        """Give the handlers their places back. One that is left out by an exception is still called."""
        sys.unraisablehook = self._report
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is self:
                signal.signal(number, handler)

    def _unraisable(self, dropped: "sys.UnraisableHookArgs") -> None:
        """Python reports an exception that it drops; those of handlers are kept, so that there is nothing to say."""
        if self._raised is None or dropped.exc_value is not self._raised:
            self._report(dropped)

    def hold(self) -> None:
        """Signals wait from here on."""
        self._depth += 1

    def release(self) -> None:
        """Signals that have waited are handled now."""
        self._depth -= 1
        while self._waiting and not self._depth:
            self(self._waiting.pop(0), sys._getframe())


@contextmanager
def watched() -> Iterator[Watch]:
    """What a signal's handler raises inside is raised at the end, if nothing else has been: it cannot get lost.

    In other threads than the main one, where no handler runs, it does nothing.
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
    """Handlers of signals that arrive inside are called at the end."""
    with watched() as watch:
        watch.hold()
        try:
            yield
        finally:
            watch.release()


def _present() -> Watch | None:
    """The watch that is on duty."""
    if threading.current_thread() is not threading.main_thread():
        return None
    handlers = map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))
    return next((handler for handler in handlers if isinstance(handler, Watch)), None)


def leave(*_: object) -> None:
    """Ctrl-C where nothing is written: at once, since an exception may be swallowed in the middle of an import."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # else a second one could come between the next two lines
    os.write(2, b"interrupted; nothing is lost\n")
    os._exit(130)
