"""Which files paths mean, and what they are called as documents."""

import os
from pathlib import Path

import pytest

from bot.documents.document_files import MAX_NAME, MAX_SOURCE_NAME, find_files
from bot.errors import PathNotFound

KINDS = (".md", ".txt")


def write(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")


def names(*paths: str) -> list[str]:
    return [file.name for file in find_files(paths, KINDS).files]


def test_a_folder_is_walked_in_order_but_for_what_is_hidden() -> None:
    write("docs/b.md", "docs/a.txt", "docs/deep/er/c.md", "docs/.git/x.md", "docs/.hidden.md", "docs/D.MD")
    found = find_files(["docs"], KINDS)
    assert [file.name for file in found.files] == ["D.MD", "a.txt", "b.md", "deep/er/c.md"]
    assert found.source == "docs"
    assert found.passed_over == ()
    assert all(file.path.read_text(encoding="utf-8") == f"docs/{file.name}" for file in found.files)


def test_the_same_file_has_the_same_name_however_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write("docs/a.md", "docs/b.md")
    assert names("docs") == names("docs/*.md") == names("docs/a.md", "docs/b.md") == names(os.path.abspath("docs"))
    assert names("docs", "docs/a.md", "./docs/../docs") == ["a.md", "b.md"]
    monkeypatch.chdir("docs")
    assert names(".") == names("*") == ["a.md", "b.md"]
    assert find_files(["."], KINDS).source == "docs"
    assert names("../docs/a.md") == ["a.md"]


def test_files_of_one_name_in_different_folders_stay_apart() -> None:
    write("one/readme.md", "two/readme.md")
    assert names("one", "two") == names("*/readme.md") == ["one/readme.md", "two/readme.md"]


def test_the_source_is_called_after_what_was_named() -> None:
    write("docs/a.md", "docs/b.md", f"{'x' * 250}/a.md")
    for paths, source in (
        (["docs"], "docs"),
        (["docs/a.md"], "a"),
        (["docs/a.md", "docs/b.md"], "docs"),
        (["docs/*.md"], "docs"),
    ):
        assert find_files(paths, KINDS).source == source
    long = find_files(["x" * 250], KINDS)
    assert len(long.source) == MAX_SOURCE_NAME
    assert all(len(file.name) <= MAX_NAME for file in long.files)


def test_patterns_go_through_folders_and_the_home_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write("home/docs/a.md", "home/docs/deep/b.md")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert names("home/docs/**/*.md") == names("~/docs/**") == ["a.md", "deep/b.md"]


def test_the_origin_is_what_was_typed_whatever_it_comes_to() -> None:
    def origin(*paths: str) -> str:
        return os.path.relpath(find_files(paths, KINDS).origin)

    write("docs/deep/a.md", "docs/b.txt")
    before = [origin(typed) for typed in ("docs", "docs/b.txt", "docs/*.txt", "docs/**/*.md", "d?cs/b.txt")]
    assert before == ["docs", "docs/b.txt", "docs/*.txt", "docs/**/*.md", "d?cs/b.txt"]
    write("docs/c.txt", "docs/d.md", "dacs/b.txt")
    assert [origin(typed) for typed in before] == before
    assert names("docs/**/*.md") == ["d.md", "deep/a.md"]
    assert origin("docs/b.txt", "docs/c.txt") == "docs"


def test_links_that_lead_out_of_a_folder_are_passed_over() -> None:
    write("docs/a.md", "secret/b.md", "secret/deep/c.md")
    os.symlink("../secret/b.md", "docs/b.md")
    os.symlink("../secret/deep", "docs/deep")
    os.symlink(os.path.abspath("secret/b.md"), "docs/c.md")
    assert names("docs") == ["a.md"]
    assert find_files(["docs"], KINDS).passed_over == tuple(
        f"docs/{name}: is a link that leads out of the folder" for name in ("b.md", "c.md", "deep")
    )
    assert names("docs/b.md") == ["b.md"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file() -> None:
    write("a[1].md", "a1.md")
    assert names("a[1].md") == ["a[1].md"]


def test_files_of_other_kinds_are_told_not_loaded() -> None:
    write("docs/a.md", "docs/b.png", "docs/c.png", "docs/Makefile", "x.pdf")
    found = find_files(["docs", "x.pdf"], KINDS)
    assert [file.name for file in found.files] == ["docs/a.md"]
    assert found.passed_over == (
        "docs: left out .png 2, without an ending 1; what can be read are .md, .txt",
        "x.pdf: cannot be read; what can be read are .md, .txt",
    )


@pytest.mark.parametrize("path", ["nothing.md", "no/where", "*.md", "", "\x00", "x" * 5000])
def test_a_path_that_leads_nowhere_is_named(path: str) -> None:
    write("docs/a.md")
    with pytest.raises(PathNotFound) as caught:
        find_files(["docs", path], KINDS)
    assert str(caught.value) == f"{path}: there is no such file or folder."


def test_links_in_a_circle_end_and_what_is_no_file_is_left_alone() -> None:
    write("docs/a.md")
    os.symlink("..", "docs/up")
    os.symlink("loop.md", "docs/loop.md")
    os.symlink("a.md", "docs/again.md")
    os.symlink("nowhere", "docs/broken.md")
    os.mkfifo("docs/pipe.md")
    os.mkfifo("docs/.hidden.md")
    assert names("docs") == ["a.md"]
    passed_over = {
        "docs/broken.md": "is a link that leads nowhere",
        "docs/loop.md": "is a link that leads in a circle",
        "docs/pipe.md": "is no regular file",
    }
    told = [f"{name}: {reason}" for name, reason in passed_over.items()]
    assert find_files(["docs"], KINDS).passed_over == (*told, "docs/up: is a link that leads out of the folder")
    assert [*find_files(["docs/*.md"], KINDS).passed_over] == told
    for name, reason in passed_over.items():
        found = find_files([name], KINDS)
        assert (found.files, found.passed_over) == ((), (f"{name}: {reason}",))
    assert find_files(["/dev/null"], ("",)).passed_over == ("/dev/null: is no regular file",)
    assert find_files(["/dev/null"], KINDS).passed_over[0].startswith("/dev/null: cannot be read")


def test_a_folder_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    write("docs/a.md", "docs/closed/b.md", "docs/z/c.md")
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = find_files(["docs"], KINDS)
    assert [file.name for file in found.files] == ["a.md", "z/c.md"]
    assert found.passed_over == ("docs/closed: cannot be read (Permission denied)",)


def test_names_hold_nothing_that_cannot_be_kept() -> None:
    os.mkdir(b"d\xff")
    Path("d\udcff/a\nb.md").touch()
    (file,) = find_files(["d\udcff"], KINDS).files
    assert file.name == "a b.md"
    assert find_files(["d\udcff"], KINDS).source == "d\N{REPLACEMENT CHARACTER}"
