"""Retrieval and a draft are on record; a person reads the draft, until they like it."""

from typing import Annotated, Any

from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.llms import LLM

from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource


class Found(Event):
    passages: list[str]
    question: str


class Comment(HumanResponseEvent):
    text: str


class Draft(InputRequiredEvent, answer=Comment):
    text: str


def index() -> VectorStoreIndex:
    return load_index_from_storage(StorageContext.from_defaults(persist_dir="papers"))


class AnswersFromPapers(Workflow):
    def __init__(self, llm: LLM) -> None:
        super().__init__(timeout=None, types=[Comment, Draft])
        self.llm = llm

    @step
    async def retrieve(self, ev: StartEvent, papers: Annotated[VectorStoreIndex, Resource(index)]) -> Found:
        nodes = await papers.as_retriever().aretrieve(ev.question)
        return Found(passages=[node.text for node in nodes], question=ev.question)

    @step
    async def answer(self, ctx: Context[Any], ev: Found) -> StopEvent:
        async def write(comments: list[str]) -> str:
            prompt = "\n".join([ev.question, *ev.passages, *comments])
            return (await self.llm.acomplete(prompt)).text

        comments: list[str] = []
        while True:
            draft = await ctx.once(write, comments)
            comment = await ctx.ask(Draft(text=draft))
            if comment.text == "fine":
                return StopEvent(result=draft)
            comments.append(comment.text)
