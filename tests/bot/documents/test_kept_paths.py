"""Paths as they are kept: none is another's, and each leads back."""

import os

from hypothesis import given
from hypothesis import strategies as st

from bot.documents.kept_paths import as_it_is, is_gone, kept

CHARACTERS = st.sampled_from(["a", "/", "\udce4", "\udcff", "\N{REPLACEMENT CHARACTER}", "dce4", "é", "e\u0301", "\\x"])
PATHS = st.lists(CHARACTERS, max_size=12).map("".join)


@given(PATHS)
def test_a_path_leads_back_and_can_be_stored(path: str) -> None:
    assert as_it_is(kept(path)) == path
    kept(path).encode()


@given(PATHS, PATHS)
def test_no_path_is_kept_as_another(one: str, other: str) -> None:
    assert (kept(one) == kept(other)) == (one == other)


def test_what_is_text_is_kept_as_it_is_written() -> None:
    for path in ("/home/ada/Größe.txt", "C:\\docs\\%20\\x41.txt", "/e\u0301"):
        assert kept(path) == path


def test_a_path_of_an_older_version_stays_what_it_was() -> None:
    assert as_it_is("/h\N{REPLACEMENT CHARACTER}user/a.txt") == "/h\N{REPLACEMENT CHARACTER}user/a.txt"


def test_a_file_is_gone_if_there_is_none_whatever_its_name_is_made_of() -> None:
    os.mkdir(b"d\xe4")
    with open(b"d\xe4/f\xf6", "wb"):
        pass
    os.symlink("nowhere", "link")
    assert not is_gone(kept("d\udce4/f\udcf6"))
    assert not is_gone("link")
    assert is_gone(kept("d\udce4/f\udce4"))
    assert is_gone(kept("d\udce4"))
    assert is_gone(kept("d\udce4/f\udcf6/below"))
    assert not is_gone("x" * 5000)
