"""The pytest plugin: what a user's tests see of it, in sessions of their own."""

import subprocess
import sys

import pytest

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

pytest_plugins = ["pytester"]
pytest.importorskip("trio")

SAFE = """
    import pytest
    from tests.sim.test_pytest_plugin import Decision, Noisy, Quiet
    from workflows.testing import ReplayCase, SimulatedRunner

    YES = {Decision: Decision(approved=True)}
"""


class Decision(HumanResponseEvent):
    approved: bool


class Quiet(Workflow):
    """Asks, and answers with what it was told."""

    def __init__(self) -> None:
        super().__init__(types=[Decision])

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        decision = await ctx.wait_for_event(Decision, waiter_event=InputRequiredEvent(prefix="?"))
        return StopEvent(result=(decision.approved, ev.get("what")))


class Noisy(Workflow):
    """Prints before it asks."""

    def __init__(self) -> None:
        super().__init__(types=[Decision])

    @step
    async def review(self, ctx: Context, ev: StartEvent) -> StopEvent:
        print("asking")  # noqa: T201  (what is to be found)
        decision = await ctx.wait_for_event(Decision, waiter_event=InputRequiredEvent(prefix="?"))
        return StopEvent(result=decision.approved)


def ran(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(SAFE + tests)
    plugins = ("-p", "anyio_workflows_pytest", "-p", "no:randomly", "-p", "no:cacheprovider")
    return pytester.runpytest_inprocess(*plugins, "--strict-markers", "-W", "error", *arguments)


def test_a_marked_test_is_a_check_on_each_backend(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe
    def test_quiet():
        return ReplayCase(Quiet, {"what": "a desk"}, YES, result=(True, "a desk"))
    """,
        "-v",
    )
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["*test_quiet?asyncio? PASSED*", "*test_quiet?trio? PASSED*"])


def test_a_marked_test_fails_with_the_report_and_the_way_to_repeat_it(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe(backends=["asyncio"], seeds=2)
    def test_noisy():
        return ReplayCase(Noisy, answers=YES)
    """,
        "--workflow-seed=7",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "Noisy isn't safe to replay: 1 problem*",
            "*print() comes before a wait, and is done again with each replay",
            "Again with --workflow-seed=7, on asyncio.",
        ]
    )


def test_a_marked_test_may_use_fixtures_and_parameters_and_say_what_is_no_problem(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    seen = []

    @pytest.fixture
    def answer():
        return Decision(approved=False)

    @pytest.mark.replay_safe(allow=["print"], seeds=2, max_cuts=3)
    @pytest.mark.parametrize("workflow", [Noisy])
    def test_noisy(workflow, answer, workflow_backend):
        seen.append(workflow_backend)
        return ReplayCase(workflow, answers={Decision: answer}, result=False, then=look)

    def look(report):
        assert report.backend == seen[-1]
        assert report.seed in (0, 1)

    def test_both_were_seen():
        assert seen == ["asyncio"] * 2 + ["trio"] * 2
    """,
    )
    done.assert_outcomes(passed=3)


def test_what_bare_code_may_do_again_fails_a_test_that_asks_for_it(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    from workflows import Workflow, step
    from workflows.events import StartEvent, StopEvent

    class Printing(Workflow):
        @step
        async def tell(self, ev: StartEvent) -> StopEvent:
            print("told")
            return StopEvent()

    @pytest.mark.replay_safe(backends=["asyncio"])
    def test_by_default():
        return Printing

    @pytest.mark.replay_safe(backends=["asyncio"], exposed=True)
    def test_strictly():
        return Printing()
    """,
    )
    done.assert_outcomes(passed=1, failed=1)


def test_a_result_that_is_not_expected_fails(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe(backends=["asyncio"])
    def test_quiet():
        return ReplayCase(Quiet, answers=YES, result="something else")
    """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["The run came to (True, None), and 'something else' is expected."])


def test_a_marked_test_that_is_async_is_told_to_be_plain(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe(backends=["asyncio"])
    async def test_wrong():
        return Quiet
    """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*A plain function is expected*"])


@pytest.mark.parametrize(
    ("mark", "body", "message"),
    [
        ("replay_safe", "return None", "*test_wrong is marked replay_safe and returned None*"),
        ("replay_safe(sedes=3)", "return Quiet", "*replay_safe(sedes=3): it takes backends, seeds, exposed, idle,*"),
    ],
)
def test_a_marked_test_that_is_wrong_is_told_what_is_expected(
    pytester: pytest.Pytester, mark: str, body: str, message: str
) -> None:
    done = ran(pytester, f"\n    @pytest.mark.{mark}\n    def test_wrong():\n        {body}\n")
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines([message])


def test_the_runner_runs_in_virtual_time_on_each_backend(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    def test_quiet(workflow_runner):
        assert isinstance(workflow_runner, SimulatedRunner)
        assert workflow_runner.seed == 5
        done = workflow_runner.run(Quiet(), {"what": "a desk"}, YES)
        assert done.result == (True, "a desk")
        assert len(done.collected) > 3
    """,
        "--workflow-seed=5",
    )
    done.assert_outcomes(passed=2)


def test_a_test_that_fails_with_the_runner_tells_the_seed(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    def test_quiet(workflow_runner):
        assert workflow_runner.run(Quiet(), {"what": "a desk"}, YES).result is None

    def test_other():
        assert 0
    """,
        "--workflow-seed=random",
    )
    done.assert_outcomes(failed=3)
    done.stdout.re_match_lines(
        [r"on asyncio; again with --workflow-seed=\d+", r"on trio; again with --workflow-seed=\d+"]
    )
    assert str(done.stdout).count("again with") == 2


def test_a_seed_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    done = ran(pytester, "", "--workflow-seed=some")
    done.stderr.fnmatch_lines(["*--workflow-seed=some is neither a whole number nor 'random'.*"])


def test_loading_the_plugin_loads_nothing_of_the_package() -> None:
    program = (
        "import sys, anyio_workflows_pytest; print([name for name in sys.modules if name.startswith('workflows')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("backends", ['"trio"', "[]", '["tri"]'])
def test_a_mark_that_names_no_event_loop_is_an_error(pytester: pytest.Pytester, backends: str) -> None:
    done = ran(
        pytester,
        f"""
    @pytest.mark.replay_safe(backends={backends})
    def test_it():
        return ReplayCase(Quiet, {{"what": "a desk"}}, YES)
    """,
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*names no event loops*"])


def test_a_mark_that_tries_no_seed_fails(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe(seeds=0, backends=["trio"])
    def test_it():
        return ReplayCase(Noisy, None, YES)
    """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*give how many seeds*"])


def test_a_marked_test_that_raises_tells_the_seed_and_the_event_loop(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe(seeds=3, backends=["trio"])
    def test_it():
        def then(report):
            assert report.seed < 8

        return ReplayCase(Quiet, {"what": "a desk"}, YES, then=then)
    """,
        "--workflow-seed=7",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*Again with --workflow-seed=8, on trio."])


def test_a_question_without_an_answer_is_told_of_without_a_traceback(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.replay_safe(backends=["asyncio"])
    def test_it():
        return ReplayCase(Quiet, {"what": "a desk"})
    """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*nothing answers *", "Again with --workflow-seed=0, on asyncio."])
    done.stdout.no_fnmatch_line("*Error*")


def test_a_mark_that_would_check_nothing_is_refused(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    import unittest

    class TestIt(unittest.TestCase):
        @pytest.mark.replay_safe
        def test_it(self):
            return ReplayCase(Noisy, None, YES)
    """,
    )
    done.stderr.fnmatch_lines(["*is marked replay_safe, which is for functions*"])
    assert done.ret == pytest.ExitCode.USAGE_ERROR


def test_a_failing_test_that_asks_for_the_seed_alone_tells_it(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    def test_it(workflow_seed):
        assert workflow_seed == 1
    """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["again with --workflow-seed=0"])


def test_a_test_may_choose_its_backend_and_a_project_have_a_fixture_of_that_name(pytester: pytest.Pytester) -> None:
    done = ran(
        pytester,
        """
    @pytest.mark.parametrize("workflow_backend", ["trio"], indirect=True)
    def test_chosen(workflow_runner, workflow_backend):
        assert workflow_backend == "trio"

    class TestOwn:
        @pytest.fixture(params=[1, 2])
        def workflow_backend(self, request):
            return request.param

        def test_own(self, workflow_backend):
            assert workflow_backend in (1, 2)
    """,
    )
    done.assert_outcomes(passed=3)
