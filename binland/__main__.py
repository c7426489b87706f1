"""`binland` and `python -m binland`: Ctrl-C is one line from the first moment on, before anything large is imported."""

import signal

from binland.interrupts import leave


def main() -> None:
    """Run the command line and end the process; what comes after its last word cannot be interrupted."""
    signal.signal(signal.SIGINT, leave)
    from binland.cli import run

    try:
        run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
