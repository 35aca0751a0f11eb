"""Excel's .xlsx, by calamine: a sheet is a heading, its rows are lines; what formulas came to is read, not they."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import python_calamine
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from adapters.documents.archive import open_archive
from adapters.documents.table_rows import rows_as_lines
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_WHAT = "Excel workbook (.xlsx)"


def pages(content: bytes) -> Iterator[Page]:
    """A page for each sheet that is shown, without a number.

    Raises:
        DocumentUnreadable: it is protected, damaged, or has no rows.
    """
    open_archive(content, _WHAT, "[Content_Types].xml").close()
    has_rows = False
    try:
        workbook = CalamineWorkbook.from_object(io.BytesIO(content))
        for sheet in workbook.sheets_metadata:
            if sheet.visible != SheetVisibleEnum.Visible or sheet.typ != SheetTypeEnum.WorkSheet:
                continue
            rows = workbook.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            lines = "\n\n".join(rows_as_lines([_written(value) for value in row] for row in rows))
            if lines:
                has_rows = True
                yield Page(f"# {' '.join(sheet.name.split())}\n\n{lines}")
    except python_calamine.PasswordError as error:
        raise DocumentUnreadable("is protected by a password") from error
    except CalamineError as error:
        raise DocumentUnreadable(f"is damaged, or no {_WHAT}") from error
    if not has_rows:
        raise DocumentUnreadable("holds no rows below the names of its columns")


def _written(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds").removesuffix(" 00:00:00")
    return str(value)
