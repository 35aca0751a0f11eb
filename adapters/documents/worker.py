"""The child process that reads documents: started by `adapters.documents.converted`, never by hand.

Standard input: for each file a JSON line {"suffix", "bytes", "seconds", "text_bytes"}, then its content. Standard
output: {"ready"}; once it has a file whole, {"taken"}; for each page a JSON line {"page", "bytes"}, then its text in
UTF-8; at last {"done"} or {"error"}.

It trusts no file: before the first one it gives up opening files (thus the network as well), writing any, starting
processes, and more memory than it was given. It ends when standard input does, whatever it is doing.
"""

import importlib
import json
import os
import queue
import sys
import threading
from typing import Any, BinaryIO

from adapters.documents.kinds import ATTACHED, Pages
from adapters.ports.errors import DocumentUnreadable

try:
    import resource
except ImportError:  # Windows has no such limits; time and sizes are still watched
    resource = None  # type: ignore[assignment]

_MAX_DEPTH = 1000  # of Python calls: a file that nests deeper is refused, not followed


def main() -> None:
    """Convert until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    sys.setrecursionlimit(_MAX_DEPTH)
    converters = {suffix: _converter(kind.module) for suffix, kind in ATTACHED.items()}
    files = queue.SimpleQueue[tuple[dict[str, Any], bytes]]()
    threading.Thread(target=_take_in, args=(sys.stdin.buffer, files), daemon=True).start()
    give_up_rights(int(sys.argv[1]))
    _say(answers, {"ready": True})
    while True:
        wanted, content = files.get()
        _say(answers, {"taken": True})
        try:
            _allow_seconds(wanted["seconds"])
            _convert(converters[wanted["suffix"]], content, wanted["text_bytes"], answers)
            _say(answers, {"done": True})
        except DocumentUnreadable as error:
            _say(answers, {"error": str(error)})
        except MemoryError:
            _say(answers, {"error": "needs more memory than a conversion may take", "is_last": True})
            os._exit(1)  # what is left of it serves no other file
        except RecursionError:
            _say(answers, {"error": "is nested too deeply"})
        except Exception as error:  # a library met what it does not know; it is this file's fault alone
            _say(answers, {"error": f"cannot be converted ({type(error).__name__})"})


def _converter(module: str) -> Pages:
    pages: Pages = importlib.import_module(module).pages
    return pages


def _convert(converter: Pages, content: bytes, text_bytes: int, answers: BinaryIO) -> None:
    left = text_bytes
    for page in converter(content):
        text = page.text.encode("utf-8", "replace")
        left -= len(text)
        if left < 0:
            raise DocumentUnreadable(f"holds more than {text_bytes // 2**20} MiB of text, as UTF-8")
        _say(answers, {"page": page.number, "bytes": len(text)}, text)


def _say(answers: BinaryIO, told: dict[str, Any], text: bytes = b"") -> None:
    answers.write(json.dumps(told).encode() + b"\n" + text)
    answers.flush()


def _take_in(stdin: BinaryIO, files: "queue.SimpleQueue[tuple[dict[str, Any], bytes]]") -> None:
    """Read while the other thread converts, so that the end of input ends the process at any time."""
    try:
        while line := stdin.readline():
            wanted = json.loads(line)
            content = stdin.read(wanted["bytes"])
            if len(content) < wanted["bytes"]:
                break
            files.put((wanted, content))
    finally:
        os._exit(0)


def give_up_rights(memory_bytes: int) -> None:
    """Limits that hold for this process from now on, as far as the system knows them."""
    if resource is None:
        return
    for name, most in (
        ("RLIMIT_AS", memory_bytes),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", 0),  # what is open stays; nothing else can be opened, neither a file nor a socket
    ):
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):  # this system does not know it, or not in this way
            continue


def _allow_seconds(seconds: int) -> None:
    """Let the system end us after so many more seconds of work: the last resort, if nobody watches any more."""
    if resource is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, most))


if __name__ == "__main__":
    main()
