"""`binland` and `python -m binland`. Ctrl-C prints one line even while the imports are still running."""

import os
import signal
import sys

from binland.interrupts import ENDING, leave


def main() -> None:
    """Run the command line and end the process; signals that arrive after its last output are ignored."""
    signal.signal(signal.SIGINT, leave)
    from binland.cli import run

    try:
        run()
    except SystemExit as end:
        if end.code == 130:  # Python would end by SIGINT instead if the exception passed through an exec on its way
            sys.stdout.flush()
            os._exit(130)
        raise
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
