"""What a step is given beside its event and context: made once or for each call, and by whom."""

import functools
from collections.abc import Callable
from typing import Annotated, Any

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint

from tests.engine.orphans import no_task_left
from workflows import Context, Workflow, step
from workflows.errors import UsageError, WorkflowRuntimeError, WorkflowValidationError
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource, ResourceManager
from workflows.retry_policy import retry_policy, wait_none

pytestmark = pytest.mark.anyio


class Client:
    """Something that's only equal to itself."""


class Part(Event):
    number: int


class Question(InputRequiredEvent):
    pass


class Answer(HumanResponseEvent):
    text: str


@attrs.define
class Factory:
    """A factory that counts its calls, and can be held up in them."""

    made: int = 0
    gate: anyio.Event | None = None
    begun: anyio.Event = attrs.field(factory=anyio.Event)
    errors: list[BaseException] = attrs.field(factory=list[BaseException])

    async def get(self) -> Client:
        self.made += 1
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        await checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        return Client()


def wanting(resource: Resource, *, retries: bool = False) -> type[Workflow]:
    """A workflow with two steps that each want the resource twice."""

    class Wanting(Workflow):
        @step(retry_policy=retry_policy(wait=wait_none()) if retries else None)
        async def first(
            self, ev: StartEvent, one: Annotated[Client, resource], two: Annotated[Client, resource]
        ) -> Part | None:
            self.seen: list[Client] = [one, two]
            return Part(number=1)

        @step
        async def second(
            self, one: Annotated[Client, resource], ev: Part, *, two: Annotated[Client, resource]
        ) -> StopEvent:
            self.seen += [one, two]
            return StopEvent(result="done")

    return Wanting


async def test_a_cached_resource_is_made_once_for_all_steps_and_runs_of_an_instance() -> None:
    factory = Factory()
    workflow: Any = wanting(Resource(factory.get))()
    await workflow.run()
    first = workflow.seen[0]
    await workflow.run()
    assert [client is first for client in workflow.seen] == [True] * 4
    assert factory.made == 1


async def test_two_instances_of_a_workflow_have_a_resource_each() -> None:
    factory = Factory()
    flow = wanting(Resource(factory.get))
    one, two = flow(), flow()
    await one.run()
    await two.run()
    assert factory.made == 2


async def test_instances_that_share_a_manager_share_their_resources() -> None:
    factory, manager = Factory(), ResourceManager()
    flow = wanting(Resource(factory.get))
    await flow(resource_manager=manager).run()
    await flow(resource_manager=manager).run()
    assert factory.made == 1


async def test_a_resource_that_is_not_cached_is_one_for_each_call_of_a_step() -> None:
    factory = Factory()
    workflow: Any = wanting(Resource(factory.get, cache=False))()
    await workflow.run()
    first, second, third, fourth = workflow.seen
    assert first is second
    assert third is fourth
    assert first is not third
    assert factory.made == 2


async def test_two_markers_of_one_factory_mean_one_resource() -> None:
    factory = Factory()
    get = factory.get

    class Flow(Workflow):
        @step
        async def go(
            self, ev: StartEvent, one: Annotated[Client, Resource(get)], two: Annotated[Client, Resource(get)]
        ) -> StopEvent:
            return StopEvent(result=one is two)

    assert await Flow().run() is True


async def test_what_a_resource_is_made_of_is_made_first_and_shared_within_the_call() -> None:
    calls: list[str] = []

    def settings() -> Client:
        calls.append("settings")
        return Client()

    async def pool(found: Annotated[Client, Resource(settings, cache=False)]) -> list[Client]:
        calls.append("pool")
        return [found]

    def store(
        found: Annotated[list[Client], Resource(pool)],
        own: Annotated[Client, Resource(settings, cache=False)],
        size: int = 3,
    ) -> list[Any]:
        calls.append("store")
        return [found[0], own, size]

    class Flow(Workflow):
        @step
        def go(
            self,
            ev: StartEvent,
            found: Annotated[list[Client], Resource(store)],
            own: Annotated[Client, Resource(settings, cache=False)],
        ) -> StopEvent:
            assert found == [own, own, 3]
            return StopEvent(result="plain steps are given them too")

    assert await Flow().run() == "plain steps are given them too"
    assert calls == ["settings", "pool", "store"]


@pytest.mark.parametrize("kind", ["class", "partial", "object", "sync"])
async def test_any_callable_is_a_factory(kind: str) -> None:
    def number() -> int:
        return 4

    class Sized:
        def __init__(self, size: Annotated[int, Resource(number)]) -> None:
            self.size = size

    def sized(size: int) -> Sized:
        return Sized(size)

    class Making:
        async def __call__(self, size: Annotated[int, Resource(number)]) -> Sized:
            return Sized(size)

    def plain(size: Annotated[int, Resource(number)]) -> Sized:
        return Sized(size)

    kinds: dict[str, Callable[..., Any]] = {
        "class": Sized,
        "partial": functools.partial(sized, size=4),
        "object": Making(),
        "sync": plain,
    }
    found = await ResourceManager().get(Resource(kinds[kind]))
    assert isinstance(found, Sized)
    assert found.size == 4


async def test_steps_that_need_a_resource_at_the_same_time_wait_for_the_first_to_make_it() -> None:
    factory = Factory(gate=anyio.Event())

    class Flow(Workflow):
        @step
        async def split(self, ctx: Context[Any], ev: StartEvent) -> list[Part]:
            return [Part(number=number) for number in range(4)]

        @step
        async def work(self, ev: Part, client: Annotated[Client, Resource(factory.get)]) -> StopEvent | None:
            self.seen.append(client)
            return StopEvent() if len(self.seen) == 4 else None

        seen: list[Client]

    workflow = Flow(skip_graph_checks=["dead_end"])
    workflow.seen = []
    with anyio.fail_after(5):
        handler = workflow.run()
        await factory.begun.wait()
        await anyio.wait_all_tasks_blocked()
        assert workflow.seen == []
        assert factory.gate is not None
        factory.gate.set()
        await handler
    assert factory.made == 1
    assert len({id(client) for client in workflow.seen}) == 1


async def test_when_making_fails_the_others_that_wait_make_it_themselves() -> None:
    error = ConnectionError("no route")
    factory = Factory(gate=anyio.Event(), errors=[error])
    manager = ResourceManager()
    results: list[object] = []

    async def get() -> None:
        try:
            results.append(await manager.get(Resource(factory.get)))
        except ConnectionError as caught:
            results.append(caught)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(get)
            await anyio.wait_all_tasks_blocked()
            assert factory.made == 1
            assert factory.gate is not None
            factory.gate.set()
    clients = [found for found in results if isinstance(found, Client)]
    assert error in results
    assert len(clients) == 2
    assert clients[0] is clients[1]
    assert factory.made == 2


async def test_when_making_is_cancelled_another_that_waits_makes_it() -> None:
    factory = Factory(gate=anyio.Event())
    manager = ResourceManager()
    results: list[object] = []
    first = anyio.CancelScope()

    async def get(scope: anyio.CancelScope) -> None:
        with scope:
            results.append(await manager.get(Resource(factory.get)))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(get, first)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(get, anyio.CancelScope())
            await anyio.wait_all_tasks_blocked()
            assert factory.made == 1
            first.cancel()
            await anyio.wait_all_tasks_blocked()
            assert factory.made == 2
            assert factory.gate is not None
            factory.gate.set()
    assert len(results) == 1


async def test_a_factory_that_fails_fails_the_attempt_and_names_the_resource() -> None:
    error = ConnectionError("no route")

    async def get_client() -> Client:
        raise error

    with pytest.raises(ConnectionError) as caught:
        await wanting(Resource(get_client))().run(run_id="r1")
    assert caught.value is error
    assert [note for note in error.__notes__ if "get_client" in note] == [
        f"while resource {Resource(get_client).name!r} was made"
    ]
    assert any("in step 'first'" in note for note in error.__notes__)


async def test_a_factory_that_fails_is_tried_again_by_the_retry_policy_of_the_step() -> None:
    factory = Factory(errors=[ConnectionError("busy"), ConnectionError("busy")])
    assert await wanting(Resource(factory.get), retries=True)().run() == "done"
    assert factory.made == 3


@pytest.mark.guarantee("W1")
async def test_a_replay_is_given_resources_again_and_nothing_of_them_is_recorded() -> None:
    factory = Factory()
    seen: list[Client] = []

    class Asking(Workflow):
        @step
        async def ask(
            self, ctx: Context[Any], ev: StartEvent, client: Annotated[Client, Resource(factory.get, cache=False)]
        ) -> StopEvent:
            seen.append(client)
            answer = await ctx.wait_for_event(Answer, waiter_event=Question())
            return StopEvent(result=answer.text)

    with anyio.fail_after(5):
        handler = Asking(types=[Question, Answer], workflow_name="asking").run()
        await anyio.wait_all_tasks_blocked()
        data = handler.ctx.to_dict()
        await handler.cancel_run()
        elsewhere = Asking(types=[Question, Answer], workflow_name="asking")
        resumed = elsewhere.run(Context.from_dict(elsewhere, data))
        resumed.ctx.send_event(Answer(text="yes"))
        assert await resumed == "yes"
    assert len(seen) == 2
    assert seen[0] is not seen[1]
    assert "Client" not in str(data)


async def test_a_factory_has_no_step_context() -> None:
    errors: list[Exception] = []

    def get_client() -> Client:
        try:
            Context.get_step_context()
        except WorkflowRuntimeError as error:
            errors.append(error)
        return Client()

    await wanting(Resource(get_client))().run()
    assert len(errors) == 1


async def test_resources_that_need_each_other_are_told_with_their_chain() -> None:
    def first(it: Annotated[Client, Resource(lambda: None)]) -> Client:
        return it

    def second(it: Annotated[Client, Resource(first)]) -> Client:
        return it

    def third(it: Annotated[Client, Resource(second)]) -> Client:
        return it

    first.__annotations__["it"] = Annotated[Client, Resource(third)]
    flow = wanting(Resource(third))
    chain = " → ".join(Resource(made).name for made in (third, second, first, third))
    for act in (flow().run, flow().validate):
        with pytest.raises(ValueError, match="need each other in a circle") as caught:
            act()
        assert chain in str(caught.value)
    with pytest.raises(WorkflowValidationError, match="in a circle"):
        await flow(disable_validation=True).run()
    with pytest.raises(WorkflowValidationError, match="in a circle"):
        await ResourceManager().get(Resource(second))


async def test_what_a_factory_wants_and_cannot_be_given_is_told() -> None:
    def get_client(size, name: str, *rest: int, count: int = 3) -> Client:  # type: ignore[no-untyped-def]  # it's what is tested
        return Client()

    def by_position(size: Annotated[int, Resource(int)], /) -> Client:
        return Client()

    with pytest.raises(WorkflowValidationError) as caught:
        await ResourceManager().get(Resource(get_client))  # pyright: ignore[reportUnknownArgumentType]  # as above
    assert len(caught.value.problems) == 2
    assert "`name: str`" in caught.value.problems[1]
    with pytest.raises(WorkflowValidationError, match="by position only"):
        await ResourceManager().get(Resource(by_position))


@pytest.mark.parametrize("factory", [3, None, "get_client"])
async def test_what_cannot_be_called_is_no_factory(factory: Any) -> None:
    with pytest.raises(WorkflowValidationError, match="can't be called"):
        Resource(factory)


async def test_a_bare_generator_is_refused_with_the_decorator_that_it_lacks() -> None:
    async def opened() -> Any:
        yield 1

    def opened_at_once() -> Any:
        yield 1

    with pytest.raises(WorkflowValidationError, match=r"@contextlib\.asynccontextmanager"):
        Resource(opened)
    with pytest.raises(WorkflowValidationError, match=r"@contextlib\.contextmanager"):
        Resource(opened_at_once)


async def test_a_workflow_takes_no_other_object_for_a_resource_manager() -> None:
    other: Any = {}
    with pytest.raises(WorkflowValidationError, match="no ResourceManager"):
        wanting(Resource(Client))(resource_manager=other)


# --- the manager by itself --------------------------------------------------------------------------------------------


async def test_a_value_that_is_set_takes_the_place_of_what_would_be_made() -> None:
    calls: list[str] = []

    def get_client() -> Client:
        calls.append("get_client")
        return Client()

    fake, manager = Client(), ResourceManager()
    await manager.set(Resource(get_client).name, fake)
    workflow: Any = wanting(Resource(get_client, cache=False))(resource_manager=manager)
    await workflow.run()
    assert [found is fake for found in workflow.seen] == [True] * 4
    assert manager.get_all() == {Resource(get_client).name: fake}
    assert calls == []


async def test_a_manager_tells_what_it_keeps_by_name() -> None:
    manager = ResourceManager()
    kept = await manager.get(Resource(Client))
    await manager.get(Resource(list, cache=False))
    assert manager.get_all() == {Resource(Client).name: kept}


async def test_inside_a_scope_what_is_not_cached_is_one_for_all() -> None:
    manager, marker = ResourceManager(), Resource(Client, cache=False)
    with manager.resolution_scope():
        assert await manager.get(marker) is await manager.get(marker)
    async with manager.resolution_scope():
        assert await manager.get(marker) is await manager.get(marker)
    assert await manager.get(marker) is not await manager.get(marker)


async def test_a_marker_of_ones_own_is_copied_told_where_it_stands_and_resolved_by_the_manager() -> None:
    class Own:
        name = "own"
        cache = True

        def __init__(self) -> None:
            self.annotation: Any = None

        async def resolve(self, resource_manager: ResourceManager) -> Any:
            return self.annotation, await resource_manager.get(Resource(Client, cache=False))

        def set_type_annotation(self, type_annotation: Any) -> None:
            self.annotation = type_annotation

        def set_localns(self, localns: Any) -> None: ...

        def get_dependencies(self) -> list[Any]:
            return []

    marker = Own()

    class Flow(Workflow):
        @step
        async def go(
            self,
            ev: StartEvent,
            own: Annotated[tuple[Any, Client], marker],
            client: Annotated[Client, Resource(Client, cache=False)],
        ) -> StopEvent:
            return StopEvent(result=[own[0] == tuple[Any, Client], own[1] is client])

    assert await Flow().run() == [True, True]
    assert marker.annotation is None


async def test_what_is_no_resource_cannot_be_had() -> None:
    other: Any = Client
    with pytest.raises(UsageError, match="no resource"):
        await ResourceManager().get(other)


async def test_a_workflow_is_used_on_one_loop_after_another_and_from_threads() -> None:
    made: list[int] = []

    async def get_client() -> Client:
        made.append(1)
        await checkpoint()
        return Client()

    workflow = wanting(Resource(get_client))()

    def in_a_loop_of_its_own(backend: str) -> None:
        async def main() -> None:
            await workflow.run()

        anyio.run(main, backend=backend)

    with anyio.fail_after(20):
        async with no_task_left():
            await anyio.to_thread.run_sync(in_a_loop_of_its_own, "asyncio")
            await anyio.to_thread.run_sync(in_a_loop_of_its_own, "asyncio")
            await workflow.run()
    assert made == [1]


async def test_somebody_in_another_loop_waits_for_whoever_makes_it_and_is_told() -> None:
    gate = anyio.Event()
    begun = anyio.Event()
    made: list[int] = []
    manager = ResourceManager()

    async def get_client() -> Client:
        made.append(1)
        begun.set()
        await gate.wait()
        return Client()

    marker = Resource(get_client)
    found: list[Client] = []

    def elsewhere() -> None:
        async def main() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(get)
                await anyio.wait_all_tasks_blocked()
                anyio.from_thread.run_sync(gate.set, token=token)

        async def get() -> None:
            found.append(await manager.get(marker))

        anyio.run(main, backend="asyncio")

    async def get() -> None:
        found.append(await manager.get(marker))

    token = anyio.lowlevel.current_token()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(get)
            await begun.wait()
            await anyio.to_thread.run_sync(elsewhere)
    assert made == [1]
    assert found[0] is found[1]


def test_nobody_waits_for_a_maker_whose_loop_was_left() -> None:
    asyncio = pytest.importorskip("asyncio")
    manager = ResourceManager()
    gates: list[Any] = [asyncio.Event(), None]

    async def get_client() -> Client:
        gate = gates.pop(0)
        if gate is not None:
            await gate.wait()
        return Client()

    async def get() -> Client:
        found: Client = await manager.get(Resource(get_client))
        return found

    left = asyncio.new_event_loop()
    task = left.create_task(get())
    for _ in range(5):
        left.run_until_complete(asyncio.sleep(0))
    assert not task.done()

    async def limited() -> Client:
        with anyio.fail_after(5):
            return await get()

    assert isinstance(anyio.run(limited, backend="asyncio"), Client)
    task.cancel()
    left.run_until_complete(asyncio.gather(task, return_exceptions=True))
    left.close()
    assert isinstance(anyio.run(limited, backend="asyncio"), Client)
