"""Questions: what is shown of one, and how late one may be due."""

from datetime import UTC, datetime

import pytest

from tests.core.flow import Approval, Approved
from workflows.core.questions import LATEST, Question


@pytest.mark.guarantee("W10")
def test_a_question_shows_what_whoever_answers_it_wants_to_know() -> None:
    asked = Approval(what="go on?")
    question = Question("q1-0123456789abcdef", asked, Approved, "check", 5.0, {"who": "ann"}, path=("buy/Order",))
    assert repr(question) == (
        f"Question(id='q1-0123456789abcdef', event={asked!r}, answer_type={Approved!r}, step='check', deadline_at=5.0, "
        "requirements={'who': 'ann'}, path=('buy/Order',))"
    )


@pytest.mark.guarantee("W8")
def test_the_latest_deadline_is_the_last_second_that_a_datetime_can_name() -> None:
    latest = Question("q1-0123456789abcdef", None, Approved, "check", LATEST)
    assert latest.deadline == datetime.max.replace(microsecond=0, tzinfo=UTC)
