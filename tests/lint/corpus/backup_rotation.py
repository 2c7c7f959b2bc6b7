"""A plain function as a step: it runs in a thread, and reaches its context from there."""

import shutil
from pathlib import Path

from anyio import from_thread

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Confirmed(HumanResponseEvent):
    yes: bool


class Delete(InputRequiredEvent, answer=Confirmed):
    folders: list[str]


def older_backups(folder: str, keep: int) -> list[str]:
    found = sorted(Path(folder).iterdir(), key=lambda path: path.stat().st_mtime)
    return [str(path) for path in found[:-keep]]


class BackupRotation(Workflow):
    @step
    def rotate(self, ctx: Context, ev: StartEvent) -> StopEvent:
        folders = from_thread.run(ctx.once, older_backups, ev.folder, 3)
        if not folders:
            return StopEvent(result=0)
        if from_thread.run(ctx.ask, Delete(folders=folders)).yes:
            for folder in folders:
                shutil.rmtree(folder)
        return StopEvent(result=len(folders))
