"""Reading a CSV of claims: what is right is read as it stands, and what is wrong is told at once, with the way out."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expense_review.claims import CATEGORIES, COLUMNS, CURRENCIES, BadClaims, Claim, read_claims
from tests.examples.program import EXAMPLES

HEADER = "id,employee,date,category,amount,currency,receipt,description"
ROW = "A-1,Ada Okafor,2025-03-03,travel,38.40,EUR,yes,Train"

words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1)
shown_texts = st.lists(words, min_size=1).map(" ".join)
claims = st.builds(
    Claim,
    line=st.just(0),
    id=shown_texts,
    employee=shown_texts,
    day=st.dates(min_value=date(1000, 1, 1)),
    category=st.sampled_from(CATEGORIES),
    amount=st.decimals(min_value="0.01", max_value="999999999.99", places=2),
    currency=st.sampled_from(CURRENCIES),
    has_receipt=st.booleans(),
    description=shown_texts,
)


def problems_of(text: str | bytes) -> list[str]:
    with pytest.raises(BadClaims) as caught:
        read_claims(text if isinstance(text, bytes) else text.encode())
    return caught.value.problems


def test_the_sample_has_about_forty_claims_and_nothing_wrong() -> None:
    found = read_claims((EXAMPLES / "claims.csv").read_bytes())
    assert 35 <= len(found) <= 45
    assert found[2].amount == Decimal("286.00")
    assert found[2].description == "Hotel Speicher, trade fair rate"


@pytest.mark.parametrize(
    "extra", ["\ufeff{0}\n{1}\n", "{0}\r\n{1}\r\n", "{0},note\n{1},whatever\n", "{0}\n\n,,,,,,,\n{1}"]
)
def test_what_spreadsheets_make_of_a_file_is_read(extra: str) -> None:
    (claim,) = read_claims(extra.format(HEADER, ROW).encode())
    assert (claim.id, claim.day, claim.amount, claim.has_receipt) == ("A-1", date(2025, 3, 3), Decimal("38.40"), True)


@given(st.lists(claims, min_size=1, unique_by=lambda claim: claim.id))
def test_claims_that_were_written_are_read_as_they_were(written: list[Claim]) -> None:
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(COLUMNS)
    for claim in written:
        receipt = "yes" if claim.has_receipt else "no"
        amount = f"{claim.amount:.2f}"
        table.writerow(
            [claim.id, claim.employee, claim.day, claim.category, amount, claim.currency, receipt, claim.description]
        )
    found = read_claims(file.getvalue().encode())
    assert [claim.line for claim in found] == list(range(2, 2 + len(written)))
    for claim, original in zip(found, written, strict=True):
        assert claim == Claim(
            claim.line,
            original.id,
            original.employee,
            original.day,
            original.category,
            original.amount,
            original.currency,
            original.has_receipt,
            original.description,
        )


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.text(alphabet='",;\n\r-Aé0.').map(lambda end: f"{HEADER}\n{end}".encode())
)
def test_whatever_is_in_a_file_it_is_read_or_refused_with_a_line(data: bytes) -> None:
    problems: list[str] = []
    found: list[Claim] = []
    try:
        found = read_claims(data)
    except BadClaims as error:
        problems = error.problems
    assert bool(found) is not bool(problems)
    assert all(problem.startswith("line ") for problem in problems)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("amount", "12,50", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "-3.00", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "0.00", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "1e3", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "NaN", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "١٢", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "1_000", "an amount above 0, without separators, such as 1250.00"),
        ("amount", "9.999", "an amount above 0, without separators, such as 1250.00"),
        ("date", "03.03.2025", "a date such as 2025-03-31"),
        ("date", "2025-02-30", "a date such as 2025-03-31"),
        ("date", "20250303", "a date such as 2025-03-31"),
        ("category", "Travel", "one of lodging, meals, phone, supplies, training, travel"),
        ("currency", "eur", "one of CHF, EUR, GBP, USD"),
        ("receipt", "maybe", "yes or no"),
        ("employee", "", "a text of characters that can be shown"),
        ("id", " ", "a text of characters that can be shown"),
        ("description", "\x1b[2J", "a text of characters that can be shown"),
    ],
)
def test_a_value_that_cannot_be_is_shown_with_its_line_and_what_was_expected(
    column: str, value: str, expected: str
) -> None:
    values = dict(zip(COLUMNS, ROW.split(","), strict=True)) | {column: f'"{value}"'}
    assert problems_of(f"{HEADER}\n{ROW.replace('A-1', 'A-0')}\n{','.join(values.values())}\n") == [
        f"line 3: {column} is {value!r}; expected {expected}"
    ]


def test_all_problems_of_a_file_are_told_at_once() -> None:
    text = f"""{HEADER}
{ROW}
A-1,Ada Okafor,2025-03-32,travel,38.4O,EUR,yes,"Train
in two lines"
A-3,Ada Okafor,2025-03-03,travel,38.40,EUR,yes,Train, first class
A-4,Ada Okafor,2025-03-03,travel,38.40,EUR,,Train
"""
    assert problems_of(text) == [
        "line 3: date is '2025-03-32'; expected a date such as 2025-03-31",
        "line 3: amount is '38.4O'; expected an amount above 0, without separators, such as 1250.00",
        "line 3: id 'A-1' is taken by line 2; give each claim an id of its own",
        "line 5: has 9 values for 8 columns; expected one for each, and quotes around a text with a comma in it: "
        "'A-3,Ada Okafor,2025-03-03,travel,38.40,EUR,yes,Train, first class'",
        "line 6: receipt is ''; expected yes or no",
    ]


def test_missing_and_doubled_columns_are_told_together_with_what_is_wrong_below() -> None:
    header = HEADER.replace("amount", "sum").replace("receipt", "date")
    text = f"{header}\n{ROW.replace('travel', 'trips')}\n"
    end = f"in {header!r}; expected once each of {', '.join(COLUMNS)}"
    assert problems_of(text) == [
        f"line 1: column 'date' is there twice {end}",
        f"line 1: column 'amount' is missing {end}",
        f"line 1: column 'receipt' is missing {end}",
        "line 2: category is 'trips'; expected one of lodging, meals, phone, supplies, training, travel",
    ]


def test_another_separator_is_recognized() -> None:
    assert problems_of(f"{HEADER}\n{ROW}\n".replace(",", ";")) == [
        f"line 1: '{HEADER.replace(',', ';')}' is separated by ';'; expected commas. Export the table again with those"
    ]


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert problems_of(text) == [f"line 1: the file is empty; expected the names of the columns: {', '.join(COLUMNS)}"]


def test_a_file_without_claims_is_refused() -> None:
    assert problems_of(f"{HEADER}\n") == [
        "line 2: there's no claim in the file; expected one on each line below the names of the columns"
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf_8_is_refused_with_the_place(encoding: str) -> None:
    (problem,) = problems_of(f"{HEADER}\n{ROW.replace('Ada', 'Åda')}\n".encode(encoding))
    assert "isn't UTF-8; save the file as 'CSV UTF-8', or convert it with iconv" in problem
    assert problem.startswith("line 2: the byte b'\\xc5'" if encoding == "latin-1" else "line 1: the byte b'\\xff'")


def test_a_quote_that_is_never_closed_is_told_with_the_line_it_is_on() -> None:
    (problem,) = problems_of(f'{HEADER}\n{ROW}\nA-2,"Ada Okafor,2025-03-03,travel,1.00,EUR,yes,Train\nA-3,and so on\n')
    assert problem.startswith("line 3: can't be read as CSV (unexpected end of data); expected ")
