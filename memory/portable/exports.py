"""Where exports lie that people asked for: in a folder of each agent's own, so that erasing finds them."""

import hashlib
from pathlib import Path


def export_folder(data_dir: Path, scope: str) -> Path:
    """The folder of what an agent's person keeps there; a scope may hold what no file name can, so it is hashed."""
    return data_dir / "exports" / hashlib.sha256(scope.encode()).hexdigest()[:32]


def outgoing_folder(data_dir: Path) -> Path:
    """The folder of what is about to be handed over; what a killed process left in it is nobody's."""
    return data_dir / "exports" / "outgoing"
