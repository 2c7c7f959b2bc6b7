"""The workloads in `langgraph`, written as its documentation has its users write them."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from typing import Annotated, Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from speaking import check, held, on_loop, seconds, serve
from typing_extensions import TypedDict

# --- steps one after the other ----------------------------------------------------------------------------------------


class Turns(TypedDict):
    left: int


async def turn(state: Turns) -> Turns:
    return {"left": state["left"] - 1}


def plain_turn(state: Turns) -> Turns:
    return {"left": state["left"] - 1}


def again(state: Turns) -> str:
    return "turn" if state["left"] > 0 else END


def loop_graph(node: Callable[[Turns], Any]) -> Any:
    builder = StateGraph(Turns)
    builder.add_node("turn", node)
    builder.add_edge(START, "turn")
    builder.add_conditional_edges("turn", again, ["turn", END])
    return builder.compile()


async def timed_turns(node: Callable[[Turns], Any], size: int) -> float:
    graph = loop_graph(node)
    start = seconds()
    result = await graph.ainvoke({"left": size}, {"recursion_limit": size + 10})
    took = seconds() - start
    check(result, {"left": 0})
    return took


async def loop(size: int) -> float:
    return await timed_turns(turn, size)


async def plain_loop(size: int) -> float:
    return await timed_turns(plain_turn, size)


async def one_step(size: int) -> float:
    graph = loop_graph(turn)
    await graph.ainvoke({"left": 1})
    start = seconds()
    for _ in range(size):
        check(await graph.ainvoke({"left": 1}), {"left": 0})
    return seconds() - start


class Counted(TypedDict):
    steps: int


async def pass_on(state: Counted) -> Counted:
    return {"steps": state["steps"] + 1}


def chain_graph(steps: int) -> Any:
    builder = StateGraph(Counted)
    builder.add_sequence([(f"step{number + 1}", pass_on) for number in range(steps)])
    builder.add_edge(START, "step1")
    return builder.compile()


async def chain(size: int) -> float:
    graph = chain_graph(10)
    await graph.ainvoke({"steps": 0})
    start = seconds()
    for _ in range(-(-size // 10)):
        check(await graph.ainvoke({"steps": 0}), {"steps": 10})
    return seconds() - start


async def concurrent(size: int) -> float:
    graph = chain_graph(3)
    await graph.ainvoke({"steps": 0})
    start = seconds()
    results = await asyncio.gather(*(graph.ainvoke({"steps": number}) for number in range(size)))
    took = seconds() - start
    check([result["steps"] for result in results], [number + 3 for number in range(size)])
    return took


# --- fan-out and join -------------------------------------------------------------------------------------------------


class Parts(TypedDict):
    parts: int
    done: Annotated[list[int], operator.add]
    joined: int


class Part(TypedDict):
    number: int


def scatter(state: Parts) -> list[Send]:
    return [Send("work", {"number": number}) for number in range(state["parts"])]


async def work(state: Part) -> dict[str, Any]:
    return {"done": [state["number"]]}


async def join(state: Parts) -> dict[str, Any]:
    return {"joined": len(state["done"])}


async def fan_out(size: int) -> float:
    builder = StateGraph(Parts)
    builder.add_node("work", work)
    builder.add_node("join", join)
    builder.add_conditional_edges(START, scatter, ["work"])
    builder.add_edge("work", "join")
    builder.add_edge("join", END)
    graph = builder.compile()
    start = seconds()
    result = await graph.ainvoke({"parts": size, "done": []})
    took = seconds() - start
    check(result["joined"], size)
    return took


# --- streaming --------------------------------------------------------------------------------------------------------


class Words(TypedDict):
    words: int


async def speak(state: Words) -> dict[str, Any]:
    write = get_stream_writer()
    for _ in range(state["words"]):
        write({"text": "word"})
    return {}


async def stream(size: int) -> float:
    builder = StateGraph(Words)
    builder.add_node("speak", speak)
    builder.add_edge(START, "speak")
    builder.add_edge("speak", END)
    graph = builder.compile()
    start = seconds()
    seen = 0
    async for chunk in graph.astream({"words": size}, stream_mode="custom"):
        seen += chunk == {"text": "word"}
    took = seconds() - start
    check(seen, size)
    return took


# --- asking somebody --------------------------------------------------------------------------------------------------


class Asked(TypedDict):
    ok: bool


async def ask(state: Asked) -> Asked:
    return {"ok": interrupt({"what": "pay?"})}


def asking_graph(saver: InMemorySaver) -> Any:
    builder = StateGraph(Asked)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


async def trip(size: int) -> float:
    """Its saver serializes each checkpoint to bytes, and reads them for the answer: that is its suspend and restore."""
    graph = asking_graph(InMemorySaver())
    start = 0.0
    for number in range(size + 1):
        if number == 1:
            start = seconds()
        config = {"configurable": {"thread_id": str(number)}}
        asked = await graph.ainvoke({"ok": False}, config)
        check(asked["__interrupt__"][0].value, {"what": "pay?"})
        check(await graph.ainvoke(Command(resume=True), config), {"ok": True})
    return seconds() - start


async def waiting(size: int) -> float:
    graph = asking_graph(InMemorySaver())
    before = 0.0
    for number in range(size + 1):
        if number == 1:
            before = held()
        asked = await graph.ainvoke({"ok": False}, {"configurable": {"thread_id": str(number)}})
        check("__interrupt__" in asked, True)
    del asked
    return held() - before


if __name__ == "__main__":
    serve(
        {
            "loop": on_loop(loop),
            "def-loop": on_loop(plain_loop),
            "one-step": on_loop(one_step),
            "chain": on_loop(chain),
            "concurrent": on_loop(concurrent),
            "list-fan-out": on_loop(fan_out),
            "stream": on_loop(stream),
            "trip": on_loop(trip),
            "waiting-run": on_loop(waiting),
            "waiting-run-rss": on_loop(waiting),
        }
    )
