"""What the agent reads of messages, in the same words on every platform (pure)."""

CALLED = "(mentions you without a word)"
"""What stands in the place of a message in which there is nothing but the mention."""

FORWARDED = "[forwarded:] {text}"
"""What somebody passes on; it is not they who say it."""

_NO_ID = str.maketrans("()", "[]")


def named(name: str, id_: str) -> str:
    """Whom a name stands for; whatever somebody calls themselves, what stands in round brackets is their id."""
    return f"{name.translate(_NO_ID)} ({id_})"
