"""`ctx.run(child)`: its result has the type that the child's brackets say."""

from typing import Any, assert_type

from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent


class Claim(StartEvent):
    euros: int


class Decided(StopEvent):
    approved: bool


class Text(Workflow[Claim, str]):
    @step
    async def work(self, ev: Claim) -> StopEvent:
        return StopEvent(result="x")


class Deciding(Workflow[Claim, Decided]):
    @step
    async def work(self, ev: Claim) -> Decided:
        return Decided(approved=True)


class Bare(Workflow):
    @step
    async def work(self, ev: StartEvent) -> StopEvent:
        return StopEvent()


class Month(Workflow):
    def __init__(self) -> None:
        self.text, self.deciding, self.bare = Text(), Deciding(), Bare()
        super().__init__(children=[self.text, self.deciding, self.bare])

    @step
    async def settle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        assert_type(await ctx.run(self.text, euros=1), str)
        assert_type(await ctx.run(self.deciding, key="k", euros=1), Decided)
        assert_type(await ctx.run(self.bare), Any)
        await ctx.run(Text, euros=1)  # expect: error
        await ctx.run(self.text, key=1, euros=1)  # expect: error
        await ctx.run()  # expect: error
        return StopEvent()


Month(children=[Text()])  # expect: error
Workflow(children=[Text(), Bare()])
Workflow(children=[Text])  # expect: error
Workflow(children=Text())  # expect: error
