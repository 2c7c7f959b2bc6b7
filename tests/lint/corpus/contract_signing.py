"""A lock is taken for the time of a signature; clean-up tells a suspension from the end."""

import logging
import os
from pathlib import Path

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

logger = logging.getLogger(__name__)


class Signed(HumanResponseEvent):
    by: str


class PleaseSign(InputRequiredEvent, answer=Signed):
    contract: str


def take_lock(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL))


class ContractSigning(Workflow):
    @step
    async def sign(self, ctx: Context, ev: StartEvent) -> StopEvent:
        lock = Path(f"{ev.contract}.lock")
        await ctx.once(take_lock, lock)
        try:
            signed = await ctx.ask(PleaseSign(contract=ev.contract))
        except BaseException:
            logger.info("nobody has signed %s yet", ev.contract)
            raise
        finally:
            if not ctx.suspending:
                lock.unlink()
        Path(f"{ev.contract}.signed").write_text(signed.by)
        return StopEvent(result=signed.by)
