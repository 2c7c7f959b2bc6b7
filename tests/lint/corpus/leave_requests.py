"""Keeps its statistics and its list of open requests on the workflow."""

from collections import defaultdict

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Leave(StartEvent):
    who: str
    days: int


class Answer(HumanResponseEvent):
    granted: bool


class MayLeave(InputRequiredEvent, answer=Answer):
    who: str
    days: int


class LeaveRequests(Workflow):
    def __init__(self) -> None:
        super().__init__(timeout=None, types=[Answer, MayLeave])
        self.open: list[str] = []
        self.days_by_person: dict[str, int] = defaultdict(int)
        self.requests = 0

    def note(self, ev: Leave) -> None:
        self.requests += 1  # unsafe: state
        self.days_by_person[ev.who] += ev.days  # unsafe: state

    @step
    async def decide(self, ctx: Context, ev: Leave) -> StopEvent:
        self.note(ev)
        waiting = self.open
        waiting.append(ev.who)  # unsafe: state
        answer = await ctx.ask(MayLeave(who=ev.who, days=ev.days))
        waiting.remove(ev.who)
        return StopEvent(result=answer.granted)
