"""Fetching a model's file from the Hugging Face hub, or from a server that stands in for it (HF_ENDPOINT).

Source: https://huggingface.co/docs/huggingface_hub/package_reference/file_download
"""

import hashlib
import logging
import re
from pathlib import Path
from typing import Any

from adapters.models.gguf import is_gguf
from adapters.ports.errors import ServiceMissing

_SHA256 = re.compile("[0-9a-f]{64}")
_CHUNK_BYTES = 2**20


def fetch_file(repository: str, file: str, folder: Path) -> Path:
    """Download a file, with a bar on a terminal; what was begun goes on, and what is there whole is left. Blocking.

    A private or gated repository needs HF_TOKEN in the environment.

    Args:
        repository: its owner and name.
        file: in the repository.
        folder: where it is put; made if need be.

    Returns:
        The file, whose bytes are those that the hub has a hash of.

    Raises:
        ServiceMissing: there is no such file, it cannot be had, or it came damaged, or is no model, and was removed.
        OSError: it cannot be written.
    """
    import httpx2
    import huggingface_hub as hub
    from huggingface_hub import errors

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each attempt

    name = f"{repository}/{file}"
    try:
        path = Path(hub.hf_hub_download(repository, file, local_dir=folder))
        known = hub.get_hf_file_metadata(hub.hf_hub_url(repository, file)).etag
    except errors.GatedRepoError as error:
        raise ServiceMissing(
            f"{name}: its owner asks for consent. Give it on the page of {repository}, and set HF_TOKEN."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ServiceMissing(f"{name}: there is no such repository, or it is private and needs HF_TOKEN.") from error
    except errors.EntryNotFoundError as error:
        if isinstance(error, errors.LocalEntryNotFoundError):  # what the library makes of no connection
            raise ServiceMissing(_unreachable(name)) from error
        raise ServiceMissing(f"{name}: the repository has no such file.") from error
    except errors.HFValidationError as error:
        raise ServiceMissing(f"{name}: is no repository; write OWNER/NAME/FILE.gguf.") from error
    except httpx2.HTTPError as error:
        raise ServiceMissing(_unreachable(name, error)) from error
    if known is not None and _SHA256.fullmatch(known) and _sha256(path) != known:
        path.unlink()
        raise ServiceMissing(f"{name}: came damaged and was removed. Fetch it again.")
    if not is_gguf(path):  # a page that asks to sign in, for one
        path.unlink()
        raise ServiceMissing(f"{name}: what came is no GGUF file, and was removed.")
    return path


def _unreachable(name: str, error: Any = None) -> str:
    response = getattr(error, "response", None)
    why = f" (HTTP {response.status_code})" if response is not None else ""
    return f"{name}: cannot be fetched{why}. Fetch it again when the hub can be reached; what was begun goes on."


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
