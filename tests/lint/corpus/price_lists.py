"""Prepares what it's going to send, with what its libraries give for that, and sends when somebody has agreed."""

import httpx
import openai
from openai.types.chat import ChatCompletion
from psycopg import sql
from sqlalchemy import select
from sqlalchemy.orm import selectinload, sessionmaker

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from .catalogue import Article

Sessions = sessionmaker()


class Drafted(Event):
    answer: ChatCompletion
    page: httpx.URL


class Agreed(HumanResponseEvent):
    ok: bool


class MayISend(InputRequiredEvent, answer=Agreed):
    text: str


def first_of(where, name):
    return where.get(name)


class PriceLists(Workflow):
    def __init__(self) -> None:
        super().__init__()
        self.client = httpx.AsyncClient()

    async def fetch(self, url: str) -> str:
        async with httpx.AsyncClient() as client:
            answer = await first_of(client, url)
        return answer.text

    @step
    async def draft(self, ctx: Context, ev: StartEvent) -> Drafted:
        prices = await ctx.once(self.fetch, "https://prices.example")
        answer = await ctx.once(self.ask_a_model, prices)
        return Drafted(answer=answer, page=httpx.URL("https://prices.example").join("today"))

    async def ask_a_model(self, prices: str) -> ChatCompletion:
        return await openai.AsyncOpenAI().chat.completions.create(model="small", messages=[{"content": prices}])

    @step
    async def send(self, ctx: Context, ev: Drafted) -> StopEvent:
        text = ev.answer.model_dump_json()
        query = select(Article).options(selectinload(Article.prices)).where(Article.page == str(ev.page))
        table = sql.SQL("select * from {}").format(sql.Identifier("prices"))
        tool = openai.pydantic_function_tool(Article)
        request = httpx.Request("POST", ev.page.copy_with(path="/send"), json={"text": text})
        length = first_of(request.headers, "content-length")
        agreed = await ctx.ask(MayISend(text=f"{text} ({length})"))
        if not agreed.ok:
            return StopEvent(result=None)
        with Sessions() as session:
            session.execute(query)
        sent = await self.client.send(request)
        return StopEvent(result=(sent.status_code, table, tool))
