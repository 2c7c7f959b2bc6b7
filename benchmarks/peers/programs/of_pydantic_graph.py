"""The workloads in `pydantic-graph`, written as its documentation has its users write them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic_graph import BaseNode, End, Graph, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from speaking import check, on_loop, seconds, serve

# --- steps one after the other ----------------------------------------------------------------------------------------


@dataclass
class Turn(BaseNode[None, object, int]):
    left: int

    async def run(self, ctx: GraphRunContext[None]) -> Turn | End[int]:
        return Turn(self.left - 1) if self.left > 1 else End(self.left)


def loop_graph() -> Graph[Any, Any, int, int]:
    builder = GraphBuilder(input_type=int, output_type=int)

    @builder.step
    async def begin(ctx: StepContext[None, None, int]) -> Turn:
        return Turn(ctx.inputs)

    builder.add(builder.node(Turn), builder.edge_from(builder.start_node).to(begin))
    return builder.build()


async def loop(size: int) -> float:
    graph = loop_graph()
    start = seconds()
    result = await graph.run(inputs=size)
    took = seconds() - start
    check(result, 1)
    return took


async def one_step(size: int) -> float:
    builder = GraphBuilder(input_type=int, output_type=int)

    @builder.step
    async def only(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    builder.add(builder.edge_from(builder.start_node).to(only), builder.edge_from(only).to(builder.end_node))
    graph = builder.build()
    check(await graph.run(inputs=1), 1)
    start = seconds()
    for number in range(size):
        check(await graph.run(inputs=number), number)
    return seconds() - start


StepFunction = Callable[[StepContext[None, None, int]], Awaitable[int]]


def passing_on(number: int) -> StepFunction:
    async def pass_on(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs + 1

    pass_on.__name__ = pass_on.__qualname__ = f"step{number}"
    return pass_on


def chain_graph(steps: int) -> Graph[Any, Any, int, int]:
    builder = GraphBuilder(input_type=int, output_type=int)
    chained = [builder.step(passing_on(number + 1)) for number in range(steps)]
    places = [builder.start_node, *chained, builder.end_node]
    builder.add(*(builder.edge_from(a).to(b) for a, b in pairwise(places)))
    return builder.build()


async def chain(size: int) -> float:
    graph = chain_graph(10)
    check(await graph.run(inputs=0), 10)
    start = seconds()
    for _ in range(-(-size // 10)):
        check(await graph.run(inputs=0), 10)
    return seconds() - start


async def concurrent(size: int) -> float:
    graph = chain_graph(3)
    check(await graph.run(inputs=0), 3)
    start = seconds()
    results = await asyncio.gather(*(graph.run(inputs=number) for number in range(size)))
    took = seconds() - start
    check(results, [number + 3 for number in range(size)])
    return took


# --- fan-out and join -------------------------------------------------------------------------------------------------


async def fan_out(size: int) -> float:
    builder = GraphBuilder(input_type=int, output_type=int)

    @builder.step
    async def scatter(ctx: StepContext[None, None, int]) -> list[int]:
        return list(range(ctx.inputs))

    @builder.step
    async def work(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    @builder.step
    async def count(ctx: StepContext[None, None, list[int]]) -> int:
        return len(ctx.inputs)

    join = builder.join(reduce_list_append, initial_factory=list[int])
    builder.add(
        builder.edge_from(builder.start_node).to(scatter),
        builder.edge_from(scatter).map().to(work),
        builder.edge_from(work).to(join),
        builder.edge_from(join).to(count),
        builder.edge_from(count).to(builder.end_node),
    )
    graph = builder.build()
    start = seconds()
    result = await graph.run(inputs=size)
    took = seconds() - start
    check(result, size)
    return took


if __name__ == "__main__":
    serve(
        {
            "loop": on_loop(loop),
            "one-step": on_loop(one_step),
            "chain": on_loop(chain),
            "concurrent": on_loop(concurrent),
            "list-fan-out": on_loop(fan_out),
        }
    )
