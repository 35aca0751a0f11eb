"""`python -m bot`: `bot.command_line`, and until that has begun its work, an end without fuss."""

import signal
import sys


def _end(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:  # a service that is told to stop in its first second has nothing to wind down
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _end)
    from bot.command_line import main

    main(prog_name="python -m bot")
