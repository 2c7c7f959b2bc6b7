"""Counts who waits in this process; what is added is taken away again, by each suspension too."""

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Called(HumanResponseEvent):
    desk: int


class NextPlease(InputRequiredEvent, answer=Called):
    ticket: int


class OpenDesks(Workflow):
    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0

    @step
    async def queue(self, ctx: Context, ev: StartEvent) -> StopEvent:
        self.waiting += 1  # safe, warned: state
        try:
            called = await ctx.ask(NextPlease(ticket=ev.ticket))
        finally:
            self.waiting -= 1  # safe, warned: state
        return StopEvent(result=called.desk)
