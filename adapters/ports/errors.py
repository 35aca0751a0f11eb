"""What goes wrong outside, by what can be done about it.

AdapterError
├── ModelError                   (each `str()` is one short sentence that a person may see)
│   ├── ModelUnavailable         down, slow or refusing; worth trying again later
│   ├── RequestRefused           the server cannot take this very request; it would refuse it again
│   │   └── ImagesRefused        perhaps for the images that it shows; without them it may do
│   ├── AnswerWithheld           a content filter left nothing of the answer; asking again would not help
│   ├── FeatureUnsupported       the server takes no tools, or no response format
│   └── ContextOverflow          the prompt is larger than the server's window
├── PlatformError                (a chat platform did not take what it was given)
│   ├── PlatformUnavailable      down, slow, or over a rate limit; worth trying again
│   ├── DeliveryRefused          the place is gone or closed to us; trying again would not help
│   └── CannotTell               a place's history cannot be read, so nobody knows what stands in it
├── DocumentUnreadable           a file gives no text; told to whoever named it
└── ServiceMissing               something needed at start is not there; the operator must act
"""

from adapters.ports.model import Usage


class AdapterError(Exception):
    """Something outside did not do what was asked."""


class ModelError(AdapterError):
    """The language model gave no usable answer; `str()` is fit for a person, `detail` for the log.

    `is_billed`: the server has worked at the call, as far as can be known, and will want to be paid for it. `usage` is
    what it says that it took.
    """

    def __init__(
        self, sentence: str, detail: str = "", *, is_billed: bool = False, usage: "Usage | None" = None
    ) -> None:
        super().__init__(sentence)
        self.detail = detail or sentence
        self.is_billed = is_billed
        self.usage = usage


class ModelUnavailable(ModelError):
    """The model is down, too slow, over its limits, or refuses our key; `retry_after` is what the server asks, in s."""

    def __init__(
        self, sentence: str, detail: str = "", retry_after: float | None = None, *, is_billed: bool = False
    ) -> None:
        super().__init__(sentence, detail, is_billed=is_billed)
        self.retry_after = retry_after


class RequestRefused(ModelError):
    """The server cannot take this very request; it would refuse it again."""


class ImagesRefused(RequestRefused):
    """The server refuses a request that shows images: it may be for those, so it is worth asking without them."""


class AnswerWithheld(ModelError):
    """The provider's content filter let no word of the answer through, or refused the prompt."""


class ContextOverflow(ModelError):
    """The server says that the prompt does not fit its context window."""


class FeatureUnsupported(ModelError):
    """The server says that it does not support tools, or a response format, for this model."""


class PlatformError(AdapterError):
    """A chat platform did not take what it was given; the text is for the log."""


class PlatformUnavailable(PlatformError):
    """The platform cannot be reached, or wants us to wait; `retry_after` is how long, in seconds, where it says so.

    `may_be_posted` False: the platform surely did not take it (no connection, a rate limit), so it may be sent again
    without looking for it first, which not every place allows.
    """

    def __init__(self, detail: str, retry_after: float | None = None, *, may_be_posted: bool = True) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.may_be_posted = may_be_posted


class DeliveryRefused(PlatformError):
    """The place is gone, or we may not write there (any more)."""


class CannotTell(PlatformError):
    """What stands in a place cannot be read, so nobody can say whether something was sent."""


class DocumentUnreadable(AdapterError):
    """A file is no document that can be read; the text says why in a few words, without the file's name."""


class ServiceMissing(AdapterError):
    """Something the program cannot start without is missing; the text is one clear line for the operator."""
