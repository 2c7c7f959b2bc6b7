"""What a deep run tries is read from the source of the tests."""

from tests.deep.choosing import tried_in, tried_of_tests
from tests.proofs import BACKENDS, proofs_of_tests

SOURCE = """
@given(x=y)
def test_given(x): ...

def test_inside(backend):
    @given(x=y)
    def check(x): ...
    check()

@given(x=y)
def test_of_one(x):
    simulate(main)

def test_a_sweep(backend):
    assert sweep_crash(scenario, backend=backend) > 3

def test_an_example(): ...

def test_the_rules_feed_every_tick_there_is():
    run_state_machine_as_test(Machine, settings=few)

TestAll = Machine.TestCase
"""


def test_properties_are_tried_in_each_round_and_sweeps_in_the_first_and_examples_in_none() -> None:
    tried = {name.rpartition("::")[2]: found for name, found in tried_in("t.py", SOURCE).items()}
    assert {name for name, found in tried.items() if found.is_property} == {
        "test_given",
        "test_inside",
        "test_of_one",
        "TestAll",
    }
    assert {name for name, found in tried.items() if not found.is_property} == {"test_a_sweep"}
    assert tried["test_of_one"].backends == {"trio"}
    assert tried["test_given"].backends == BACKENDS


def test_every_property_that_proves_a_guarantee_is_tried() -> None:
    tried = tried_of_tests()
    missing = [proof.where for proof in proofs_of_tests() if proof.is_property and not tried[proof.where].is_property]
    assert not missing
