"""Files that came with messages: fetched from where Discord keeps them, and from nowhere else."""

from pathlib import Path

from adapters.chat.download import download, too_large
from adapters.discord.endpoints import Endpoints
from adapters.ports.errors import DocumentUnreadable
from adapters.ports.messages import Attachment


async def fetch(attachment: Attachment, into: Path, max_bytes: int, endpoints: Endpoints) -> None:
    """Write an attachment to a file; see `adapters.ports.HasFiles`."""
    if not endpoints.may_download(attachment.url):
        raise DocumentUnreadable("it is not kept on Discord's own hosts")
    if attachment.size > max_bytes:
        raise DocumentUnreadable(too_large(max_bytes))
    await download(attachment.url, into, max_bytes, gone="Discord does not have it any more")
