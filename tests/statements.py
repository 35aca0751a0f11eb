"""Which statements a program sends to its database, and whether each says whose rows it is about.

A statement is read as SQLAlchemy holds it, not as text: of each table that has rows of several agents, one of the
conditions that all have to hold must name the agent, the scope, or a row of another table that is held so itself.
"""

import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import greenlet
from sqlalchemy import Engine, FromClause, Table, event
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.dml import Delete, Update
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseElement, ColumnClause, Grouping
from sqlalchemy.sql.selectable import Alias, Exists, FromGrouping, Join, ScalarSelect, Select, SelectBase

from memory.sqlite.tables import agents

WHOSE = frozenset({"agent_id", "scope"})
"""Columns that say whose a row is."""


@dataclass
class Statements:
    """What was sent, each shape once.

    Attributes:
        unbound: of statements that leave open whose rows they are about: which function sent it, and the tables.
        texts: statements that were written as text, with the function that sent them.
        seen: how many there were.
    """

    unbound: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


@contextmanager
def watched() -> Iterator[Statements]:
    """All statements of all databases, from now on until the end of the block."""
    found = Statements()

    def note(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        if statement in found.seen:
            return
        found.seen.add(statement)
        compiled = getattr(context, "compiled", None)
        element = getattr(compiled, "statement", None)
        if element is None or element.__visit_name__ == "textclause":
            found.texts[statement] = _sender()
        elif loose := unbound(element):
            found.unbound[statement] = (_sender(), loose)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _sender() -> str:
    """The function of ours that sends a statement: SQLAlchemy runs it in a greenlet of its own."""
    parent = greenlet.getcurrent().parent
    frame = parent.gr_frame if parent is not None and parent.gr_frame is not None else sys._getframe()
    for each, _ in traceback.walk_stack(frame):
        module = str(each.f_globals.get("__name__", ""))
        if module.split(".")[0] in ("memory", "bot") and module not in _BELOW:
            return f"{module}.{each.f_code.co_qualname}"
    return MIGRATIONS


MIGRATIONS = "a migration"
"""Their modules have no names; they write tables anew, whole."""

_BELOW = ("memory.sqlite.database", "memory.sqlite.writer", "memory.sqlite.one_trip")


def is_of_somebody(table: Table) -> bool:
    """Whether a table has rows of several agents or places."""
    return bool(WHOSE.intersection(table.columns.keys()))


def unbound(statement: ClauseElement) -> frozenset[str]:
    """The tables of which a statement does not say whose rows it is about."""
    return frozenset(_unbound_in(statement, frozenset()))


def _unbound_in(element: Any, outer: frozenset[Any]) -> Iterator[str]:
    """The same of a part of a statement; `outer` are the tables of those around it, which are held there."""
    if isinstance(element, Select):
        froms, conditions = _flat(element.get_final_froms())
        own = [of for of in froms if of not in outer]
        yield from _unbound_at(own, [*conditions, *_all_of(element.whereclause)])
        outer |= frozenset(own)
    elif isinstance(element, Update | Delete):
        yield from _unbound_at([element.table], _all_of(element.whereclause))
        outer |= {element.table}
    # A row that is new says whose it is, as the columns cannot be null.
    for part in element.get_children():
        yield from _unbound_in(part, outer)


def _flat(froms: Iterable[FromClause]) -> tuple[list[FromClause], list[ClauseElement]]:
    """Tables and subqueries, out of their joins; and what these hold them together by."""
    tables: list[FromClause] = []
    conditions: list[ClauseElement] = []
    for of in froms:
        if isinstance(of, FromGrouping):
            of = of.element
        if isinstance(of, Join):
            inner, more = _flat([of.left, of.right])
            tables += inner
            conditions += [*more, *_all_of(of.onclause)]
        else:
            tables.append(of)
    return tables, conditions


def _all_of(clause: ClauseElement | None) -> list[ClauseElement]:
    if clause is None:
        return []
    if isinstance(clause, Grouping):
        return _all_of(clause.element)
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        return [part for some in clause.clauses for part in _all_of(some)]
    return [clause]


def _table_of(of: FromClause) -> Table | None:
    while isinstance(of, Alias):
        of = of.element
    return of if isinstance(of, Table) else None


def _unbound_at(froms: list[FromClause], conditions: list[ClauseElement]) -> Iterator[str]:
    open_ = {of: table for of in froms if (table := _table_of(of)) is not None and is_of_somebody(table)}
    left = dict(open_)
    is_more = True
    while left and is_more:
        bound = [of for of in left if any(_binds(of, condition, left) for condition in conditions)]
        for of in bound:
            del left[of]
        is_more = bool(bound)
    yield from (table.name for table in left.values())


def _binds(of: FromClause, condition: ClauseElement, left: dict[FromClause, Table]) -> bool:
    """Whether a condition holds a table to whose rows are meant."""
    if isinstance(condition, Grouping):
        return _binds(of, condition.element, left)
    if isinstance(condition, BooleanClauseList):  # one of these: each has to
        parts = [_all_of(part) for part in condition.clauses]
        return all(any(_binds(of, each, left) for each in part) for part in parts)
    if not isinstance(condition, BinaryExpression) or condition.operator not in (operators.eq, operators.in_op):
        return False
    for one, other in ((condition.left, condition.right), (condition.right, condition.left)):
        if not (isinstance(one, ColumnClause) and one.table is of):
            continue
        if isinstance(other, ColumnClause):
            # the row of another table, which is held itself
            return other.table is not of and other.table not in left
        if (within := _select_of(other)) is not None:
            return not unbound(within) and (_says_whose(one) or _is_held(within))
        return _says_whose(one)
    return False


def _says_whose(column: ColumnClause[Any]) -> bool:
    return column.name in WHOSE or (column.name == "id" and _table_of(column.table) is agents)  # type: ignore[arg-type] # SQLAlchemy types the table of a column more widely


def _select_of(element: Any) -> SelectBase | None:
    while isinstance(element, Grouping | ScalarSelect | Exists):
        element = element.element
    return element if isinstance(element, SelectBase) else None


def _is_held(statement: SelectBase) -> bool:
    """Whether a statement, of which nothing is left open, reads a table that has rows of several agents."""
    found = (
        of for element in visitors.iterate(statement) if isinstance(element, Select) for of in element.get_final_froms()
    )
    return any((table := _table_of(of)) is not None and is_of_somebody(table) for of in _flat(found)[0])
