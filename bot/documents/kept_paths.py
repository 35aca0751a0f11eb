"""Paths as they are kept: text that every database takes, a text of its own for each path.

The name of a file need not be text. A byte of it that is none becomes U+FFFD with its number, and U+FFFD itself is
doubled. The forms of a letter (é as one character or as two) are left as they are: to most systems these are two files.
"""

import os
import re
import stat

from bot.text import clean

_MARK = "\N{REPLACEMENT CHARACTER}"
_NO_TEXT = re.compile(rf"[\ud800-\udfff{_MARK}]")
_WRITTEN = re.compile(rf"{_MARK}({_MARK}|d[89a-f][0-9a-f]{{2}})")


def kept(path: str) -> str:
    """A path, as it is kept."""
    return _NO_TEXT.sub(lambda found: _MARK + (_MARK if found[0] == _MARK else f"{ord(found[0]):04x}"), path)


def as_it_is(kept_path: str) -> str:
    """The path that was kept so."""
    return _WRITTEN.sub(lambda found: _MARK if found[1] == _MARK else chr(int(found[1], 16)), kept_path)


def as_once_kept(path: str) -> str:
    """A path, as versions kept it that took some paths for one."""
    return clean(path)


def is_gone(kept_path: str) -> bool:
    """Whether no file is there any more; not if that cannot be told, as in a folder that may not be read. Blocking."""
    try:
        return stat.S_ISDIR(os.lstat(as_it_is(kept_path)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
