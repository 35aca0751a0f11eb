"""Open models that can be recommended, as one GGUF file each. Sizes and windows are those of the files' pages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model on the Hugging Face hub.

    Attributes:
        name: what it is called here.
        repository: its owner and name there.
        file: in the repository.
        gigabytes: the size of the file; about as much memory again as a tenth of it is needed for a window of 8,192.
        window: the longest context that it was made for, in tokens.
        licence: of the weights.
        good_for: in a few words.
    """

    name: str
    repository: str
    file: str
    gigabytes: float
    window: int
    licence: str
    good_for: str

    @property
    def address(self) -> str:
        """The repository and the file in it, as one."""
        return f"{self.repository}/{self.file}"


OPEN_MODELS = (
    OpenModel(
        "qwen2.5-1.5b",
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1.1,
        32_768,
        "Apache-2.0",
        "a machine with 4 GB; chats, forgets details",
    ),
    OpenModel(
        "qwen3-4b",
        "bartowski/Qwen_Qwen3-4B-Instruct-2507-GGUF",
        "Qwen_Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        2.5,
        262_144,
        "Apache-2.0",
        "a machine with 8 GB; calls tools",
    ),
    OpenModel(
        "qwen2.5-7b",
        "bartowski/Qwen2.5-7B-Instruct-GGUF",
        "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
        4.7,
        32_768,
        "Apache-2.0",
        "a machine with 16 GB; calls tools",
    ),
)
RECOMMENDED = "qwen3-4b"
