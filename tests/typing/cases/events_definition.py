"""Class keywords. mypy doesn't check those of a class with a metaclass; at run time all of these are refused."""

from workflows.events import Event, HumanResponseEvent, InputRequiredEvent


class Named(Event, name="named", aliases=["older"], extra=False):
    text: str


class Approved(HumanResponseEvent, name="approved"):
    by: str


class Approval(InputRequiredEvent, answer=Approved, name="approval", extra=True):
    claim_id: str


class Plain(InputRequiredEvent, answer=HumanResponseEvent):
    pass


class Numbered(Event, name=3):  # expect: error[pyright]
    pass


class Misspelt(Event, nmae="x"):  # expect: error[pyright]
    pass


class AnswersNothing(Event, answer=Approved):  # expect: error[pyright]
    pass


class AnsweredByText(InputRequiredEvent, answer=str):  # expect: error[pyright]
    pass


class AnsweredByEvent(InputRequiredEvent, answer=Named):  # expect: error[pyright]
    pass
