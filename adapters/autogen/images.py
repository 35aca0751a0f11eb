"""The images of a team's message: as the files that came with it, and as a model is shown them."""

from collections.abc import Mapping
from io import BytesIO
from uuid import uuid4

from autogen_agentchat.messages import BaseChatMessage
from autogen_core import Image

from adapters.chat.download import too_large
from adapters.ports.errors import DocumentUnreadable
from adapters.ports.messages import Attachment

_BYTES_A_PIXEL = 3


def images_of(message: BaseChatMessage) -> Mapping[Attachment, Image]:
    """What a message shows, in its order."""
    content = message.to_model_message().content
    images = [part for part in content if isinstance(part, Image)] if not isinstance(content, str) else []
    return {_attachment(number, image): image for number, image in enumerate(images, 1)}


def file_of(image: Image, max_bytes: int) -> bytes:
    """An image as a file: as it is, or with less detail, if it would be too large.

    Raises:
        DocumentUnreadable: it is too large all the same.
    """
    for kind in ("PNG", "JPEG"):
        file = BytesIO()
        image.image.save(file, kind)
        if file.tell() <= max_bytes:
            return file.getvalue()
    raise DocumentUnreadable(too_large(max_bytes))


def _attachment(number: int, image: Image) -> Attachment:
    # How large a file it makes is known once a model is to be shown it.
    size = image.image.width * image.image.height * _BYTES_A_PIXEL
    return Attachment(uuid4().hex, f"image {number}.png", "image/png", size, url="")
