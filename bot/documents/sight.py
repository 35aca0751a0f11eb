"""Which of the images that come with messages a model is shown, and what they take of its window (pure)."""

IMAGE_TOKENS = 1500
"""What an image takes of a window, roughly: servers count 85 to some 1,600, by its size, and do not say it before."""

MAX_IMAGES = 4
"""In one turn."""

MAX_IMAGE_BYTES = 5_000_000
"""A larger one is refused by some servers."""

WINDOW_SHARE = 4
"""Images take at most the fourth part of the window."""


def most_images(*, sees: bool, window: int) -> int:
    """How many images one turn may show a model: none that sees none, else as many as the window has room for."""
    return min(MAX_IMAGES, window // WINDOW_SHARE // IMAGE_TOKENS) if sees else 0


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
