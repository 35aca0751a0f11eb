"""How parts of a text are read: what the tests of rendering share."""

FAMILY = "👨‍👩‍👧‍👦"


def lines(count: int, line: str = "line {}") -> str:
    return "\n".join(line.format(number) for number in range(1, count + 1))


def without_space(text: str) -> str:
    return "".join(text.split())
