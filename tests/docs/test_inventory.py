"""Every public name of LlamaIndex Workflows is here under the same name, or is listed as a difference with its reason.

The names are those of `llama-index-workflows` 2.26 that are part of its published interface, with the parameters and
defaults that they have there. A call that fits a signature below fits ours: each parameter is there under its name,
with the same default if it has one, and ours has no further one that must be given.

Left out are names that are deprecated there, or bound to its instrumentation or to its pluggable runtimes.
"""

import importlib
import inspect
import math
import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from tests.docs.pages import ROOT, names_of

PAGE = (ROOT / "docs" / "explanation" / "differences.md").read_text(encoding="utf-8")
MISSING_NAMES = PAGE[PAGE.index("## Names that aren't here") :]

NO_SIGNATURE = None  # a class or a type of which only the name counts, an attribute, or a property

INVENTORY: dict[str, dict[str, str | None]] = {
    "workflows": {
        "Context": NO_SIGNATURE,
        "Workflow": NO_SIGNATURE,
        "step": NO_SIGNATURE,
        "catch_error": NO_SIGNATURE,
    },
    "workflows.workflow": {
        "Workflow": "timeout=45.0, disable_validation=False, verbose=False, resource_manager=None, "
        "num_concurrent_runs=None, workflow_name=None, skip_graph_checks=None, serializer=None",
        "Workflow.add_step": "func",
        "Workflow.run": "self, ctx=None, start_event=None, **kwargs",
        "Workflow.validate": "self, *, validate_resource_configs=True, validate_resources=False",
        "Workflow.events": NO_SIGNATURE,
        "Workflow.start_event_class": NO_SIGNATURE,
        "Workflow.stop_event_class": NO_SIGNATURE,
        "Workflow.workflow_name": NO_SIGNATURE,
        "Workflow.serializer": NO_SIGNATURE,
    },
    "workflows.decorators": {
        "step": "func=None, *, workflow=None, num_workers=4, retry_policy=None, skip_graph_checks=None, "
        "accept_event_subclasses=False",
        "catch_error": "func=None, *, for_steps=None, max_recoveries=1",
        "WorkflowGraphCheck": NO_SIGNATURE,
        "StepGraphCheck": NO_SIGNATURE,
        "StepConfig": NO_SIGNATURE,
        "CatchErrorHandler": NO_SIGNATURE,
        "StepFunction": NO_SIGNATURE,
        "make_step_function": NO_SIGNATURE,
        "StepRole": NO_SIGNATURE,
    },
    "workflows.context": {
        "Context": NO_SIGNATURE,
        "BaseSerializer": NO_SIGNATURE,
        "JsonSerializer": NO_SIGNATURE,
        "PickleSerializer": NO_SIGNATURE,
    },
    "workflows.context.context": {
        "Context": "workflow, previous_context=None, serializer=None",
        "Context.is_running": NO_SIGNATURE,
        "Context.store": NO_SIGNATURE,
        "Context.to_dict": "self, serializer=None, *, include_state=True",
        "Context.from_dict": "workflow, data, serializer=None",
        "Context.send_event": "self, message, step=None",
        "Context.collect_events": "self, ev, expected, buffer_id=None",
        "Context.wait_for_event": "self, event_type, waiter_event=None, waiter_id=None, requirements=None, "
        "timeout=2000",
        "Context.write_event_to_stream": "self, ev",
        "Context.retry_info": "self",
        "Context.get_step_context": "",
        "Context.running_steps": "self",
        "Context.stream_events": "self",
        "Context.get_result": "self",
    },
    "workflows.context.serializers": {
        "BaseSerializer": NO_SIGNATURE,
        "BaseSerializer.serialize": "self, value",
        "BaseSerializer.deserialize": "self, value",
        "BaseSerializer.validation_context": NO_SIGNATURE,
        "JsonSerializer": "*, allowed_types=None",
        "JsonSerializer.serialize": "self, value",
        "JsonSerializer.deserialize": "self, value",
        "JsonSerializer.serialize_value": "self, value",
        "JsonSerializer.deserialize_value": "self, data",
        "JsonSerializer.with_types": "self, *classes",
        "JsonSerializer.resolve_class": "self, qualified_name",
        "PickleSerializer": NO_SIGNATURE,
        "JsonPickleSerializer": NO_SIGNATURE,
    },
    "workflows.context.state_store": {
        "DictState": "**values",
        "StateStore": NO_SIGNATURE,
        "StateStore.get": "self, path, default=...",
        "StateStore.set": "self, path, value",
        "StateStore.get_state": "self",
        "StateStore.set_state": "self, state",
        "StateStore.clear": "self",
        "StateStore.edit_state": "self",
        "InMemoryStateStore": "initial_state",
    },
    "workflows.handler": {
        "WorkflowHandler": NO_SIGNATURE,
        "WorkflowHandler.is_done": "self",
        "WorkflowHandler.get_stop_event": "self",
        "WorkflowHandler.stop_event_result": "self",
        "WorkflowHandler.stream_events": "self, expose_internal=False",
        "WorkflowHandler.send_event": "self, event, step=None",
        "WorkflowHandler.cancel_run": "self, *, timeout=5.0",
    },
    "workflows.events": {
        "Event": "**params",
        "Event.get": "self, key, default=None",
        "Event.keys": "self",
        "Event.values": "self",
        "Event.items": "self",
        "Event.to_dict": "self",
        "StartEvent": "**params",
        "StopEvent": "result=None, **extras",
        "InputRequiredEvent": "**params",
        "HumanResponseEvent": "**params",
        "WorkflowTimedOutEvent": "*, timeout, active_steps",
        "WorkflowCancelledEvent": "",
        "WorkflowFailedEvent": "*, step_name, exception, attempts=None, elapsed_seconds=None",
        "StepFailedEvent": "*, step_name, input_event, exception, attempts, elapsed_seconds, failed_at",
        "CollectionReleaseEvent": "*, events=[], stream_id='', binding_id=''",
        "InternalDispatchEvent": NO_SIGNATURE,
        "StepStateChanged": "*, name, step_state, worker_id, input_event_name, output_event_name=None",
        "StepState.PREPARING": NO_SIGNATURE,
        "StepState.RUNNING": NO_SIGNATURE,
        "StepState.NOT_RUNNING": NO_SIGNATURE,
        "WorkflowIdleEvent": NO_SIGNATURE,
        "UnhandledEvent": "*, event_type, qualified_name, step_name=None, idle",
        "UnreconstructedException": "message, *, original_type=None",
        "EventType": NO_SIGNATURE,
        "DictLikeModel": NO_SIGNATURE,
        "SerializableEvent": NO_SIGNATURE,
        "SerializableOptionalEvent": NO_SIGNATURE,
        "SerializableException": NO_SIGNATURE,
        "SerializableOptionalException": NO_SIGNATURE,
        "SerializableEventType": NO_SIGNATURE,
    },
    "workflows.errors": dict.fromkeys(
        (
            "WorkflowValidationError",
            "WorkflowConfigurationError",
            "WorkflowRuntimeError",
            "WorkflowTimeoutError",
            "WorkflowCancelledByUser",
            "ContextSerdeError",
            "ContextStateError",
            "WorkflowStepDoesNotExistError",
            "WorkflowDone",
        )
    ),
    "workflows.collect": {
        "Collect": "cardinality=All()",
        "Cardinality": NO_SIGNATURE,
        "All": "",
        "Take": "n",
    },
    "workflows.retry_policy": {
        "retry_policy": "retry=None, wait=wait_fixed(5), stop=stop_after_attempt(3)",
        "RetryPolicy.next": "self, elapsed_time, attempts, error, *, seed=None",
        "RetryCondition.__call__": "self, error",
        "WaitStrategy.__call__": "self, attempts, *, seed=None",
        "StopCondition.__call__": "self, attempts, elapsed_time, *, upcoming_sleep=0.0",
        "RetryInfo": "retry_number, elapsed_seconds, last_exception, last_failed_at",
        "retry_if_exception": "predicate",
        "retry_if_exception_type": "exception_types=Exception",
        "retry_if_not_exception_type": "exception_types=Exception",
        "retry_unless_exception_type": "exception_types=Exception",
        "retry_if_exception_message": "message=None, match=None",
        "retry_if_not_exception_message": "message=None, match=None",
        "retry_if_exception_cause_type": "exception_types=Exception",
        "retry_any": "*retries",
        "retry_all": "*retries",
        "retry_always": "",
        "retry_never": "",
        "wait_fixed": "wait",
        "wait_none": "",
        "wait_exponential": "multiplier=1.0, exp_base=2.0, max=60.0, min=0.0",
        "wait_incrementing": "start=0.0, increment=100.0, max=inf",
        "wait_random": "min=0.0, max=1.0",
        "wait_exponential_jitter": "initial=1.0, exp_base=2.0, max=60.0, jitter=1.0",
        "wait_random_exponential": "multiplier=1.0, exp_base=2.0, max=60.0, min=0.0",
        "wait_full_jitter": "multiplier=1.0, exp_base=2.0, max=60.0, min=0.0",
        "wait_chain": "*strategies",
        "wait_combine": "*strategies",
        "stop_after_attempt": "max_attempt_number",
        "stop_after_delay": "max_delay",
        "stop_before_delay": "max_delay",
        "stop_any": "*stops",
        "stop_all": "*stops",
        "stop_never": "",
    },
    "workflows.resource": {
        "Resource": "factory, cache=True",
        "ResourceConfig": "config_file, path_selector=None, label=None, description=None",
        "ResourceManager": NO_SIGNATURE,
        "ResourceManager.get": "self, resource",
        "ResourceManager.set": "self, name, val",
        "ResourceManager.get_all": "self",
        "ResourceManager.resolution_scope": "self",
        "ResourceDefinition": "*, name, resource, type_annotation=None",
        "ResourceDescriptor": NO_SIGNATURE,
    },
    "workflows.testing": {"WorkflowTestRunner": NO_SIGNATURE},
    "workflows.testing.runner": {
        "WorkflowTestRunner": "workflow",
        "WorkflowTestRunner.run": "self, start_event=StartEvent(), ctx=None, expose_internal=True, exclude_events=None",
        "WorkflowTestResult": "collected, event_types, result, ctx",
    },
    "workflows.types": {"StopEventT": NO_SIGNATURE, "RunResultT": NO_SIGNATURE},
    "workflows.representation": {
        "get_workflow_representation": "workflow",
        "WorkflowGraph": "*, name, nodes, edges, description=None",
        "WorkflowGraph.filter_by_node_type": "self, *node_types",
        "WorkflowGraphEdge": "*, source, target, label=None",
        "WorkflowNodeBase.truncated_label": "self, max_length",
        "WorkflowStepNode": NO_SIGNATURE,
        "WorkflowEventNode": NO_SIGNATURE,
        "WorkflowExternalNode": NO_SIGNATURE,
        "WorkflowResourceNode": NO_SIGNATURE,
        "WorkflowResourceConfigNode": NO_SIGNATURE,
        "WorkflowGenericNode": NO_SIGNATURE,
        "WorkflowGraphNode": NO_SIGNATURE,
    },
}

# What isn't here, or has another default; each stands with its reason on the page, under the words behind it.
DIFFERENT = {
    "workflows.workflow:Workflow(serializer=)": "`serializer=`",
    "workflows.workflow:Workflow.serializer": "`Workflow.serializer`",
    "workflows.decorators:make_step_function": "`make_step_function`",
    "workflows.decorators:StepRole": "`StepRole`",
    "workflows.context:PickleSerializer": "`PickleSerializer`",
    "workflows.context.context:Context(serializer=)": "`serializer=`",
    "workflows.context.context:Context.to_dict(serializer=)": "`serializer=`",
    "workflows.context.context:Context.from_dict(serializer=)": "`serializer=`",
    "workflows.context.context:Context.wait_for_event(timeout=)": "`timeout=2000`",
    "workflows.context.serializers:BaseSerializer.validation_context": "`BaseSerializer.validation_context`",
    "workflows.context.serializers:PickleSerializer": "`PickleSerializer`",
    "workflows.context.serializers:JsonPickleSerializer": "`JsonPickleSerializer`",
    "workflows.context.state_store:InMemoryStateStore": "`InMemoryStateStore`",
    "workflows.events:DictLikeModel": "`DictLikeModel`",
    "workflows.events:SerializableEvent": "`SerializableEvent`",
    "workflows.events:SerializableOptionalEvent": "`SerializableOptionalEvent`",
    "workflows.events:SerializableException": "`SerializableException`",
    "workflows.events:SerializableOptionalException": "`SerializableOptionalException`",
    "workflows.events:SerializableEventType": "`SerializableEventType`",
}

# Parameters that are keywords only here, although they may be given by position there; the page names them.
KEYWORDS_ONLY = {
    "workflows.workflow:Workflow": "`Workflow(timeout, *, ...)`",
}

# Modules that have no counterpart, with the words of the page.
MODULES_LEFT_OUT = ["plugins", "runtime", "server", "client", "protocol"]

LISTED = [(module, name) for module, names in INVENTORY.items() for name in names]


def found(module: str, name: str) -> Any:
    """What a name of a module stands for; raises an AttributeError if there's nothing."""
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def as_listed(module: str, signature: str) -> inspect.Signature:
    """The signature that a line of the inventory stands for, its defaults being values of its module."""
    namespace: dict[str, Any] = {"inf": math.inf, **names_of(importlib.import_module(module))}
    exec(f"def listed({signature}): ...", namespace)
    return inspect.signature(namespace["listed"])


def differences(module: str, name: str) -> Iterator[str]:
    """In what a name departs from its line in the inventory."""
    where = f"{module}:{name}"
    try:
        ours = found(module, name)
    except AttributeError:
        yield where
        return
    line = INVENTORY[module][name]
    if line is None:
        return
    theirs = as_listed(module, line).parameters
    given = inspect.signature(ours).parameters
    for wanted in theirs.values():
        has = parameter_like(wanted, given)
        if has is None or not accepts(wanted, default_of(ours, has)):
            yield f"{where}({wanted.name}=)"
        elif is_positional(wanted) and not is_positional(has) and where not in KEYWORDS_ONLY:
            yield f"{where}({wanted.name}= by position)"
    needed = [one.name for one in given.values() if one.default is one.empty and one.name not in theirs]
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    yield from (f"{where}({name}= is needed)" for name in needed if given[name].kind not in variable)


def parameter_like(wanted: inspect.Parameter, given: Any) -> inspect.Parameter | None:
    """The parameter of ours that stands for one of theirs: of its name, or of its kind if that takes any names."""
    if wanted.kind in (wanted.VAR_KEYWORD, wanted.VAR_POSITIONAL):
        return next((one for one in given.values() if one.kind is wanted.kind), None)
    parameter: inspect.Parameter | None = given.get(wanted.name)
    return parameter


def is_positional(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL)


def default_of(owner: Any, parameter: inspect.Parameter) -> Any:
    """The default of a parameter, made where it's made anew for each call."""
    is_made_anew = parameter.default is attrs.NOTHING or isinstance(parameter.default, type(attrs.Factory(list)))
    return getattr(owner(), parameter.name) if is_made_anew else parameter.default


def accepts(wanted: inspect.Parameter, default: Any) -> bool:
    """Whether a call that leaves the parameter out, where that's allowed there, means the same here."""
    return wanted.default is wanted.empty or wanted.default is ... or bool(default == wanted.default)


@pytest.mark.parametrize(("module", "name"), LISTED)
def test_a_listed_name_is_here_with_its_parameters_and_defaults_or_is_told_of(module: str, name: str) -> None:
    untold = [found for found in differences(module, name) if found not in DIFFERENT]
    assert not untold, f"name it, with the reason, in docs/explanation/differences.md: {untold}"


def test_what_is_told_of_as_missing_is_missing() -> None:
    there = {found for module, name in LISTED for found in differences(module, name)}
    assert DIFFERENT.keys() - there == set()


@pytest.mark.parametrize("words", sorted({*DIFFERENT.values(), *KEYWORDS_ONLY.values()}))
def test_each_difference_of_a_name_stands_on_the_page(words: str) -> None:
    assert words in MISSING_NAMES


def test_modules_without_a_counterpart_stand_on_the_page() -> None:
    for name in MODULES_LEFT_OUT:
        assert re.search(rf"`workflows\.{name}`", MISSING_NAMES)


def test_what_is_compared_is_what_it_says() -> None:
    assert list(differences("workflows.collect", "Collect")) == []
    wanted = as_listed("workflows.collect", "n=2, *, m").parameters
    assert not accepts(wanted["n"], 3)
    assert accepts(wanted["n"], 2)
    assert accepts(wanted["m"], 7)
    assert [is_positional(one) for one in wanted.values()] == [True, False]
