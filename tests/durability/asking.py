"""A workflow that asks one question, for tests of what happens to such a run."""

from typing import Any

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Word(HumanResponseEvent, name="asking.word"):
    word: str


class Asked(InputRequiredEvent, name="asking.asked", answer=Word):
    pass


class Asking(Workflow):
    """Asks, and gives what it's told."""

    def __init__(self) -> None:
        super().__init__(workflow_name="asking", types=[Asked, Word])

    @step
    async def ask(self, ctx: Context[Any], ev: StartEvent) -> StopEvent:
        answer: Word = await ctx.ask(Asked())
        return StopEvent(result=answer.word)
