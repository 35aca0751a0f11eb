"""What tells a GGUF file, in which open models come, from any other.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from pathlib import Path

_MAGIC = b"GGUF"


def is_gguf(path: Path) -> bool:
    """Whether a file begins as one does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
