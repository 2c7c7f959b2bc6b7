"""Gives everything a name of its own: what it asks with, what it calls, and what it counts in."""

import functools
from time import *

import httpx

from workflows import *
from workflows.events import *


class Swap(HumanResponseEvent):
    ok: bool


class MaySwap(InputRequiredEvent, answer=Swap):
    who: str


def announcing(channel):
    def announce(text):
        httpx.post(f"https://chat.example/{channel}", json={"text": text})  # unsafe: network

    return announce


async def agreed_by(ask, people):
    for who in people:
        if not (await ask(MaySwap(who=who))).ok:
            return False
    return True


def note(where, what):
    where.append(what)  # unsafe: state


class ShiftSwaps(Workflow):
    look_up = httpx.get

    def __init__(self) -> None:
        super().__init__()
        self.asked = []
        self.tell = {"all": httpx.post}

    @step
    async def swap(self, ctx: Context, ev: StartEvent) -> StopEvent:
        began = time()  # unsafe: clock
        fetch = httpx.get
        shifts = fetch("https://rota.example").json()  # unsafe: network
        note(self.asked, ev.who)
        announce = announcing("rota")
        announce(f"{ev.who} wants to swap")
        self.tell["all"]("https://rota.example")  # unsafe, missed: network
        is_agreed = await agreed_by(ctx.ask, shifts)
        ask = functools.partial(ctx.ask, MaySwap(who="the boss"))
        fetch("https://rota.example/boss")  # unsafe: network
        is_agreed = is_agreed and (await ask()).ok
        names = []
        note(names, ev.who)
        return StopEvent(result=(is_agreed, time() - began, names))
