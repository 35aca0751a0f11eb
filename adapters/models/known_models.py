"""What is known of well-known models by their names, for when the settings do not say it (from the makers' pages)."""

import re

# In tokens. The longest prefix that fits a name wins.
_WINDOWS = {
    "gpt-3.5-turbo": 16_385,
    "gpt-4": 8_192,
    "gpt-4-32k": 32_768,
    "gpt-4-1106": 128_000,
    "gpt-4-0125": 128_000,
    "gpt-4-turbo": 128_000,
    "gpt-4o": 128_000,
    "chatgpt-4o": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-4.5": 128_000,
    "gpt-5": 400_000,
    "gpt-5-chat": 128_000,
    "o1": 200_000,
    "o1-mini": 128_000,
    "o1-preview": 128_000,
    "o3": 200_000,
    "o4-mini": 200_000,
    "claude-": 200_000,
    "gemini-1.5-flash": 1_048_576,
    "gemini-1.5-pro": 2_097_152,
    "gemini-2": 1_048_576,
    "deepseek-chat": 128_000,
    "deepseek-reasoner": 128_000,
    "mistral-large": 128_000,
}

_SEEING = re.compile(
    r"gpt-4o(?!-(?:audio|realtime|transcribe|mini-(?:audio|realtime|transcribe|tts)))|chatgpt-4o|gpt-4-turbo(?!-preview)"
    r"|gpt-4\.[15]|gpt-5|o1(?!-mini|-preview)|o3(?!-mini)|o4"
    r"|claude-(?!2|instant)|gemini-|pixtral|mistral-(?:small-?3\.[1-9]|medium-?3)|llama-?4|llava|bakllava|moondream|minicpm-v"
    r"|gemma-?3(?!n?[:-](?:270m|1b))|.*(?:\bvision|[0-9.-]vl\b)"
)
"""Names of models that can be shown images."""


def sees_images(model: str) -> bool:
    """Whether a model can be shown images, by its name without a provider's prefix; unknown ones cannot."""
    return _SEEING.match(model.rpartition("/")[2].lower()) is not None


def known_window_of(model: str) -> int | None:
    """The window of a model by name, without a provider's prefix (`openai/gpt-4o`); None for unknown ones."""
    name = model.rpartition("/")[2].lower()
    fitting = [prefix for prefix in _WINDOWS if name.startswith(prefix)]
    return _WINDOWS[max(fitting, key=len)] if fitting else None
