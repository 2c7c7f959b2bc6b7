"""An agent proposes how to clean a table, and a person chooses; the agent is asked anew by each replay."""

from llama_index.core import Settings
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai import OpenAI

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

llm = OpenAI(model="small")


class Chosen(HumanResponseEvent):
    numbers: list[int]


class Choose(InputRequiredEvent, answer=Chosen):
    proposal: str


class CleaningAdvice(Workflow):
    @step
    async def advise(self, ctx: Context, ev: StartEvent) -> StopEvent:
        print("asking the agent")
        agent = FunctionAgent(tools=[], llm=llm, system_prompt="You clean tables.")
        problems = await agent.run(f"What is wrong with {ev.table}?")  # unsafe: network
        proposal = (await llm.acomplete(f"Number these: {problems}")).text  # unsafe: network
        title = str(Settings.llm.complete("A title, please"))  # unsafe: network
        chosen = await ctx.ask(Choose(proposal=f"{title}\n{proposal}"))
        summary = await llm.acomplete(f"Do {chosen.numbers} of {proposal}")
        return StopEvent(result=summary.text)
