"""What another process leaves in the store for a run: it's acted upon or refused, and the run goes on."""

import json
from typing import Any

import anyio
import pytest

from tests.durability.asking import Asking, Word
from workflows import Runtime
from workflows.durability import MemoryStore
from workflows.errors import UsageError
from workflows.events import StopEvent

pytestmark = pytest.mark.anyio


async def the_question(runtime: Runtime) -> str:
    while not (found := await runtime.pending()):
        await anyio.lowlevel.checkpoint()
    return found[0].id


@pytest.mark.guarantee("W5")
@pytest.mark.parametrize("is_carried", [True, False])
@pytest.mark.parametrize("wrong", [7, ["q1"], {"id": "q1"}])
async def test_what_cannot_name_a_question_is_refused_to_its_sender(wrong: Any, is_carried: bool) -> None:
    """The process that carried the run took the message, and ended with an AttributeError."""
    store = MemoryStore()
    with anyio.fail_after(5):
        async with (
            Runtime(store=store, poll=0.001, release_idle=not is_carried) as carrying,
            Runtime(store=store, workflows=[Asking()], recover=False, poll=0.001) as other,
        ):
            _ = carrying.run(Asking(), run_id="r").run_id
            question = await the_question(other)
            with pytest.raises(UsageError, match=r"reply_to=.* is no id of a question") as caught:
                await other.send("r", Word(word="hello"), reply_to=wrong)
            assert repr(wrong) in str(caught.value)
            await other.send("r", Word(word="hello"), reply_to=question)
            assert [event async for event in other.events("r")][-1] == StopEvent(result="hello")


@pytest.mark.guarantee("W5")
@pytest.mark.parametrize(
    "left",
    [
        "no JSON",
        "null",
        "[]",
        "{}",
        '{"event": null, "step": null, "reply_to": null}',
        '{"event": [EVENT], "step": null, "reply_to": null}',
        '{"event": EVENT, "step": "gone", "reply_to": null}',
        '{"event": EVENT, "step": ["ask"], "reply_to": null}',
        '{"event": EVENT, "step": "ask", "reply_to": null}',
        '{"event": EVENT, "step": null, "reply_to": 7}',
        '{"event": EVENT}',
    ],
)
async def test_a_message_that_makes_no_sense_is_refused_and_its_run_goes_on(left: str) -> None:
    """It may be of a process with other code. Whoever carried the run ended with a KeyError, and whoever came next."""
    store = Overhearing()
    with anyio.fail_after(5):
        async with (
            Runtime(store=store, poll=0.001, release_idle=False) as carrying,
            Runtime(store=store, workflows=[Asking()], recover=False, poll=0.001) as other,
        ):
            _ = carrying.run(Asking(), run_id="r").run_id
            question = await the_question(other)
            with pytest.raises(UsageError):
                await other.send("r", Word(word="hello"), reply_to="nonsense")
            (text,) = store.posted
            number = await store.post("r", left.replace("EVENT", json.dumps(json.loads(text)["event"])))
            assert number is not None
            reply = await replied(store, number)
            assert "error" in json.loads(reply)
            assert [run.is_waiting for run in await other.runs(status="running")] == [True]
            await other.send("r", Word(word="hello"), reply_to=question)
            assert [event async for event in other.events("r")][-1] == StopEvent(result="hello")


class Overhearing(MemoryStore):
    """A store that remembers what was left in it."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[str] = []

    async def post(self, run_id: str, data: str) -> int | None:
        self.posted.append(data)
        return await super().post(run_id, data)


async def replied(store: MemoryStore, number: int) -> str:
    """The reply to a message, when there is one."""
    while (reply := await store.reply(number)) is None:
        await anyio.lowlevel.checkpoint()
    return reply
