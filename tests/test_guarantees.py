"""Every guarantee of the design has tests on both backends, and properties on both; `proofs.py` says what counts."""

from tests.proofs import BACKENDS, GUARANTEES, KNOWN, Proof, proofs_in, proofs_of_tests


def gaps(*, of_properties: bool) -> list[str]:
    """Which guarantees have no test, or no property, on which backends."""
    covered: dict[str, set[str]] = {guarantee: set() for guarantee in GUARANTEES}
    for proof in proofs_of_tests():
        if proof.guarantee in covered and (proof.is_property or not of_properties):
            covered[proof.guarantee].update(proof.backends)
    missing = {guarantee: sorted(BACKENDS - seen) for guarantee, seen in covered.items()}
    return [f"{guarantee}: none on {' nor on '.join(backends)}" for guarantee, backends in missing.items() if backends]


def test_every_guarantee_is_tested_on_both_backends() -> None:
    missing = gaps(of_properties=False)
    assert not missing, "\n".join(["", *missing])


def test_every_guarantee_has_a_property_on_both_backends() -> None:
    missing = gaps(of_properties=True)
    assert not missing, "\n".join(["no test with @given and no state machine:", *missing])


def test_every_marker_names_guarantees_that_exist() -> None:
    unknown = [f"{proof.where}: {proof.guarantee}" for proof in proofs_of_tests() if proof.guarantee not in KNOWN]
    assert not unknown, "\n".join(["", *unknown])


# --- and the reading is right -----------------------------------------------------------------------------------------


def read(source: str) -> dict[tuple[str, str], Proof]:
    return {(proof.guarantee, proof.where.rpartition("::")[2]): proof for proof in proofs_in("t.py", source)}


def test_a_marker_counts_on_a_test_on_its_class_and_on_its_module() -> None:
    found = read(
        "pytestmark = [pytest.mark.anyio, pytest.mark.guarantee('W1')]\n"
        "class TestSome:\n"
        "    pytestmark = pytest.mark.guarantee('W2')\n"
        "    @pytest.mark.guarantee('W3', 'W4')\n"
        "    async def test_it(self): ...\n"
        "def helper(): ...\n"
    )
    assert found.keys() == {(name, "test_it") for name in ("W1", "W2", "W3", "W4")}
    assert {proof.backends for proof in found.values()} == {BACKENDS}


def test_a_property_is_told_from_an_example() -> None:
    found = read(
        "drawn = given(seed=st.integers())\n"
        "@pytest.mark.guarantee('W1')\n@hypothesis.given(x=y)\ndef test_given(x): ...\n"
        "@pytest.mark.guarantee('W1')\n@drawn\ndef test_named(seed): ...\n"
        "@pytest.mark.guarantee('W1')\ndef test_inner():\n    @given(x=y)\n    def check(x): ...\n    check()\n"
        "@pytest.mark.guarantee('W1')\ndef test_example(): ...\n"
    )
    kinds = {name: proof.is_property for (_, name), proof in found.items()}
    assert kinds == {"test_given": True, "test_named": True, "test_inner": True, "test_example": False}


def test_a_state_machine_is_a_property() -> None:
    found = read(
        "@pytest.mark.guarantee('W1')\nclass Machine(RuleBasedStateMachine): ...\n"
        "@pytest.mark.guarantee('W2')\nclass TestMachine(Machine.TestCase): ...\n"
    )
    module = read("pytestmark = pytest.mark.guarantee('W3')\nTestMachine = Machine.TestCase\n")
    assert [proof.is_property for proof in [*found.values(), *module.values()]] == [True, True, True]


def test_a_test_that_names_one_backend_covers_that_one() -> None:
    found = read(
        "@pytest.mark.guarantee('W1')\ndef test_a():\n    run_on_trio(main)\n"
        "@pytest.mark.guarantee('W1')\ndef test_b():\n    anyio.run(main, backend='asyncio')\n"
        "@pytest.mark.guarantee('W1')\ndef test_c(seed):\n    'Unlike trio.'\n    check(seed)\n"
        "@pytest.mark.guarantee('W1')\ndef test_d():\n    for backend in ('asyncio', 'trio'): ...\n"
        "@pytest.mark.guarantee('W1', backend='trio')\ndef test_e(): ...\n"
        "@both\n@pytest.mark.guarantee('W1')\ndef test_f(backend):\n    check(7 if backend == 'trio' else 0)\n"
    )
    covered = {name: set(proof.backends) for (_, name), proof in found.items()}
    assert covered["test_a"] == covered["test_e"] == {"trio"}
    assert covered["test_b"] == {"asyncio"}
    assert covered["test_c"] == covered["test_d"] == covered["test_f"] == BACKENDS
