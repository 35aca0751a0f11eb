"""The zip files that some documents are: opened in memory, never unpacked, and small enough before anything is read."""

import encodings.cp437  # noqa: F401 (zipfile would load it at the first name, when a worker can open no files any more)
import io
import zipfile
import zlib
from xml.etree import ElementTree
from xml.parsers import expat

from adapters.ports.errors import DocumentUnreadable

MAX_UNPACKED_BYTES = 200 * 2**20
MAX_MEMBERS = 20_000
_HEAD_BYTES = 64 * 2**10

_OLD_OR_PROTECTED = (
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Microsoft's container: of old files, and of encrypted new ones
)
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises at files that are damaged, or packed in a way that it does not know."""


def open_archive(content: bytes, what: str, first: str) -> zipfile.ZipFile:
    """The archive, if its members' names and sizes are those of a document.

    Args:
        content: the file.
        what: the kind of document, as people call it.
        first: a member without which it is none.

    Raises:
        DocumentUnreadable: it is protected, damaged, another kind of file, or would unpack to too much.
    """
    if content.startswith(_OLD_OR_PROTECTED):
        is_protected = _ENCRYPTED_PACKAGE in content
        raise DocumentUnreadable("is protected by a password" if is_protected else f"is of an older format, no {what}")
    if not content.startswith(b"PK"):
        raise DocumentUnreadable(f"is no {what}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except BROKEN_ZIP as error:
        raise DocumentUnreadable(f"is damaged, or no {what}") from error
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise DocumentUnreadable(f"would unpack to more than {MAX_UNPACKED_BYTES // 2**20} MiB, or too many parts")
    if any(member.flag_bits & 1 for member in members):
        raise DocumentUnreadable("is protected by a password")
    if first not in archive.namelist():
        raise DocumentUnreadable(f"is no {what}")
    return archive


def part(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's content: never more than the size that was looked at, whatever is packed in it.

    Raises:
        DocumentUnreadable: it is not there, or damaged.
    """
    try:
        return archive.read(name)
    except (KeyError, *BROKEN_ZIP) as error:
        raise DocumentUnreadable("is damaged: a part of it cannot be read") from error


def xml_part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    """A member that is XML.

    Raises:
        DocumentUnreadable: it is not there, damaged, or defines entities of its own.
    """
    content = part(archive, name)
    refuse_entities(content)
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DocumentUnreadable("is damaged: a part of it is no XML") from error


def refuse_entities_anywhere(archive: zipfile.ZipFile) -> None:
    """Look at the head of every member, for a library that will read those that it likes.

    Raises:
        DocumentUnreadable: one defines entities, or is damaged.
    """
    for name in archive.namelist():
        try:
            with archive.open(name) as member:
                refuse_entities(member.read(_HEAD_BYTES))
        except BROKEN_ZIP as error:
            raise DocumentUnreadable("is damaged: a part of it cannot be read") from error


def refuse_entities(xml: bytes) -> None:
    """Refuse XML that defines entities, of which a few lines may grow to gigabytes; no document needs any.

    They can be defined in the document type alone, which stands before the first element: no more is read.

    Raises:
        DocumentUnreadable: it defines some.
    """
    parser = expat.ParserCreate()

    def found_type(name: str, system: str | None, public: str | None, has_subset: int) -> None:
        if has_subset:
            raise DocumentUnreadable("defines XML entities, which are not read")

    def found_element(name: str, attributes: dict[str, str]) -> None:
        raise _Began

    parser.StartDoctypeDeclHandler = found_type
    parser.StartElementHandler = found_element
    try:
        parser.Parse(xml, False)
    except (_Began, expat.ExpatError, ValueError, LookupError):
        return  # what is no XML is told by whoever reads it


class _Began(Exception):
    """The first element is there."""
