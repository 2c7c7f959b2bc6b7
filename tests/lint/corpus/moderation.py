"""Posts are shown to a moderator until a decision is clear. All that changes is the step's own."""

from collections import Counter, deque

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Vote(HumanResponseEvent):
    verdict: str
    note: str = ""


class Post(InputRequiredEvent, answer=Vote):
    text: str
    asked_before: int


class Tally:
    def __init__(self) -> None:
        self.votes: Counter[str] = Counter()
        self.notes: list[str] = []

    def count(self, vote: Vote) -> None:
        self.votes[vote.verdict] += 1
        self.notes.append(vote.note)

    def winner(self) -> str | None:
        return next((verdict for verdict, count in self.votes.items() if count >= 2), None)


class Moderation(Workflow):
    @step
    async def moderate(self, ctx: Context, ev: StartEvent) -> StopEvent:
        waiting = deque(ev.posts)
        decided: dict[str, str] = {}
        while waiting:
            text = waiting.popleft()
            tally = Tally()
            while (winner := tally.winner()) is None:
                tally.count(await ctx.ask(Post(text=text, asked_before=len(tally.notes))))
            decided[text] = winner
        return StopEvent(result=decided)
