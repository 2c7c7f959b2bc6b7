"""Questions in an order that is drawn for each run, and stays the same on a replay."""

from random import Random

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Guess(HumanResponseEvent):
    word: str


class Riddle(InputRequiredEvent, answer=Guess):
    text: str
    hint: str


RIDDLES = {"It has hands and can't clap": "clock", "The more it dries, the wetter it gets": "towel"}


def shuffled(text: str, random: Random) -> str:
    letters = list(text)
    random.shuffle(letters)
    return "".join(letters)


class Quiz(Workflow):
    @step
    async def play(self, ctx: Context, ev: StartEvent) -> StopEvent:
        order = sorted(RIDDLES)
        ctx.random.shuffle(order)
        points = 0
        fixed = Random(4)
        for text in order:
            hint = shuffled(RIDDLES[text], ctx.random if ev.hard else fixed)
            started = ctx.now()
            guess = await ctx.ask(Riddle(text=text, hint=hint))
            points += (guess.word == RIDDLES[text]) * (2 if (ctx.now() - started).seconds < 10 else 1)
        return StopEvent(result=points)
