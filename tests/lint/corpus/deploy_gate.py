"""Build, test, ask, deploy. What is done before the question is on record; what's done behind it needn't be."""

import subprocess

import anyio

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class Commit(StartEvent):
    sha: str


class Go(HumanResponseEvent):
    go: bool


class MayI(InputRequiredEvent, answer=Go):
    sha: str
    tests: str


def run_tests(sha: str) -> str:
    subprocess.run(["git", "checkout", sha], check=True)
    done = subprocess.run(["pytest", "-q"], capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


class DeployGate(Workflow):
    @step
    async def release(self, ctx: Context, ev: Commit) -> StopEvent:
        tests = await ctx.once(anyio.to_thread.run_sync, run_tests, ev.sha, key="tests")
        ctx.write_event_to_stream(MayI(sha=ev.sha, tests=tests))
        answer = await ctx.ask(MayI(sha=ev.sha, tests=tests))
        if not answer.go:
            return StopEvent(result="stopped")
        await anyio.run_process(["deploy", ev.sha])
        return StopEvent(result="deployed")
