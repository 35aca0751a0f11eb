"""Where the checkpoints of an agent are kept: exports in a folder of its own, so that erasing finds them all."""

import hashlib
from pathlib import Path


def checkpoint_folder(data_dir: Path, scope: str) -> Path:
    """The folder of an agent's checkpoints; a scope may hold what no file name can, so it is hashed."""
    return data_dir / "checkpoints" / hashlib.sha256(scope.encode()).hexdigest()[:32]
