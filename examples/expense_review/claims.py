"""Claims: what a line of the CSV must be. All that is wrong with a file is told at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TypeVar

import attrs

COLUMNS = ("id", "employee", "date", "category", "amount", "currency", "receipt", "description")
CATEGORIES = ("lodging", "meals", "phone", "supplies", "training", "travel")
CURRENCIES = ("CHF", "EUR", "GBP", "USD")

T = TypeVar("T")


@attrs.frozen
class Claim:
    """One line of the file."""

    line: int
    id: str
    employee: str
    day: date
    category: str
    amount: Decimal
    currency: str
    has_receipt: bool
    description: str


class BadClaims(Exception):
    """The file can't be used; `problems` has a line for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_claims(data: bytes) -> list[Claim]:
    """Read the claims of a CSV file.

    Raises:
        BadClaims: Something in it isn't as it must be.
    """
    problems: list[str] = []
    claims = list(_claims(_text(data), problems))
    if not claims and not problems:
        problems.append(
            "line 2: there's no claim in the file; expected one on each line below the names of the columns"
        )
    if problems:
        raise BadClaims(problems)
    return claims


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start : error.start + 1]
        raise BadClaims(
            [f"line {line}: the byte {found!r} isn't UTF-8; save the file as 'CSV UTF-8', or convert it with iconv"]
        ) from error
    if not text.strip():
        raise BadClaims([f"line 1: the file is empty; expected the names of the columns: {', '.join(COLUMNS)}"])
    return text


def _claims(text: str, problems: list[str]) -> Iterator[Claim]:
    """Give the claims that are right, and add what is wrong to `problems`."""
    rows = _rows(text, problems)
    _, header = next(rows, (1, list[str]()))
    columns = [name.strip().lower() for name in header]
    problems += _header_problems(columns)
    lines: dict[str, int] = {}
    for line, values in rows:
        if len(values) != len(columns):
            problems.append(
                f"line {line}: has {len(values)} values for {len(columns)} columns; expected one for each, and quotes "
                f"around a text with a comma in it: {','.join(values)!r:.80}"
            )
            continue
        before = len(problems)
        by_name = {name: value for name, value in zip(columns, values, strict=True) if columns.count(name) == 1}
        claim = _claim(_Row(line, by_name, problems))
        first = lines.setdefault(claim.id, line)
        if first != line and claim.id:
            problems.append(f"line {line}: id {claim.id!r} is taken by line {first}; give each claim an id of its own")
        if len(problems) == before:
            yield claim


def _rows(text: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that aren't blank, each with the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(
                f"line {line}: can't be read as CSV ({error}); expected each text with quotes in it to be quoted, and "
                "its own quotes doubled. What comes after it wasn't looked at"
            )
            return
        if any(value.strip() for value in row):
            yield line, row


def _header_problems(columns: list[str]) -> Iterator[str]:
    found = ",".join(columns)
    if len(columns) == 1 and (separator := re.search(r"[;\t|]", found)):
        yield f"line 1: {found!r} is separated by {separator[0]!r}; expected commas. Export the table again with those"
        return
    for name in COLUMNS:
        if columns.count(name) != 1:
            what = "is missing" if name not in columns else "is there twice"
            yield f"line 1: column {name!r} {what} in {found!r}; expected once each of {', '.join(COLUMNS)}"


@attrs.frozen
class _Row:
    line: int
    values: dict[str, str]
    problems: list[str]

    def value(self, column: str, read: Callable[[str], T | None], otherwise: T, expected: str) -> T:
        """A value of the row; what isn't as expected becomes a problem, and `otherwise`."""
        text = self.values.get(column)
        if text is None:
            return otherwise  # the header hasn't got this column once, which was said
        found = read(" ".join(text.split()))
        if found is None:
            self.problems.append(f"line {self.line}: {column} is {text!r:.80}; expected {expected}")
            return otherwise
        return found


def _claim(row: _Row) -> Claim:
    text = "a text of characters that can be shown"
    return Claim(
        line=row.line,
        id=row.value("id", _shown, "", text),
        employee=row.value("employee", _shown, "", text),
        day=row.value("date", _day, date.min, "a date such as 2025-03-31"),
        category=row.value("category", _one_of(CATEGORIES), "", f"one of {', '.join(CATEGORIES)}"),
        amount=row.value("amount", _amount, Decimal(0), "an amount above 0, without separators, such as 1250.00"),
        currency=row.value("currency", _one_of(CURRENCIES), "", f"one of {', '.join(CURRENCIES)}"),
        has_receipt=row.value("receipt", {"yes": True, "no": False}.get, False, "yes or no"),
        description=row.value("description", _shown, "", text),
    )


def _shown(text: str) -> str | None:
    return text if text and text.isprintable() else None  # no escape sequences on the reviewer's terminal


def _one_of(names: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda text: text if text in names else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _amount(text: str) -> Decimal | None:
    amount = Decimal(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", text) else Decimal(0)
    return amount if amount > 0 else None
