"""Whether the model is shown the images that come with messages, and what they take of its window."""

import logging

logger = logging.getLogger(__name__)

IMAGE_TOKENS = 1500
"""What an image takes of a window, roughly: servers count 85 to some 1,600, by its size, and do not say it before."""

MAX_IMAGES = 4
"""In one turn."""

MAX_IMAGE_BYTES = 5_000_000
"""A larger one is refused by some servers."""

WINDOW_SHARE = 4
"""Images take at most the fourth part of the window."""


class Sight:
    """What is known of a model's eyes.

    Args:
        sees: what the settings say, or the model's name.
        window: tokens that prompt and answer share.
    """

    def __init__(self, *, sees: bool, window: int) -> None:
        self._sees = sees
        self._has_seen = False
        self._most = min(MAX_IMAGES, window // WINDOW_SHARE // IMAGE_TOKENS)

    @property
    def most(self) -> int:
        """How many images one turn may show; 0: the model sees none."""
        return self._most if self._sees else 0

    def worked(self) -> None:
        """The server has taken images."""
        self._has_seen = True

    def refused(self) -> None:
        """The server has refused some. If it has never taken any, it is spared the next ones, until the next start."""
        if self._sees and not self._has_seen:
            self._sees = False
            logger.warning("the model's server takes no images; from now on they are described by name")


def type_of(content: bytes) -> str | None:
    """What kind of image it is by its first bytes, of those that models are shown; None: of no such kind."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None
