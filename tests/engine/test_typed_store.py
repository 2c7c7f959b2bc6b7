"""A typed state: an attrs class, a dataclass or a pydantic model, whose validators hold at each write."""

import dataclasses
import json
from typing import Any

import anyio
import attrs
import pytest

from tests.engine.orphans import wait_until_all_wait
from workflows import Context, Workflow, step
from workflows.errors import EncodeError, InvalidInput, StatePathError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytestmark = [pytest.mark.anyio]


class Next(Event):
    pass


@attrs.define
class Job:
    client: str
    hours: list[int] = attrs.field(factory=list[int])


@attrs.define
class Account:
    name: str = "nobody"
    cents: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    jobs: list[Job] = attrs.field(factory=list[Job])


@attrs.define
class Savings(Account):
    rate: float = 0.0


@dataclasses.dataclass
class Basket:
    items: list[str] = dataclasses.field(default_factory=list[str])
    limit: int = 3

    def __post_init__(self) -> None:
        if len(self.items) > self.limit:
            raise ValueError(f"{len(self.items)} items, {self.limit} allowed")


class WithAttrs(Workflow):
    @step
    async def work(self, ctx: Context[Account], ev: StartEvent) -> StopEvent:
        async with ctx.store.edit_state() as account:
            account.cents += 5
            account.jobs.append(Job("Ada", [1]))
        await ctx.store.set("jobs.0.hours.0", 7)
        answer: HumanResponseEvent = await ctx.ask(InputRequiredEvent())
        await ctx.store.set("name", answer.response)
        return StopEvent(result=await ctx.store.get("cents"))


class WithDataclass(Workflow):
    @step
    async def work(self, ctx: Context[Basket], ev: StartEvent) -> StopEvent:
        async with ctx.store.edit_state() as basket:
            basket.items.append("pear")
        return StopEvent(result=await ctx.store.get_state())


async def test_steps_see_and_change_a_typed_state_also_after_a_restart() -> None:
    workflow = WithAttrs()
    context = Context[Account](workflow)
    with anyio.fail_after(5):
        assert await context.store.get_state() == Account()
        await context.store.set_state(Account(name="Eve", cents=10))
        handler = workflow.run(context)
        await wait_until_all_wait()
        assert await handler.ctx.store.get_state() == Account("Eve", 15, [Job("Ada", [7])])
        data = json.loads(json.dumps(handler.ctx.to_dict()))
        await handler.cancel_run()
        again = workflow.run(Context[Account].from_dict(workflow, data))
        again.ctx.send_event(HumanResponseEvent(response="Bob"))
        assert await again == 15
        assert await again.ctx.store.get_state() == Account("Bob", 15, [Job("Ada", [7])])


async def test_a_dataclass_is_a_state_too() -> None:
    with anyio.fail_after(5):
        assert await WithDataclass().run() == Basket(["pear"])


async def test_defaults_are_there_before_anything_is_written() -> None:
    context = Context[Account](WithAttrs())
    with anyio.fail_after(5):
        assert await context.store.get("name") == "nobody"
        assert await context.store.get("jobs") == []
        await context.store.set("cents", 5)
        assert await context.store.get("name") == "nobody"
        assert await context.store.get_state() == Account(cents=5)


async def test_a_validator_refuses_a_value_at_the_line_that_sets_it() -> None:
    store = Context[Account](WithAttrs()).store
    with anyio.fail_after(5):
        await store.set("cents", 5)
        with pytest.raises(ValueError, match="cents"):
            await store.set("cents", -1)
        with pytest.raises(ValueError, match="cents"):
            async with store.edit_state() as account:
                account.cents = -1
        assert await store.get("cents") == 5


async def test_a_validator_of_a_dataclass_refuses_a_state_as_a_whole() -> None:
    store = Context[Basket](WithDataclass()).store
    with anyio.fail_after(5):
        await store.set("items", ["a"])
        with pytest.raises(ValueError, match="4 items, 3 allowed"):
            await store.set("items", ["a", "b", "c", "d"])
        assert await store.get("items") == ["a"]


async def test_a_value_of_another_type_than_the_field_s_is_refused() -> None:
    store = Context[Account](WithAttrs()).store
    with anyio.fail_after(5):
        await store.set("jobs", [Job("Ada")])
        for path, wrong, where in [
            ("cents", "5", r"\$\.state\.cents"),
            ("name", None, r"\$\.state\.name"),
            ("jobs", [5], r"\$\.state\.jobs\[0\]"),
            ("jobs.0", "x", r"\$\.state\.jobs\[0\]"),
        ]:
            with pytest.raises(InvalidInput, match=where):
                await store.set(path, wrong)
        assert await store.get_state() == Account(jobs=[Job("Ada")])


async def test_a_field_that_the_state_does_not_have_is_refused_with_those_that_it_has() -> None:
    store = Context[Account](WithAttrs()).store
    with anyio.fail_after(5):
        with pytest.raises(StatePathError, match="Account has no field 'cent'; it has 'name', 'cents', 'jobs'"):
            await store.set("cent", 5)
        with pytest.raises(StatePathError, match=r"no 'cent'"):
            await store.get("cent")
        assert await store.get("cent", None) is None


async def test_what_can_not_be_stored_in_a_typed_state_is_refused_with_its_path() -> None:
    store = Context[Account](WithAttrs()).store
    with anyio.fail_after(5), pytest.raises(EncodeError, match=r"\$\.state\.jobs\[1\]\.client"):
        await store.set_state(Account(jobs=[Job("Ada"), Job(object())]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_clearing_a_typed_state_gives_its_defaults() -> None:
    store = Context[Account](WithAttrs()).store
    with anyio.fail_after(5):
        await store.set_state(Account("Eve", 5))
        await store.clear()
        assert await store.get_state() == Account()


async def test_a_typed_state_has_value_semantics() -> None:
    store = Context[Account](WithAttrs()).store
    with anyio.fail_after(5):
        mine = Account(jobs=[Job("Ada")])
        await store.set_state(mine)
        mine.jobs[0].hours.append(1)
        read = await store.get_state()
        read.jobs[0].hours.append(2)
        (await store.get("jobs"))[0].hours.append(3)
        assert await store.get_state() == Account(jobs=[Job("Ada")])


async def test_a_state_of_a_parent_class_replaces_only_its_fields() -> None:
    class Saving(Workflow):
        @step
        async def first(self, ctx: Context[Account], ev: StartEvent) -> Next:
            await ctx.store.set("name", "set by the parent's step")
            return Next()

        @step
        async def second(self, ctx: Context[Savings], ev: Next) -> StopEvent:
            return StopEvent(result=await ctx.store.get_state())

    workflow = Saving()
    context = Context[Savings](workflow)
    with anyio.fail_after(5):
        await context.store.set_state(Savings("Eve", 5, rate=0.5))
        await context.store.set_state(Account("Bob", 7))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # allowed: it's a parent
        assert await context.store.get_state() == Savings("Bob", 7, rate=0.5)
        with pytest.raises(ValueError, match=r"is a Savings; set_state\(\) was given Basket"):
            await context.store.set_state(Basket())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert await workflow.run(context) == Savings("set by the parent's step", 7, rate=0.5)


async def test_a_state_without_defaults_says_what_to_do() -> None:
    @attrs.define
    class Needy:
        name: str

    class Using(Workflow):
        @step
        async def work(self, ctx: Context[Needy], ev: StartEvent) -> StopEvent:
            return StopEvent(result=(await ctx.store.get_state()).name)

    workflow = Using()
    with anyio.fail_after(5):
        with pytest.raises(TypeError, match=r"Needy has no default.*\n.*set_state"):
            await workflow.run()
        context = Context[Needy](workflow)
        await context.store.set_state(Needy("given"))
        assert await workflow.run(context) == "given"


async def test_a_subclass_of_dict_state_keeps_its_class() -> None:
    from workflows.context.state_store import DictState

    class Own(DictState):
        def total(self) -> int:
            return sum(self.values())

    class Using(Workflow):
        @step
        async def work(self, ctx: Context[Own], ev: StartEvent) -> StopEvent:
            async with ctx.store.edit_state() as state:
                state["a"], state["b"] = 1, 2
            return StopEvent(result=(await ctx.store.get_state()).total())

    with anyio.fail_after(5):
        assert await Using().run() == 3


async def test_a_pydantic_model_is_a_state_and_its_validators_hold() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[misc, name-defined]  # pyright: ignore[reportUntypedBaseClass]
        name: str = "nobody"
        cents: int = pydantic.Field(default=0, ge=0)
        tags: list[str] = pydantic.Field(default_factory=list)

    class Using(Workflow):
        @step
        async def work(self, ctx: Context[Any], ev: StartEvent) -> Next:
            await ctx.store.set("cents", 5)
            return Next()

        @step
        async def typed(self, ctx: Context[Model], ev: Next) -> StopEvent:
            async with ctx.store.edit_state() as state:
                state.tags.append("x")
            with pytest.raises(ValueError, match="cents"):
                await ctx.store.set("cents", -1)
            return StopEvent(result=await ctx.store.get_state())

    workflow = Using()
    with anyio.fail_after(5):
        handler = workflow.run()
        assert await handler == Model(cents=5, tags=["x"])
        again = Context[Any].from_dict(workflow, json.loads(json.dumps(handler.ctx.to_dict())))
        assert await again.store.get_state() == Model(cents=5, tags=["x"])


async def test_a_write_inside_of_a_field_that_only_has_its_default_keeps_the_rest_of_it() -> None:
    @attrs.define
    class Settings:
        colours: dict[str, str] = attrs.field(factory=lambda: {"sky": "blue"})
        jobs: list[Job] = attrs.field(factory=lambda: [Job("Ada", [1])])

    class Using(Workflow):
        @step
        async def work(self, ctx: Context[Settings], ev: StartEvent) -> StopEvent:
            await ctx.store.set("colours.grass", "green")
            await ctx.store.set("jobs.0.hours.0", 7)
            await ctx.ask(InputRequiredEvent())
            return StopEvent(result=await ctx.store.get_state())

    with anyio.fail_after(5):
        handler = Using().run()
        await wait_until_all_wait()
        handler.ctx.send_event(HumanResponseEvent())
        state = await handler
    assert state == Settings({"sky": "blue", "grass": "green"}, [Job("Ada", [7])])
