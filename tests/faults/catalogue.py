"""The faults: for each guarantee, small changes of the engine that break it.

Each names the text that's replaced, which stands exactly once in its module, and the guarantee whose tests must notice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A small change that breaks a guarantee.

    Attributes:
        seen_in: The file of tests, or the test, that notices it; if none is named, that's for whichever comes first.
    """

    name: str
    guarantee: str
    module: str
    old: str
    new: str
    seen_in: str | None = None


DURABLE_RUNS = "tests/durability/test_durable_runs.py"
FOUND_BY_SWEEPS = "tests/durability/test_found_by_sweeps.py"
RECORDS = "tests/core/test_records.py"
EFFECTS = "tests/core/test_effects.py"
LOGS = "tests/engine/test_log_property.py"
STREAMS = "tests/engine/test_streams.py"
OWN_COPIES = "tests/engine/test_own_copies.py"
MACHINE = "tests/core/test_machine.py"
CONTEXT_MANAGERS = "tests/resource/test_context_managers.py"
CHILDREN = "tests/core/test_children.py"
JOINS = "tests/engine/test_joins.py"
WAITING = "tests/waiting/test_waiting.py"
CHILD_RUNS = "tests/engine/test_child_runs.py"
FLAT_COST = "tests/core/test_flat_cost.py"
OWNERSHIP = "tests/engine/test_ownership.py"
BATCHES = "tests/core/test_batches.py"
DEPARTURES = "tests/durability/test_departures.py"
DIGESTS = "tests/engine/test_digests.py"
CLOSING = "tests/engine/test_closing.py"
BURSTS = "tests/engine/test_bursts.py"
TIME = "tests/engine/test_time.py"
TALLY = "tests/core/test_tally.py"
STORES = "tests/durability/test_stores.py"
BAD_INPUT = "tests/engine/test_bad_input.py"
RANDOM_WORKFLOWS = "tests/model/test_random_workflows.py"
SLOW_READER = "tests/engine/test_streams.py::test_an_attached_reader_misses_nothing_however_slow_it_is"
HOSTILE = "tests/codec/test_hostile_documents.py"
STANDARD_TYPES = "tests/codec/test_standard_types.py"
LOST = "tests/durability/test_lost_for_a_while.py"
LEAVING = "tests/durability/test_leaving.py"
STRUCTURE = "tests/durability/test_changed_structure.py"

_ALL = [
    # W1 Once
    Fault(
        "a replayed read sees the present",
        "W1",
        "workflows.runtime.editing",
        "    return _fields(attempt, record.versions)\n",
        "    return _fields(attempt, values.seen(path))\n",
    ),
    Fault(
        "a function in once is called on each replay",
        "W1",
        "workflows.runtime.calling_once",
        'record = recorded(attempt, branch, "once", content) or _kept(attempt, branch, content)',
        "record = None",
    ),
    Fault(
        "what was sent and streamed is done again on a replay",
        "W1",
        "workflows.runtime.operations",
        "    return record is not None\n",
        "    return False\n",
    ),
    Fault(
        "the clock isn't recorded",
        "W1",
        "workflows.runtime.operations",
        '    record = recorded(attempt, branch, kind, "")\n'
        "    if record is not None:\n        return value_of(record)\n",
        '    recorded(attempt, branch, kind, "")\n',
    ),
    Fault(
        "a retry forgets what was recorded",
        "W1",
        "workflows.core.records",
        "        self.kept = with_item(self.kept, (branch, record.kind, record.key, occurrence), record)\n",
        "        dropped.append(record)\n",
        WAITING,
    ),
    Fault(
        "a retry keeps that a call raised",
        "W1",
        "workflows.core.records",
        'KEPT_BY_RETRIES = frozenset({"once"})',
        'KEPT_BY_RETRIES = frozenset({"once", "raised"})',
        MACHINE,
    ),
    Fault(
        "what a call made again comes to stands one record too late",
        "W1",
        "workflows.core.records",
        "        self.records[index] = record\n",
        "        self.records[min(index + 1, len(self.records) - 1)] = record\n",
        MACHINE,
    ),
    Fault(
        "a step that is being stopped reads the clock, and that's recorded",
        "W1",
        "workflows.core.recording",
        'is_in_flight = tick.kind in ("once", RAISED)',
        "is_in_flight = True",
        RECORDS,
    ),
    Fault(
        "what a call makes of its run's being stopped is raised again",
        "W1",
        "workflows.runtime.calling_once",
        "if branch is not None and not attempt.is_stopping():",
        "if branch is not None:",
    ),
    Fault(
        "a retry forgets what a child came to",
        "W1",
        "workflows.core.records",
        "        return not record.is_failed\n",
        "        return False\n",
        CHILDREN,
    ),
    Fault(
        "a step changes in place what its replay is given",
        "W1",
        "workflows.codec.copying",
        "        if type(value) not in _FROZEN:\n            copied",
        "        if False:\n            copied",
        OWN_COPIES,
    ),
    Fault(
        "a list inside of a list isn't copied",
        "W1",
        "workflows.codec.copying",
        "return [item if type(item) in _FROZEN else _copied(item, codec) for item in items]",
        "return list(items)",
        OWN_COPIES,
    ),
    # W2 Replay
    Fault(
        "a suspension is an exception in user code",
        "W2",
        "workflows.runtime.waiting",
        "        attempt.begin_suspending(lambda: _open_ones(asked))\n",
        '        raise RuntimeError("suspended")\n',
        WAITING,
    ),
    Fault(
        "a swallowed suspension isn't noticed",
        "W2",
        "workflows.runtime.calling",
        "    if attempt.is_suspending:\n        _fail(",
        "    if False:\n        _fail(",
        WAITING,
    ),
    Fault(
        "a once in flight is cut off by a suspension",
        "W2",
        "workflows.runtime.attempt",
        "        if not self._once_running:\n            self._suspend()\n\n",
        "        self._suspend()\n\n",
    ),
    # W3 Addressing
    Fault(
        "a question's id tells when it was asked",
        "W3",
        "workflows.core.delivery",
        'name = question_id(state.run_id, execution.id, branch, content, memory.occurrence(branch, "wait", content))',
        'name = question_id(state.run_id, execution.id, "", "", state.last_tick)',
    ),
    Fault(
        "an ambiguous answer goes to the oldest question",
        "W3",
        "workflows.core.delivery",
        "    if len(candidates) > 1:\n",
        "    if False:\n",
    ),
    Fault(
        "questions of children don't say of which",
        "W3",
        "workflows.core.questions",
        'id=f"c{child}.{question.id}", ',
        "",
        CHILD_RUNS,
    ),
    # W4 Nothing lost
    Fault(
        "an event that comes before its wait is dropped",
        "W4",
        "workflows.core.delivery",
        "        state.mailbox.keep(event)\n",
        "        pass\n",
        WAITING,
    ),
    Fault(
        "an answer without a question is kept",
        "W4",
        "workflows.core.delivery",
        "    return _without_question(state, event) if isinstance(event, HumanResponseEvent) else None\n",
        "    return None\n",
        WAITING,
    ),
    Fault(
        "the mailbox isn't in the snapshot",
        "W4",
        "workflows.core.snapshot",
        "    if state.mailbox.by_type:\n",
        "    if False:\n",
        WAITING,
    ),
    Fault(
        "what has arrived for a join isn't in the snapshot",
        "W4",
        "workflows.core.snapshot",
        "for place, event in gathered.arrived],",
        "for place, event in gathered.arrived[:0]],",
        JOINS,
    ),
    Fault(
        "two lists of one step are one batch",
        "W4",
        "workflows.core.batches",
        "    state.batches = with_item(state.batches, batch.id, batch)\n",
        "    known = [found for found in state.batches.values() if found.opener == opener]\n"
        "    batch = known[0] if known else batch\n"
        "    state.batches = with_item(state.batches, batch.id, batch)\n",
        JOINS,
    ),
    Fault(
        "a join is given its events in the order of their arrival",
        "W7",
        "workflows.core.batches",
        "sorted(gathered.arrived, key=_member)",
        "gathered.arrived",
        BATCHES,
    ),
    Fault(
        "what a nested batch comes to isn't joined with the batch around it",
        "W4",
        "workflows.graph.levels",
        "            level.steps.update(levels[name].joins)\n",
        "            pass\n",
        JOINS,
    ),
    Fault(
        "a list is joined by the last of its joins only",
        "W4",
        "workflows.graph.levels",
        "        name: tuple(step for step in steps.values() if step.name in level.joins)\n",
        "        name: tuple(step for step in steps.values() if step.name in level.joins)[-1:]\n",
        JOINS,
    ),
    Fault(
        "what takes over for a member of a list stands outside of the list",
        "W4",
        "workflows.core.recovering",
        "tick.at, execution.place.recovered_by(handler.name))",
        "tick.at)",
        RANDOM_WORKFLOWS,
    ),
    # W5 Nothing used twice
    Fault(
        "an answer is kept open after it was given",
        "W5",
        "workflows.core.delivery",
        "    state.close_question(question)\n    if question.returned:\n",
        "    if question.returned:\n",
        WAITING,
    ),
    Fault(
        "a late tick is applied",
        "W5",
        "workflows.core.engine",
        "        if tick.id <= state.last_tick:\n",
        "        if False:\n",
        MACHINE,
    ),
    Fault(
        "a store gives a run to whoever asks for it, though its owner lives",
        "W5",
        "workflows.durability.memory",
        "[kept for kept in found if kept.run.owner == owner or self._until(kept) <= now]",
        "found",
        STORES,
    ),
    # W6 Changed code
    Fault(
        "a replay may ask for something else",
        "W6",
        "workflows.core.replay",
        "        if record.kind != kind or record.key != key:\n",
        "        if record.kind != kind:\n",
    ),
    Fault(
        "a changed class is loaded all the same",
        "W6",
        "workflows.core.restore",
        "    check_types(reader, data)\n",
        "",
    ),
    Fault(
        "records that nobody reads are forgotten",
        "W6",
        "workflows.runtime.departures",
        "    left = attempt.replay.unread()\n",
        "    left: list[str] = []\n",
    ),
    # W7 Order
    Fault(
        "all tasks of a step share one tape",
        "W7",
        "workflows.runtime.attempt",
        '        return "" if task is self.task else None\n',
        '        return ""\n',
    ),
    Fault(
        "branches share the tape of the step",
        "W7",
        "workflows.runtime.attempt",
        "                return stack[-1]\n",
        '                return ""\n',
        WAITING,
    ),
    # W8 Time
    Fault(
        "waiting spends the budget",
        "W8",
        "workflows.core.queueing",
        "    if not execution.is_parked:\n        state.budget.leave(at)\n",
        "    if execution.status is not SUSPENDING:\n        state.budget.leave(at)\n",
        TIME,
    ),
    Fault(
        "a deadline is forgotten by a restart",
        "W8",
        "workflows.core.restore",
        '                state.timers.set(("question", question.id), question.deadline_at)\n',
        "                pass\n",
        WAITING,
    ),
    Fault(
        "the spent time is forgotten by a restart",
        "W8",
        "workflows.core.restore",
        '    state.budget.spent_s = seconds(data["spent_s"])\n',
        "",
    ),
    Fault(
        "a step's own time goes on while it waits in place",
        "W8",
        "workflows.runtime.attempt",
        '            self.scope.deadline = float("inf")\n',
        "            pass\n",
    ),
    # W9 Asking again
    Fault(
        "an answer isn't validated",
        "W9",
        "workflows.runtime.answers",
        "        fitted = state.codec.validate(given, kind)\n",
        "        fitted = event\n",
    ),
    Fault(
        "each pass of a loop is the same question",
        "W9",
        "workflows.core.records",
        "        return self.seen.get((kind, key), 0)\n",
        "        return 0\n",
    ),
    Fault(
        "a bad answer closes its question",
        "W9",
        "workflows.runtime.answers",
        "    except InvalidInput as error:\n",
        "    except InvalidInput as error:\n        state.close_question(question)\n",
        BAD_INPUT,
    ),
    # W10 Questions are data
    Fault(
        "a restored context doesn't list its questions",
        "W10",
        "workflows.context.context",
        "        return tuple(all_questions(self._driver.core.state))\n",
        "        return () if self._is_restored else tuple(all_questions(self._driver.core.state))\n",
    ),
    Fault(
        "what children ask isn't listed",
        "W10",
        "workflows.core.delivery",
        "            found += [outer_id(question, child.id, child.label) for question in all_questions(child.state)]\n",
        "            pass\n",
        RANDOM_WORKFLOWS,
    ),
    Fault(
        "questions are listed in the order of their steps after a restart",
        "W10",
        "workflows.core.restore",
        '    order = data.get("asking_order")\n',
        "    order = None\n",
        MACHINE,
    ),
    Fault(
        "a question that was returned isn't in the snapshot",
        "W10",
        "workflows.core.restore",
        '    for stored in data.get("questions", ()):\n',
        '    for stored in data.get("questions", ())[:0]:\n',
        "tests/engine/test_behaviours_of_waits.py",
    ),
    # R1 No orphans
    Fault(
        "a cancelled await leaves its run alone",
        "R1",
        "workflows.handler",
        "                await self._abandon()  # noqa",
        "                pass  # noqa",
    ),
    Fault(
        "the end of a run doesn't cancel its steps",
        "R1",
        "workflows.runtime.crew",
        "                worker.scope.cancel()\n            if self._run.is_at_work:",
        "                pass\n            if self._run.is_at_work:",
    ),
    Fault(
        "a run ends before all of its tasks have",
        "R1",
        "workflows.runtime.tasks",
        "        while self._others:\n",
        "        while self._others < 0:\n",
        "tests/engine/test_tasks.py",
    ),
    Fault(
        "a resource of a run isn't shielded while steps clean up",
        "R1",
        "workflows.runtime.resources.keeping",
        "                entry.scope.shield = True\n",
        "",
        CONTEXT_MANAGERS,
    ),
    Fault(
        "a resource of a call is closed without a shield",
        "R1",
        "workflows.runtime.resources.closing",
        "guard.shield, guard.deadline = True, self.until()",
        "guard.deadline = self.until()",
        CONTEXT_MANAGERS,
    ),
    # R2 Failures surface
    Fault(
        "only the first of several failures is told",
        "R2",
        "workflows.core.ending",
        "        state.outcome = Outcome(failures=(*outcome.failures, *failures))\n",
        "        pass\n",
        "tests/engine/test_ends_property.py",
    ),
    Fault(
        "a failure that nobody awaited is silent",
        "R2",
        "workflows.runtime.outcome",
        "        self.is_retrieved = error is None or isinstance(error, WorkflowCancelledByUser)\n",
        "        self.is_retrieved = True\n",
        "tests/engine/test_failures.py",
    ),
    Fault(
        "what closing a resource raises is lost",
        "R2",
        "workflows.runtime.resources.keeping",
        "        self.errors.append(error)\n",
        "",
        CONTEXT_MANAGERS,
    ),
    # R3 Streams
    Fault(
        "a reader that waits isn't woken by a burst",
        "R3",
        "workflows.runtime.burst",
        "            self._log.wake()\n",
        "",
        BURSTS,
    ),
    Fault(
        "a snapshot is made without the events that nobody has looked at yet",
        "R3",
        "workflows.context.context",
        "self._driver.has_told().state",
        "self._driver.core.state",
        BURSTS,
    ),
    Fault(
        "an event of one branch goes into the burst of another",
        "R3",
        "workflows.runtime.burst",
        "seam is not self._seam or branch != self._branch or",
        "seam is not self._seam or",
        BURSTS,
    ),
    Fault(
        "an event of another task goes into the burst of the step's own",
        "R3",
        "workflows.runtime.burst",
        "            or self._current_task() is not task\n",
        "",
        BURSTS,
    ),
    Fault(
        "what clean-up writes goes on with the burst of before the step was cancelled",
        "R3",
        "workflows.runtime.burst",
        "self._has_waited(task, self) and attempt.run.crew.is_cut_off)\n",
        "not self)\n",
        BURSTS,
    ),
    Fault(
        "a task that's cancelled before it begins is waited for",
        "R1",
        "workflows.runtime.spawn",
        "            if not self.has_begun and not loop.is_closed():\n",
        "            if False:\n",
        CLOSING,
    ),
    Fault(
        "a root task that's cancelled by itself leaves the others behind",
        "R1",
        "workflows.runtime.tasks",
        "                cancelled = error\n",
        "                raise error\n",
        CLOSING,
    ),
    Fault(
        "what is no error, and ends a further task, is lost",
        "R1",
        "workflows.runtime.tasks",
        "        except BaseException as error:\n            self._errors.append(error)\n",
        "        except Exception as error:\n            self._errors.append(error)\n",
        CLOSING,
    ),
    Fault(
        "a further task that somebody else cancels leaves its job undone",
        "R1",
        "workflows.runtime.tasks",
        "        except anyio.get_cancelled_exc_class():\n            self._stop()\n",
        "        except anyio.get_cancelled_exc_class():\n",
        CLOSING,
    ),
    Fault(
        "on asyncio, a burst goes the short way though its step has waited",
        "R3",
        "workflows.runtime.burst",
        "                self._next_turn(self._leave_short_way)\n",
        "                pass\n",
        BURSTS,
    ),
    Fault(
        "the record keeps events that the log has forgotten",
        "R3",
        "workflows.runtime.burst",
        "        if self._undigested <= self._log.history:\n",
        "        if events:\n",
        BURSTS,
    ),
    Fault(
        "a digest that was made when its event was written is taken for that of another event",
        "W1",
        "workflows.runtime.burst",
        "        self._digests[len(self._events)] = digest\n",
        "        self._digests[0] = digest\n",
        BURSTS,
    ),
    Fault(
        "a digest that is made late isn't the one that's made at once",
        "W1",
        "workflows.runtime.digests",
        "                if type(event) is not kind:\n",
        "                if kind is None:\n",
        DIGESTS,
    ),
    Fault(
        "a step that has waited counts as one that hasn't: nobody looks whether it was cancelled meanwhile",
        "R3",
        "workflows.runtime.spawn",
        "        return found is not mark\n",
        "        return False\n",
        BURSTS,
    ),
    Fault(
        "an internal event in a burst is counted",
        "R3",
        "workflows.runtime.log",
        "if any(issubclass(kind, InternalDispatchEvent) for kind in set(map(type, events))):",
        "if not events:",
        BURSTS,
    ),
    Fault(
        "a reader skips an event",
        "R3",
        "workflows.runtime.reading",
        "self.move(self.index + len(events), ",
        "self.move(self.index + len(events) + 1, ",
    ),
    Fault(
        "a reader counts as read what it has only taken",
        "R3",
        "workflows.runtime.reading",
        "        return self._index - length_hint(self.batch)\n",
        "        return self._index\n",
        LOGS,
    ),
    Fault(
        "a writer waits for a reader that has moved on among what it had taken",
        "R3",
        "workflows.runtime.log",
        "            self._have_all_given_back()\n",
        "",
        STREAMS,
    ),
    Fault(
        "sleeping readers aren't told of the end",
        "R3",
        "workflows.runtime.log",
        "        self.is_closed = True\n        self.wake()\n",
        "        self.is_closed = True\n",
        OWNERSHIP,
    ),
    Fault(
        "the log forgets what a slow reader still needs",
        "R3",
        "workflows.runtime.log",
        "        if self.readers:\n            surplus",
        "        if False:\n            surplus",
        SLOW_READER,
    ),
    # R4 Crash
    Fault(
        "a function in once is on record some time after it has returned",
        "R4",
        "workflows.runtime.calling_once",
        "        with anyio.CancelScope(shield=True):\n            await attempt.settled()\n",
        "",
        DURABLE_RUNS,
    ),
    Fault(
        "a run is told to have ended before that's stored",
        "R4",
        "workflows.runtime.journalling",
        "    return kind is Refuse or kind is GrantEdit or (",
        "    return kind in (Refuse, GrantEdit, PublishEvent) or (",
        DURABLE_RUNS,
    ),
    Fault(
        "sending returns before the event is stored",
        "R4",
        "workflows.durability.sending",
        "reply_to=reply_to)\n            await found.settled()\n",
        "reply_to=reply_to)\n",
        DURABLE_RUNS,
    ),
    Fault(
        "an event that is refused leaves a gap in the journal",
        "R4",
        "workflows.runtime.journalling",
        "        self.ticks.append(text)\n        if type(tick) is EventReceived",
        "        if not any(type(command) is Refuse for command in commands):\n            self.ticks.append(text)\n"
        "        if type(tick) is EventReceived",
        DURABLE_RUNS,
    ),
    Fault(
        "the last snapshot of a run comes without the last event of its stream",
        "R4",
        "workflows.durability.run_journal",
        "events=[(position, event_text(state, event)) for position, event in events],",
        "events=[(place, event_text(state, event)) for place, event in (events[:-1] if is_last else events)],",
        FOUND_BY_SWEEPS,
    ),
    Fault(
        "a question that was answered stays in the list",
        "R4",
        "workflows.durability.run_journal",
        "            closed=closed,\n",
        "",
        DURABLE_RUNS,
    ),
    Fault(
        "a run spends its time while its process is dead",
        "R4",
        "workflows.durability.restoring",
        "        at = _instant_of(ticks[-1], at)\n",
        "",
        FOUND_BY_SWEEPS,
    ),
    Fault(
        "a step that is about to be stopped still calls a function",
        "R4",
        "workflows.runtime.calling_once",
        "        await _end_is_stored(attempt)\n        return await _call_in_vain",
        "        return await _call_in_vain",
        FOUND_BY_SWEEPS,
    ),
    Fault(
        "a store in memory lets whoever has lost a run go on storing it",
        "R4",
        "workflows.durability.memory",
        "        if kept is None or kept.run.owner != owner:\n",
        "        if kept is None:\n",
        STORES,
    ),
    Fault(
        "a run whose wait in place is over is stored as one in which everything waits",
        "R4",
        "workflows.durability.run_journal",
        "is_waiting = not state.budget.active and not (self.run is not None and _has_word(self.run))",
        "is_waiting = not state.budget.active",
        FOUND_BY_SWEEPS,
    ),
    Fault(
        "a step whose answer hasn't reached its task waits on",
        "R4",
        "workflows.runtime.attempt",
        "return any(event.is_set() or name not in still_open for name, event in self.parked.items())",
        "return any(event.is_set() for event in self.parked.values())",
        FOUND_BY_SWEEPS,
    ),
    Fault(
        "a run that was taken back goes on from what it was released as",
        "R4",
        "workflows.durability.run_journal",
        "            self._base = text_of(self._left)\n",
        "            pass\n",
        FOUND_BY_SWEEPS,
    ),
    Fault(
        "a task watches an alarm that was left",
        "R4",
        "workflows.runtime.alarm",
        "        while (at := self.at)",
        "        self._is_left = False\n        while (at := self.at)",
        "tests/engine/test_alarm.py",
    ),
    Fault(
        "a run that was given something is released all the same",
        "R4",
        "workflows.durability.run_journal",
        "            self._is_releasing = False  # something came before this was taken\n",
        "            pass\n",
        LOST,
    ),
    Fault(
        "a run that is cancelled while its runtime is left goes on elsewhere",
        "R4",
        "workflows.core.ending",
        "    elif state.is_left and not tick.is_left:",
        "    elif False:",
        LOST,
    ),
    Fault(
        "a run is taken back though another runtime has had it meanwhile",
        "W4",
        "workflows.durability.group_commit",
        "        if claimed and (claimed[0].entry, claimed[0].changed_at) == (journal.entry, now):\n",
        "        if claimed:\n",
        LOST,
    ),
    Fault(
        "whoever is refused what it wants to store stays the owner",
        "R4",
        "workflows.durability.group_commit",
        "            if run is not None and run.owner == self._owner:\n",
        "            if run is None:\n",
        LOST,
    ),
    Fault(
        "whoever has sent what was stored is told that the run was lost after that",
        "W5",
        "workflows.runtime.journalling",
        "        if self.lost is not None and self._stored < goal:",
        "        if self.lost is not None:",
        LOST,
    ),
    Fault(
        "whoever was told that a run doesn't fit keeps others from it",
        "W6",
        "workflows.durability.run_host",
        "                await self.store.set_aside(self.owner, run_id, NOBODYS_MARK)\n",
        "                pass\n",
        STRUCTURE,
    ),
    Fault(
        "a run is given back that was migrated meanwhile",
        "W6",
        "workflows.durability.run_host",
        "            if run_id not in self._loaded:\n                await self.store.set_aside",
        "            if True:\n                await self.store.set_aside",
        STRUCTURE,
    ),
    Fault(
        "a run is gone on with by a workflow of another structure, in the middle of its work",
        "W6",
        "workflows.durability.restoring",
        "    if fingerprint != definition.fingerprint:\n",
        "    if False:\n",
        STRUCTURE,
    ),
    Fault(
        "a run that waits in memory is a journal, which other versions can't read",
        "W6",
        "workflows.durability.run_journal",
        "        if is_last or is_full or (is_waiting and (ticks or self._size)):\n",
        "        if is_last or is_full:\n",
        STRUCTURE,
    ),
    Fault(
        "a durable run whose replay departs fails for good",
        "W6",
        "workflows.runtime.departures",
        "    if journal is None or departure is None or not has_departed(attempt, error):\n",
        "    if True:\n",
        DEPARTURES,
    ),
    Fault(
        "a file that was taken away is written on",
        "R4",
        "workflows.durability.sqlite.medium",
        "                if begin == WRITING:\n",
        "                if False:\n",
        "tests/durability/test_disk.py",
    ),
    Fault(
        "messages to runs that have ended stay",
        "R4",
        "workflows.durability.sqlite.owning",
        "    connection.execute(FORGET_UNANSWERED, (now - (until - now),))\n",
        "",
        STORES,
    ),
    Fault(
        "a message to a run that has just ended is forgotten before its sender has looked",
        "R4",
        "workflows.durability.sqlite.owning",
        "    connection.execute(FORGET_UNANSWERED, (now - (until - now),))\n",
        "    connection.execute(FORGET_UNANSWERED, (math.inf,))\n",
        STORES,
    ),
    Fault(
        "nobody looks after the runs of a runtime whose block is cancelled, till it's left",
        "R1",
        "workflows.durability.keeper",
        "anyio.CancelScope(shield=True)  # whatever cancels",
        "anyio.CancelScope()  # whatever cancels",
        LEAVING,
    ),
    Fault(
        "a run begins in a runtime that is being left",
        "R1",
        "workflows.durability.run_host",
        "        if self.launch is None:\n            raise UsageError",
        "        if False:\n            raise UsageError",
        LEAVING,
    ),
    Fault(
        "a step whose run was just lost still calls a function",
        "R4",
        "workflows.runtime.seam",
        "            if self.is_lost:\n",
        "            if False:\n",
        LEAVING,
    ),
    # D1 to D4
    Fault(
        "a tuple comes back as a list",
        "D1",
        "workflows.codec.containers",
        '    return tuple(reader.items(list_in(payload, "a list of items")))\n',
        '    return list(reader.items(list_in(payload, "a list of items")))\n',
        STANDARD_TYPES,
    ),
    Fault(
        "the second of two equal hours comes back as the first",
        "D1",
        "workflows.codec.moments",
        "    return [moment.replace(tzinfo=None, fold=0).isoformat(), zone, moment.fold]\n",
        "    return [moment.replace(tzinfo=None, fold=0).isoformat(), zone, 0]\n",
        STANDARD_TYPES,
    ),
    Fault(
        "a deque forgets how long it may get",
        "D1",
        "workflows.codec.containers",
        "    return deque(reader.items(items), maxlen)\n",
        "    return deque(reader.items(items))\n",
        STANDARD_TYPES,
    ),
    Fault(
        "clean-up of a cancelled run reads what another read saw",
        "W1",
        "workflows.runtime.editing",
        '    if inside.get() == "once" or attempt.is_in_vain:\n',
        '    if inside.get() == "once":\n',
        "tests/sim/test_stopping.py",
    ),
    Fault(
        "a once that raised is called again on a replay",
        "W1",
        "workflows.runtime.calling_once",
        "    if raised.error is None:\n",
        "    if True:\n",
        WAITING,
    ),
    Fault(
        "data names what is imported",
        "D2",
        "workflows.codec.codec",
        "        cls = self._table.types.get(name)\n"
        "        if cls is None or (derives(cls, BaseException) and not self._hooks.covers(cls)):\n"
        '            raise Refused(f"is of the type {_unknown(name)}")\n'
        "        form = self._form_of(cls, self._table.names[cls])\n",
        '        module, _, place = name.partition(":")\n'
        '        cls = self._table.types.get(name) or getattr(__import__(module, fromlist=["_"]), place)\n'
        "        form = self._form_of(cls, name)\n",
        HOSTILE,
    ),
    Fault(
        "depth isn't bounded",
        "D2",
        "workflows.codec.reading",
        "        if self.depth > self.limits.depth:\n",
        "        if False:\n",
        HOSTILE,
    ),
    Fault(
        "a snapshot of another format is read",
        "D3",
        "workflows.core.restore",
        "    check_format(data)\n",
        "",
        "tests/core/test_snapshot.py",
    ),
    Fault(
        "a snapshot forgets who has taken over before",
        "D3",
        "workflows.core.written",
        "    return [*where, counts_data(place.recoveries)] if place.recoveries else where\n",
        "    return where\n",
    ),
    Fault(
        "a journal forgets that a failure must surface",
        "D3",
        "workflows.core.tick_forms",
        '"surfaces": _FLAG,',
        '"surfaces": Form(None, lambda *_: False),',
    ),
    Fault(
        "what happens to a child is stored in the types of the run that has it",
        "D3",
        "workflows.core.tick_forms",
        'row(inner, writer.within(child.state, "tick"))',
        "row(inner, writer)",
    ),
    Fault(
        "an image takes what an attempt at work has recorded for what it has to replay",
        "D3",
        "workflows.core.image",
        "        tape.sealed = sealed\n",
        "        tape.sealed = len(tape.records)\n",
    ),
    Fault(
        "each streamed event is a record of its own",
        "D4",
        "workflows.core.records",
        "            if type(last) is Effects:\n                return last\n",
        "            pass\n",
        FLAT_COST,
    ),
    Fault(
        "digests that may be made late are forgotten",
        "W1",
        "workflows.core.effects",
        "            self._later.append(digests)\n",
        "            pass\n",
        EFFECTS,
    ),
    Fault(
        "children that are over stay",
        "D4",
        "workflows.core.state",
        "        del self.children[child.id]\n",
        "",
    ),
    Fault(
        "finished executions stay",
        "D4",
        "workflows.core.state",
        "        del self.executions[execution.id]\n",
        "",
    ),
    Fault(
        "a stored tally is believed",
        "D2",
        "workflows.core.tallying",
        "    if interrupted < 0 or spent < 0:\n",
        "    if False:\n",
        TALLY,
    ),
    Fault(
        "a stored tally loses the attempts that were interrupted",
        "D3",
        "workflows.core.tallying",
        "    return Tally(finished, failures, interrupted, spent",
        "    return Tally(finished, failures, 0, spent",
    ),
    Fault(
        "a tally has an entry for each event",
        "D4",
        "workflows.core.tally",
        "            self.kind = kind\n",
        "            kind = f'{kind} {len(self.others)}'\n",
        FLAT_COST,
    ),
]

FAULTS = {fault.name: fault for fault in _ALL}
assert len(FAULTS) == len(_ALL)
