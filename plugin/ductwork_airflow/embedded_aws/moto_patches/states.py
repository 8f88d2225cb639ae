"""Patches to how moto reads states and what they leave behind: literals, Assign, Output, Choice."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import threading
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
from moto.stepfunctions.parser.asl.antlt4utils.antlr4utils import is_terminal
from moto.stepfunctions.parser.asl.component.common.assign import assign_decl
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state import state
from moto.stepfunctions.parser.asl.component.state.choice import state_choice
from moto.stepfunctions.parser.asl.component.state.choice.comparison import comparison
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.parse import asl_parser, preprocessor

from ductwork_airflow.embedded_aws.moto_patches import definitions
from ductwork_airflow.embedded_aws.moto_patches.definitions import UnknownDefinitionError
from ductwork_airflow.embedded_aws.moto_patches.expressions import evaluation_failed

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment

# Of definitions that are kept as components, of which each takes twenty times as much.
_LATEST_CHARACTERS = 3_000_000
# On an environment's heap, which moto empties after each state.
_ASSIGNED, _OUTPUT, _MATCHED = "ductwork.assigned", "ductwork.cli.output", "ductwork.matched"


def patch_parser() -> None:
    """moto parses a definition again for each execution, minutes for a large one, and cannot read
    ``"ToleratedFailurePercentage": 100`` for want of a decimal point. Ours reads what it knows from JSON."""
    parser = asl_parser.AmazonStateLanguageParser
    original = parser.parse
    percentage = re.compile(r'(?<!\\)("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])')

    @functools.lru_cache(maxsize=16)
    def parse_text(definition: str) -> object:
        return original(percentage.sub(r"\1.0", definition))

    programs = Programs()

    def parse(definition: str) -> object:
        with contextlib.suppress(UnknownDefinitionError):
            return programs.of(definition), None
        return parse_text(definition)

    parser.parse = staticmethod(parse)


class Programs:
    """Definitions as moto's components: those that executions go on with, and the latest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: OrderedDict[str, object] = OrderedDict()
        self._known: weakref.WeakValueDictionary[str, object] = weakref.WeakValueDictionary()

    def of(self, definition: str) -> object:
        """The components of a definition.

        :raises UnknownDefinitionError: as :func:`definitions.program`
        """
        with self._lock:
            found = self._known.get(definition) or definitions.program(definition)
            self._known[definition] = self._latest[definition] = found
            self._latest.move_to_end(definition)
            while len(self._latest) > 1 and sum(map(len, self._latest)) > _LATEST_CHARACTERS:
                self._latest.popitem(last=False)
            return found


def patch_literals() -> None:
    """moto takes some strings of a definition with their JSON escapes as they are written, and reads the others by
    Python's rules, which differ for characters outside the basic plane."""

    def from_string_literal(parser_rule_context: Any) -> str:
        return _unescaped(parser_rule_context.getText())

    def inner_string_of(parser_rule_context: Any) -> str | None:
        if is_terminal(parser_rule_context, ASLLexer.NULL):
            return None
        return _unescaped(parser_rule_context.getText())

    preprocessor.from_string_literal = from_string_literal
    preprocessor.Preprocessor._inner_string_of = staticmethod(inner_string_of)


def _unescaped(text: str) -> str:
    return json.loads(text, strict=False) if text.startswith('"') else text


def patch_assign() -> None:
    """moto assigns before it evaluates Output, which then sees the new values; on AWS neither sees the other."""
    common = state.CommonStateField
    choice = state_choice.StateChoice
    originals = {cls: cls._eval_state_output for cls in (common, choice)}

    def eval_body(self: assign_decl.AssignDecl, env: Environment) -> None:
        assigned: dict[str, Any] = {}
        for declaration in self.declaration_bindings:
            declaration.eval(env=env)
            assigned.update(env.stack.pop())
        env.heap[_ASSIGNED] = assigned

    def output_then_assign(original: Any) -> object:
        def eval_state_output(self: assign_decl.AssignDecl, env: Environment) -> None:
            original(self, env)
            _assign(env)

        return eval_state_output

    assign_decl.AssignDecl._eval_body = eval_body
    for cls, original in originals.items():
        cls._eval_state_output = output_then_assign(original)


def _assign(env: Environment) -> None:
    for name, value in env.heap.pop(_ASSIGNED, {}).items():
        env.variable_store.set(variable_identifier=name, variable_value=value)


def patch_output() -> None:
    """moto evaluates the Output of Task, Parallel and Map where no Retry or Catch sees it fail."""
    execution_state = execute_state.ExecutionState
    evaluate = execution_state._evaluate_with_timeout

    def evaluate_with_output(self: execute_state.ExecutionState, env: Environment) -> None:
        for key in (_ASSIGNED, _OUTPUT):  # of an attempt that failed
            env.heap.pop(key, None)
        evaluate(self, env)
        if self.output and env.is_running():
            try:
                self.output.jsonata_template_value.eval(env=env)
            except FailureEventException:
                env.heap.pop(_ASSIGNED, None)
                raise
            env.heap[_OUTPUT] = env.stack.pop()

    def eval_state_output(self: execute_state.ExecutionState, env: Environment) -> None:
        if _OUTPUT in env.heap:
            env.states.reset(input_value=env.heap.pop(_OUTPUT))
            _assign(env)
        elif isinstance(env.stack[-1], CatchOutcome):
            _assign(env)
        else:
            state.CommonStateField._eval_state_output(self, env)

    execution_state._evaluate_with_timeout = evaluate_with_output
    execution_state._eval_state_output = eval_state_output


def patch_choice() -> None:
    """moto runs the state-level Assign and Output when a rule goes where Default goes, and calls a Condition that
    is not a boolean States.Runtime."""
    choice = state_choice.StateChoice
    finish = choice._eval_state_output

    def eval_condition(self: comparison.ConditionStringJSONata, env: Environment) -> None:
        self.string_jsonata.eval(env=env)
        if not isinstance(env.stack[-1], bool):
            cause = f"The Condition '{self.string_jsonata.expression}' gave no boolean"
            raise FailureEventException(evaluation_failed(env, cause))

    def eval_state(self: state_choice.StateChoice, env: Environment) -> None:
        for rule in self.choices_decl.rules:
            rule.eval(env)
            if env.stack.pop() is True:
                env.heap[_MATCHED] = True
                env.stack.append(rule.next_stmt.name)
                return
        if self.default_state is None:
            raise RuntimeError(f"No choice of '{self.name}' matched, and it has no Default")
        env.stack.append(self.default_state.state_name)

    def eval_state_output(self: state_choice.StateChoice, env: Environment) -> None:
        if env.heap.pop(_MATCHED, False) and not self._is_language_query_jsonpath():
            env.next_state_name = env.stack.pop()
            _assign(env)
        else:
            finish(self, env)

    comparison.ConditionStringJSONata._eval_body = eval_condition
    choice._eval_state, choice._eval_state_output = eval_state, eval_state_output
