"""`@step` keeps a function's type, with and without parentheses, and takes only functions that give events."""

from collections.abc import Awaitable, Callable
from typing import assert_type

from workflows.decorators import StepGraphCheck, step
from workflows.events import Event, StartEvent, StopEvent


class Order(Event):
    item: str


class Policy:
    def next(self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None) -> float | None:
        return None


class Attaching:
    @classmethod
    def add_step(cls, func: Callable[..., object]) -> None: ...


class Flow:
    @step
    async def take(self, ev: StartEvent) -> Order | None:
        return None

    @step(num_workers=2, retry_policy=Policy(), skip_graph_checks=["dead_end"], accept_event_subclasses=True)
    async def pack(self, ev: Order, ctx: object) -> StopEvent:
        return StopEvent()

    @step()
    def threaded(self, ev: Order) -> None: ...

    @staticmethod
    @step
    async def free_of_self(ev: Order) -> StopEvent:
        return StopEvent()

    @step
    def handed_on(self, ev: Order) -> Awaitable[StopEvent]:
        return self.free_of_self(ev)

    @step  # expect: error
    async def number(self, ev: Order) -> int:
        return 1

    @step()  # expect: error
    def text(self, ev: Order) -> str:
        return "x"


@step(workflow=Attaching)
async def free(ev: Order) -> StopEvent:
    return StopEvent()


async def types_are_kept(flow: Flow, order: Order) -> None:
    assert_type(await flow.take(StartEvent()), Order | None)
    assert_type(await flow.pack(order, 3), StopEvent)
    assert_type(flow.threaded(order), None)
    assert_type(await Flow.free_of_self(order), StopEvent)
    assert_type(await free(order), StopEvent)
    await flow.take(order)  # expect: error
    await flow.pack(order)  # expect: error
    await free("x")  # expect: error


def options(names: list[StepGraphCheck]) -> None:
    step(skip_graph_checks=names)
    step(skip_graph_checks={"reachability", "dead_end"})
    step(skip_graph_checks=["terminal_event"])  # expect: error
    step(skip_graph_checks="dead_end")  # expect: error
    step(num_workers="2")  # expect: error
    step(num_workers=None)  # expect: error
    step(retry_policy=Policy)  # expect: error
    step(retry_policy=3)  # expect: error
    step(workflow=Flow)  # expect: error
    step(3)  # expect: error
    step(timeout=3)
    step(timeout="3")  # expect: error
