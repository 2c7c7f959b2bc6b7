"""No step of it waits for anybody, so none is replayed: only a crash or a retry does its work again."""

import random
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import requests

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

OUTPUT = Path("reports")


class Page(Event):
    url: str
    text: str


class ReportBuilder(Workflow):
    def __init__(self) -> None:
        super().__init__()
        self.fetched = 0

    @step
    async def fetch(self, ctx: Context, ev: StartEvent) -> None:
        for url in random.sample(ev.urls, k=3):
            started = time.perf_counter()
            text = requests.get(url, timeout=10).text
            self.fetched += 1
            print(url, time.perf_counter() - started)
            ctx.send_event(Page(url=url, text=text))

    @step
    async def write(self, ctx: Context, ev: Page) -> StopEvent | None:
        pages = ctx.collect_events(ev, [Page] * 3)
        if pages is None:
            return None
        target = OUTPUT / f"{uuid.uuid4()}.md"
        target.write_text(f"# {datetime.now(UTC)}\n" + "\n".join(page.text for page in pages))
        return StopEvent(result=str(target))
