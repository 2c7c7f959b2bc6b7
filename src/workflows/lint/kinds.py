"""What an expression stands for, as far as the source tells: a dotted name, or the class of its value.

What isn't known for certain is None. A guess would be a false alarm.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable
from typing import TypeAlias

from .effects import MADE_BY, class_that_makes, effect_of, is_class_name, is_client, is_path
from .network import HANDLES, VALUES
from .scopes import Binding, ClassNames, Gives, Scope

Kind: TypeAlias = str | ClassNames
"""The class of a value: by its dotted name, or as it stands in a source that was read."""
Finder: TypeAlias = Callable[[str], "Scope | ClassNames | str | None"]
"""Finds what a dotted name stands for, if its source is to be read; a name, if that's what it stands for there."""

CONTEXT = "workflows.Context"
WORKFLOW = "workflows.Workflow"
_OTHER_NAMES = {
    "workflows.context.Context": CONTEXT,
    "workflows.context.context.Context": CONTEXT,
    "workflows.workflow.Workflow": WORKFLOW,
    "workflows.decorators.step": "workflows.step",
    "workflows.steps.step": "workflows.step",
    "workflows.decorators.catch_error": "workflows.catch_error",
}
_OURS = frozenset({CONTEXT, WORKFLOW, "workflows.step", "workflows.catch_error"})
_NAMES = ast.Name | ast.Attribute
_KEEP_THE_KIND = {
    *("absolute", "expanduser", "joinpath", "relative_to", "resolve", "with_name", "with_stem", "with_suffix"),
}
_DEEPEST = 12
"""How far a value is followed from variable to variable; also the end of those that go round in a circle."""


def nothing(name: str) -> None:
    """A finder for a source that stands alone."""


class Kinds:
    """Tells names and kinds of expressions, and remembers them until it's told to forget.

    Args:
        find: How to find what other sources of the same project define.
    """

    def __init__(self, find: Finder = nothing) -> None:
        self.find: Finder = find
        self._names: dict[tuple[Scope | ClassNames, str], Kind | None] = {}
        self._workflows: dict[ClassNames, bool] = {}

    def forget(self) -> None:
        """More is known about what variables stand for."""
        self._names.clear()

    def dotted(self, expression: ast.expr, scope: Scope) -> str | None:
        """The full name of what is imported or built in: `dt.now` is `datetime.datetime.now`."""
        expression, scope = self.aliased(expression, scope)
        full: str | None = None
        if isinstance(expression, ast.Name):
            holder = scope.holder(expression.id)
            if holder is None:
                return self._from_nowhere(expression.id, scope)
            full = holder.imports.get(expression.id)
        elif isinstance(expression, ast.Attribute):
            inner = self.dotted(expression.value, scope)
            full = None if inner is None else f"{inner}.{expression.attr}"
        return None if full is None else self._settled(full)

    def _settled(self, full: str) -> str:
        """The name of what modules of the project hand on, where it comes from."""
        found = self.find(full)
        full = found if isinstance(found, str) else full
        return _OTHER_NAMES.get(full, full)

    def _from_nowhere(self, name: str, scope: Scope) -> str | None:
        """A name that nothing binds: it may come with all that a module has, or be built in."""
        for star in reversed(scope.top.stars):
            full = self._settled(f"{star}.{name}")
            if is_known_name(full) or self.find(full) is not None:
                return full
        return f"builtins.{name}" if hasattr(builtins, name) else None

    def aliased(self, expression: ast.expr, scope: Scope, depth: int = 0) -> tuple[ast.expr, Scope]:
        """What an expression is another name for, and where: `ctx.ask`, after `ask = ctx.ask`; else itself."""
        value: Binding | None = None
        match expression:
            case ast.Name(id=name):
                holder = scope.holder(name)
                if holder is not None and not (
                    name in holder.imports or name in holder.functions or name in holder.classes
                ):
                    value = _only(holder.bindings(name))
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), *_]):
                return ast.copy_location(ast.Attribute(owner, name), expression), scope
            case ast.Attribute(value=owner, attr=name):
                kind = self.kind(owner, scope, depth + 1) if isinstance(owner, ast.Name) else None
                if isinstance(kind, ClassNames) and name not in kind.methods:
                    value = _only(kind.attributes.get(name, []))
            case _:
                pass
        if value is None or depth > _DEEPEST or not isinstance(value.expression, _NAMES | ast.Call):
            return expression, scope
        found = self.aliased(value.expression, value.scope, depth + 1)
        return found if isinstance(found[0], _NAMES) else (expression, scope)

    def value_of(self, expression: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
        """What a variable is set to, if it's set once, and where; else the expression itself."""
        holder = scope.holder(expression.id) if isinstance(expression, ast.Name) else None
        value = _only(holder.bindings(expression.id)) if holder and isinstance(expression, ast.Name) else None
        return (expression, scope) if value is None else (value.expression, value.scope)

    def class_of(self, expression: ast.expr, scope: Scope) -> ClassNames | None:
        """The class that an expression names, if its source was read."""
        expression, scope = self.aliased(expression, scope)
        if isinstance(expression, ast.Name):
            holder = scope.holder(expression.id)
            if holder is not None and expression.id in holder.classes:
                return holder.classes[expression.id]
        full = self.dotted(expression, scope)
        found = None if full is None else self.find(full)
        return found if isinstance(found, ClassNames) else None

    def function_of(self, expression: ast.expr, scope: Scope, depth: int = 0) -> Scope | None:
        """The function that an expression names, if its source was read."""
        expression, scope = self.aliased(expression, scope, depth)
        if isinstance(expression, ast.Name):
            holder = scope.holder(expression.id)
            if holder is not None and expression.id in holder.functions:
                return holder.functions[expression.id]
        if isinstance(expression, ast.Attribute):
            method = self._method_of(expression, scope, depth)
            if method is not None:
                return method
        made, where = self.value_of(expression, scope)
        if isinstance(made, ast.Call) and depth < _DEEPEST:
            return self._function_given_by(made, where, depth + 1)
        full = self.dotted(expression, scope)
        found = None if full is None else self.find(full)
        return found if isinstance(found, Scope) else None

    def _function_given_by(self, call: ast.Call, scope: Scope, depth: int) -> Scope | None:
        """The function inside of another one that a call of that one gives."""
        maker = self.function_of(call.func, scope, depth)
        given = [] if maker is None else [node.value for node in ast.walk(maker.node) if isinstance(node, ast.Return)]
        names = {node.id for node in given if isinstance(node, ast.Name)}
        inner = [found for name, found in maker.functions.items() if name in names] if maker is not None else []
        return inner[0] if len(inner) == 1 else None

    def _method_of(self, expression: ast.Attribute, scope: Scope, depth: int) -> Scope | None:
        owner: Kind | None = self.class_of(expression.value, scope)
        if owner is None and _is_call_of_super(expression.value):
            here = next((outer.owner for outer in scope.chain() if outer.owner is not None), None)
            bases = () if here is None else self.bases_of(here)
            return next((method for base in bases if (method := self.method(base, expression.attr))), None)
        owner = owner or self.kind(expression.value, scope, depth + 1)
        return self.method(owner, expression.attr) if isinstance(owner, ClassNames) else None

    def method(self, owner: ClassNames, name: str, depth: int = 0) -> Scope | None:
        """The method of a class, or of its bases as far as they were read."""
        if name in owner.methods:
            return owner.methods[name]
        bases = self.bases_of(owner) if depth < _DEEPEST else ()
        return next((found for base in bases if (found := self.method(base, name, depth + 1))), None)

    def bases_of(self, owner: ClassNames) -> list[ClassNames]:
        """The bases of a class that were read."""
        found = (self.class_of(_without_subscript(base), owner.scope) for base in owner.node.bases)
        return [base for base in found if base is not None]

    def is_workflow(self, owner: ClassNames) -> bool:
        """Whether a class is a workflow, as far as its bases tell, or its steps."""
        if owner not in self._workflows:
            self._workflows[owner] = False  # a class that is its own base is none
            self._workflows[owner] = self._is_workflow(owner)
        return self._workflows[owner]

    def _is_workflow(self, owner: ClassNames) -> bool:
        names = {self.dotted(_without_subscript(base), owner.scope) for base in owner.node.bases}
        if WORKFLOW in names or any(self.is_step(method) for method in owner.methods.values()):
            return True
        return any(self.is_workflow(base) for base in self.bases_of(owner))

    def is_step(self, scope: Scope) -> bool:
        """Whether a function is decorated as a step, or as one that takes over for others."""
        if not isinstance(scope.node, ast.FunctionDef | ast.AsyncFunctionDef) or scope.parent is None:
            return False
        decorators = [call.func if isinstance(call, ast.Call) else call for call in scope.node.decorator_list]
        names = {self.dotted(decorator, scope.parent) for decorator in decorators}
        return bool(names & {"workflows.step", "workflows.catch_error"})

    def is_context(self, expression: ast.expr, scope: Scope) -> bool:
        """Whether it's the context of a step."""
        return self.kind(expression, scope) == CONTEXT

    def kind(self, expression: ast.expr, scope: Scope, depth: int = 0) -> Kind | None:
        """The class of the value of an expression."""
        if depth > _DEEPEST:
            return None
        match expression:
            case ast.Name(id=name):
                return self._kind_of_name(name, scope, depth)
            case ast.Attribute():
                return self._kind_of_attribute(expression, scope, depth)
            case ast.Call():
                return self._kind_of_call(expression, scope, depth)
            case ast.BinOp(op=ast.Div(), left=left):
                found = self.kind(left, scope, depth + 1)
                return found if is_path(found) else None
            case ast.Subscript(value=value):  # MongoClient()["shop"]["orders"]
                found = self.kind(value, scope, depth + 1)
                return found if is_client(found) else None
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.kind(value, scope, depth + 1)
            case ast.IfExp(body=first, orelse=second) | ast.BoolOp(values=[first, second]):
                return self.kind(first, scope, depth + 1) or self.kind(second, scope, depth + 1)
            case _:
                return None

    def _kind_of_name(self, name: str, scope: Scope, depth: int) -> Kind | None:
        holder = scope.holder(name)
        if holder is None:
            return None
        if holder.owner is not None and name == holder.receiver:
            return holder.owner
        return self._remembered(holder, name, holder.bindings(name), depth)

    def _remembered(
        self, holder: Scope | ClassNames, name: str, bindings: Iterable[Binding], depth: int
    ) -> Kind | None:
        key = (holder, name)
        if key not in self._names:
            self._names[key] = None  # what is made of itself alone is nothing
            self._names[key] = self.kind_of_bindings(bindings, depth)
        return self._names[key]

    def kind_of_bindings(self, bindings: Iterable[Binding], depth: int) -> Kind | None:
        """The class of what a variable is set to; the first that is known, annotations before values.

        Of arguments, only if it's the same for all.
        """
        bindings = [*bindings]
        annotations = [found for found in bindings if found.gives is Gives.ANNOTATION]
        for known in annotations:
            if (kind := self.named_by(known.expression, known.scope)) is not None:
                return kind
        given = [found for found in bindings if found.gives is Gives.ARGUMENT]
        kinds = {self.kind(found.expression, found.scope, depth + 1) for found in given}
        if len(kinds) == 1 and None not in kinds:
            return kinds.pop()
        values = [found for found in bindings if found.gives in (Gives.VALUE, Gives.ENTERED)]
        found_kinds = (self.kind(found.expression, found.scope, depth + 1) for found in values)
        return next((kind for kind in found_kinds if kind is not None), None)

    def _kind_of_attribute(self, expression: ast.Attribute, scope: Scope, depth: int) -> Kind | None:
        owner = self.kind(expression.value, scope, depth + 1)
        if isinstance(owner, ClassNames):
            return self._kind_of_attribute_of(owner, expression.attr, depth + 1)
        if is_path(owner):
            return owner if expression.attr == "parent" else None
        # client.chat.completions is the client still
        return owner if is_client(owner) and expression.attr not in VALUES else None

    def _kind_of_attribute_of(self, owner: ClassNames, name: str, depth: int) -> Kind | None:
        if name in owner.attributes:
            return self._remembered(owner, name, owner.attributes[name], depth)
        bases = self.bases_of(owner) if depth < _DEEPEST else ()
        return next((kind for base in bases if (kind := self._kind_of_attribute_of(base, name, depth + 1))), None)

    def _kind_of_call(self, expression: ast.Call, scope: Scope, depth: int) -> Kind | None:
        made = self.class_of(expression.func, scope)
        if made is not None:
            return made
        full = self.dotted(expression.func, scope)
        if full == f"{CONTEXT}.get_step_context":
            return CONTEXT
        if full is not None and (kind := class_that_makes(full)) is not None:
            return kind
        function = self.function_of(expression.func, scope, depth)
        if function is not None and isinstance(function.node, ast.FunctionDef | ast.AsyncFunctionDef):
            returns = function.node.returns
            return None if returns is None else self.named_by(returns, function.parent or function)
        return (
            self._kind_of_method_call(expression.func, scope, depth)
            if isinstance(expression.func, ast.Attribute)
            else None
        )

    def _kind_of_method_call(self, method: ast.Attribute, scope: Scope, depth: int) -> Kind | None:
        owner = self.kind(method.value, scope, depth + 1)
        if method.attr in _KEEP_THE_KIND:
            return owner
        # boto3.resource("dynamodb").Table("orders") talks as what it was made of
        return owner if is_client(owner) and (method.attr in HANDLES or is_class_name(method.attr)) else None

    def named_by(self, annotation: ast.expr, scope: Scope) -> Kind | None:
        """The class that an annotation names; of a union, the first that is known."""
        match annotation:
            case ast.Constant(value=str(text)):
                try:
                    return self.named_by(ast.parse(text, mode="eval").body, scope)
                except SyntaxError:
                    return None
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return self.named_by(left, scope) or self.named_by(right, scope)
            case ast.Subscript(value=value, slice=inner):
                name = self.dotted(value, scope) or ""
                if name.endswith((".Annotated", ".Optional", ".Union")):
                    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                    return next((kind for part in parts if (kind := self.named_by(part, scope))), None)
                return self.named_by(value, scope)
            case _:
                return self.class_of(annotation, scope) or self._known_name(annotation, scope)

    def _known_name(self, annotation: ast.expr, scope: Scope) -> str | None:
        full = self.dotted(annotation, scope)
        return full if full is not None and not full.startswith(("builtins.", "typing.")) else None


def is_known_name(full: str) -> bool:
    """Whether a name is one of those that matter, of this library or of others."""
    return full in _OURS or effect_of(full, None) is not None or is_client(full) or full in MADE_BY


def _only(bindings: list[Binding]) -> Binding | None:
    is_value = len(bindings) == 1 and bindings[0].gives in (Gives.VALUE, Gives.ARGUMENT)
    return bindings[0] if is_value else None


def _is_call_of_super(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Call) and ast.unparse(expression.func) == "super"


def _without_subscript(expression: ast.expr) -> ast.expr:
    return expression.value if isinstance(expression, ast.Subscript) else expression
