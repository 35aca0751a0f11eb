"""Counting tokens locally, with the tables of `bpe-openai`.

Only the compiled part of the package is loaded: its `__init__` builds Python dictionaries of every table, which
costs 0.7 s and 58 MB that we have no use for.
"""

import importlib.util
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from adapters.glibc import give_back

ENCODING = "cl100k_base"
"""One table for every model: what it miscounts is corrected by the usage that the server reports."""


class BpeTokenCounter:
    """A `TokenCounter`; the table (18 MB) is loaded at the first count. Special tokens are counted as text."""

    def count(self, text: str) -> int:
        """See `TokenCounter`."""
        return int(_table().count(text))


@cache
def _table() -> Any:
    """The one table of this process."""
    package = importlib.util.find_spec("bpe_openai")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("bpe-openai is not installed")
    folder = Path(package.submodule_search_locations[0])
    path = next(file for suffix in EXTENSION_SUFFIXES if (file := folder / f"_bindings{suffix}").exists())
    spec = importlib.util.spec_from_file_location("bpe_openai._bindings", path)
    assert spec is not None
    assert spec.loader is not None
    bindings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bindings)
    table = bindings.tokenizer_for_encoding(ENCODING)
    give_back(path)  # the packed table, 16 MB of it, has been unpacked
    return table
