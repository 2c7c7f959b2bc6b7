"""Steps that run in worker processes, where a worker process can import them."""

from __future__ import annotations

import os
import socket
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import cattrs

from workflows import Context, Workflow, step
from workflows.errors import StepTimedOut
from workflows.events import Event, StartEvent, StopEvent
from workflows.retry_policy import retry_if_exception_type, retry_policy, stop_after_attempt, wait_none


class Task(Event):
    what: str
    port: int = 0
    value: Any = None


class Done(Event):
    what: str
    pid: int
    value: Any = None


class Known(Exception):
    """Declared by the workflow."""


class Unknown(Exception):
    """Not declared."""

    def __init__(self, what: str, *, code: int) -> None:
        super().__init__(what)
        self.code = code
        self.lock = socket.socket()  # can't be pickled, either


class Money:
    """Stored by a hook of the workflow's own."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    __hash__ = None  # type: ignore[assignment]


class Crunching(Workflow):
    """Hands tasks to processes: as many as `run(tasks=[...])` says."""

    def __init__(self, **options: Any) -> None:
        super().__init__(types=[Known, Money, *options.pop("types", [])], **options)
        self.only_here = "not there in a process"

    def configure_converter(self, converter: cattrs.Converter) -> None:
        converter.register_unstructure_hook(Money, lambda money: money.cents)
        converter.register_structure_hook(Money, lambda cents, _: Money(cents))

    @step
    async def split(self, ev: StartEvent) -> list[Task]:
        return [*ev.tasks]

    @step
    async def join(self, done: list[Done]) -> StopEvent:
        return StopEvent(result=done)


def say_hello(port: int) -> socket.socket:
    """Connect to the test, and say which process this is."""
    line = socket.create_connection(("127.0.0.1", port))
    line.sendall(b"%d\n" % os.getpid())
    return line


@step(
    workflow=Crunching,
    run_in="process",
    num_workers=3,
    retry_policy=retry_policy(None, wait_none(), stop_after_attempt(2)),
)
def crunch(ev: Task) -> Done:
    match ev.what:
        case "double":
            return Done(what="doubled", pid=os.getpid(), value=ev.value * 2)
        case "hold":  # for as long as the test holds the line
            line = say_hello(ev.port)
            told = line.recv(100)
            return Done(what=told.decode(), pid=os.getpid())
        case "known":
            raise Known("of its own type")
        case "unknown":
            raise Unknown("of no type that's known", code=7)
        case "builtin":
            raise FileNotFoundError(2, "No such file", "x.csv")
        case "exit":
            sys.exit(3)
        case "die":
            os._exit(7)
        case "die once":
            flag = Path(ev.value)
            if not flag.exists():
                flag.touch()
                os._exit(7)
            return Done(what="lived", pid=os.getpid())
        case "odd":
            return Done(what="odd", pid=os.getpid(), value=object())
        case "nothing":
            return 5  # type: ignore[return-value]  # pyright: ignore[reportReturnType]
        case _:
            return Done(what="echoed", pid=os.getpid(), value=ev.value)


class Sum(StopEvent):
    total: Decimal


class Numbers(StartEvent):
    numbers: list[Decimal]


class Number(Event):
    number: Decimal


class Summing(Workflow[Numbers, Sum]):
    """Joins in a process."""

    @step
    async def split(self, ctx: Context, ev: Numbers) -> list[Number]:
        return [Number(number=number) for number in ev.numbers]


@step(workflow=Summing, run_in="process")
def total(numbers: list[Number]) -> Sum:
    return Sum(total=sum((found.number for found in numbers), Decimal(0)))


class Hurried(Workflow):
    """Has time enough on every machine, and none when the clock is put forward."""


HURRIED_S = 20.0


@step(
    workflow=Hurried,
    run_in="process",
    timeout=HURRIED_S,
    retry_policy=retry_policy(retry_if_exception_type(StepTimedOut), wait_none(), stop_after_attempt(2)),
)
def hurry(ev: StartEvent) -> StopEvent:
    line = say_hello(ev.port)
    told = line.recv(100)
    return StopEvent(result=(told.decode(), os.getpid()))
