"""What Hypothesis draws: plans of steps, and scripts of what happens to them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.sim import operations as op
from tests.sim.flow import Plan
from tests.sim.living import Backend, Script
from tests.sim.operations import Block, Operation

keys = st.sampled_from(["x", "y"])
flags = st.booleans()


def blocks(operations: SearchStrategy[Operation], *, most: int, least: int = 0) -> SearchStrategy[Block]:
    return st.lists(operations, min_size=least, max_size=most).map(tuple)


# Anywhere: told apart by their content.
effects: SearchStrategy[Operation] = st.one_of(
    st.just(op.Send()),
    st.builds(op.Stream, st.sampled_from([1, 2, 40])),
    st.just(op.StreamPatiently()),
    st.builds(op.Set, keys),
)
onces: SearchStrategy[Operation] = st.one_of(
    st.builds(op.Once, flags, st.integers(0, 2), sleeps=st.sampled_from([0.0, 0.0, 1.0]), is_like_others=flags),
    st.just(op.OnceInVain()),
)
# Equal calls one after the other: only order tells them apart.
flaky: SearchStrategy[Operation] = st.sampled_from(
    [op.OnceFlaky(1), op.OnceFlaky(2), op.OnceFlaky(3, gives_up_after=2)]
)
waits: SearchStrategy[Operation] = st.one_of(
    st.builds(op.AskPerson, flags, timeout=st.sampled_from([None, op.FOREVER])),
    st.just(op.AskInVain()),
    st.builds(op.AskAll, st.integers(1, 3), flags),
    st.builds(op.WaitForParcel, flags, flags, flags),
)
pauses: SearchStrategy[Operation] = st.one_of(
    st.builds(op.Yield, st.integers(1, 3)), st.builds(op.Sleep, st.sampled_from([0.5, 1.0]))
)

# Only where order tells them apart.
reads: SearchStrategy[Operation] = st.one_of(
    st.builds(op.Get, keys),
    st.just(op.GetAll()),
    st.just(op.GetShared()),
    st.just(op.Pending()),
)
drawn: SearchStrategy[Operation] = st.sampled_from([op.Now(), op.Draw(), op.Uuid()])
inside_edits: SearchStrategy[Operation] = st.one_of(
    st.just(op.Send()), st.just(op.Stream()), drawn, reads, st.builds(op.Once, flags), pauses
)
edits: SearchStrategy[Operation] = st.one_of(
    st.builds(op.Edit, blocks(inside_edits, most=2)), st.just(op.EditInVain()), st.just(op.SetShared())
)
# A wait under a shield can't be cut short, so only such as somebody ends, and in the step's own task: where a task comes
# to one while its step is being suspended, it's held until the grace is over, and so is a `once`.
shielded_waits: SearchStrategy[Operation] = st.builds(
    op.Within,
    blocks(
        st.one_of(st.builds(op.AskPerson, flags), st.builds(op.WaitForParcel, flags), effects, onces), most=2, least=1
    ),
    st.just(True),
)
shielded: SearchStrategy[Operation] = st.builds(
    op.Within, blocks(st.one_of(effects, reads), most=2, least=1), st.just(True)
)
# Deadlines of the step's own that come: the wait parks, and is cancelled in place; the function is cut short.
give_up: SearchStrategy[Operation] = st.sampled_from(
    [
        op.MoveOn((op.AskInVain(timeout=None),)),
        op.MoveOn((op.Send(), op.Once(is_async=True, sleeps=10.0), op.Stream())),
    ]
)
ordered: SearchStrategy[Operation] = st.one_of(
    waits, effects, onces, flaky, reads, drawn, edits, pauses, st.just(op.Collect()), shielded, give_up
)
loose: SearchStrategy[Operation] = st.one_of(waits, effects, onces, pauses)


# No shields: while a step is being suspended its context does nothing, so clean-up must let itself be cut short there.
clean_up: SearchStrategy[Operation] = st.one_of(waits, effects, onces, reads, drawn, edits, pauses, give_up)


def _around(inner: SearchStrategy[Operation]) -> SearchStrategy[Operation]:
    block = blocks(inner, most=3, least=1)
    return st.one_of(
        st.builds(op.Within, block),
        st.builds(op.Loop, st.integers(1, 3), block),
        st.builds(op.Try, block, blocks(inner, most=1), blocks(clean_up, most=2), flags),
        st.builds(op.InBranch, block),
        tasks(block, blocks(inner, most=2)),
    )


def tasks(branch: SearchStrategy[Block], meanwhile: SearchStrategy[Block]) -> SearchStrategy[Operation]:
    return st.builds(
        op.Tasks,
        st.lists(branch, min_size=1, max_size=3).map(tuple),
        st.lists(blocks(loose, most=2, least=1), max_size=1).map(tuple),
        meanwhile,
        flags,
    )


nested: SearchStrategy[Operation] = st.recursive(ordered, _around, max_leaves=8)
top: SearchStrategy[Operation] = st.one_of(
    nested, nested, nested, give_up, shielded_waits, st.builds(op.Fail, st.integers(1, 2))
)

plans: SearchStrategy[Plan] = st.builds(Plan, blocks(top, most=4, least=1), blocks(top, most=3), blocks(top, most=2))


def scripts(backend: Backend) -> SearchStrategy[Script]:
    return st.builds(
        Script,
        st.just(backend),
        st.lists(st.integers(1, 12), max_size=4).map(tuple),
        st.lists(st.integers(0, 11), min_size=1, max_size=8).map(tuple),
        st.integers(0, 2**32 - 1) if backend == "trio" else st.just(0),
        is_gentle=st.booleans(),
    )
