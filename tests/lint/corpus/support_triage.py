"""A model sorts mails to a support desk; a person confirms those that it isn't sure about."""

from openai import AsyncOpenAI

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

QUEUES = ["billing", "delivery", "other"]


class Mail(StartEvent):
    text: str


class Choice(HumanResponseEvent):
    queue: str


class Unsure(InputRequiredEvent, answer=Choice):
    text: str
    guess: str


class SupportTriage(Workflow):
    def __init__(self, client: AsyncOpenAI) -> None:
        super().__init__(timeout=None, types=[Choice, Unsure])
        self._client = client

    async def _guess(self, text: str) -> tuple[str, float]:
        completion = await self._client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": f"One of {QUEUES}? {text}"}]
        )
        word, _, sureness = completion.choices[0].message.content.partition(" ")
        return word, float(sureness)

    @step
    async def sort(self, ctx: Context, ev: Mail) -> StopEvent:
        queue, sureness = await ctx.once(self._guess, ev.text)
        if sureness < 0.8 or queue not in QUEUES:
            choice = await ctx.ask(Unsure(text=ev.text, guess=queue))
            queue = choice.queue
        await self._file(ev.text, queue)
        return StopEvent(result=queue)

    async def _file(self, text: str, queue: str) -> None:
        await self._client.files.create(file=(queue, text.encode()), purpose="assistants")
