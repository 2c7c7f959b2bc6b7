"""Looks as if it did much: all of it is arithmetic on what the step was given, or on copies."""

import copy
import os.path
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePath
from urllib.parse import urlencode

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

DEFAULTS = {"currency": "EUR", "tags": []}


class Resolved(HumanResponseEvent):
    name: str


class Conflict(InputRequiredEvent, answer=Resolved):
    names: list[str]
    link: str
    until: date


class CatalogueMerge(Workflow):
    namespace = uuid.uuid5(uuid.NAMESPACE_DNS, "catalogue.example")

    def merged(self, entries: list[dict[str, object]]) -> dict[str, object]:
        result = copy.deepcopy(DEFAULTS)
        for entry in entries:
            result.update(entry)
        result.pop("draft", None)
        return result

    @step
    async def merge(self, ctx: Context, ev: StartEvent) -> StopEvent:
        entry = self.merged(ev.entries)
        names = {str(found["name"]) for found in ev.entries}
        names.discard("")
        names.add(PurePath(ev.path).with_suffix("").name)
        key = uuid.uuid5(self.namespace, os.path.join(ev.path, "entry"))
        seen = datetime.fromtimestamp(ev.at, UTC).replace(minute=0)
        until = (seen + timedelta(days=3)).date()
        stamp = time.strftime("%Y", time.gmtime(ev.at))
        link = f"https://catalogue.example/{key}?{urlencode({'year': stamp})}"
        if len(names) > 1:
            entry["name"] = (await ctx.ask(Conflict(names=sorted(names), link=link, until=until))).name
        return StopEvent(result=entry)
