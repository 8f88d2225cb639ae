"""Patches to what moto works out anew with every request, more than half of what the embedded AWS costs."""

from __future__ import annotations

import functools
import pickle
from collections import deque
from typing import TYPE_CHECKING

from botocore.model import Shape
from moto.core import responses
from moto.core.serialize import AttributePickerContext, BaseJSONSerializer, XFormedAttributePicker
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator

if TYPE_CHECKING:
    from moto.dynamodb.parsing.ast_nodes import UpdateExpression

# What the names of a member hang on: the providers of names, its shape, the class it is looked for in, its own name.
_Member = tuple[tuple[type, ...], Shape, type, str]

_MOST_CONDITIONS = 1024
# Types of an attribute whose value is replied as it is.
_PLAIN = {"S": str, "N": str, "BOOL": bool, "NULL": bool}


def patch_reply_members() -> None:
    """moto works out anew for every member of every reply under which names it may stand in what is replied."""
    picker = XFormedAttributePicker
    work_out, pick = picker.get_possible_keys, picker.__call__
    known: dict[_Member, tuple[str, ...]] = {}

    def get_possible_keys(self: XFormedAttributePicker, context: AttributePickerContext) -> tuple[str, ...]:
        member = tuple(self.alias_providers), context.shape, type(context.obj), context.key
        if member not in known:
            known[member] = tuple(dict.fromkeys(work_out(self, context)))
        return known[member]

    def pick_from_dict(self: XFormedAttributePicker, context: AttributePickerContext) -> object:
        if type(context.obj) is not dict or self.response_transformers:
            return pick(self, context)
        return next((context.obj[key] for key in get_possible_keys(self, context) if key in context.obj), None)

    picker.get_possible_keys, picker.__call__ = get_possible_keys, pick_from_dict


def patch_action_counts() -> None:
    """moto counts the clauses of an update expression below each of its nodes, though those of the root are all."""

    def traverse(self: ActionCountValidator, node: UpdateExpression) -> UpdateExpression:
        return self.verify_action_counts(node)

    ActionCountValidator.traverse = traverse


def patch_update_expressions() -> None:
    """moto parses the text of an update twice for every request, and copies what comes of it node by node."""
    make = UpdateExpressionParser.make

    @functools.lru_cache(maxsize=1024)
    def parsed(text: str) -> object:
        return make(text)

    UpdateExpressionParser.make = staticmethod(parsed)  # who validates what it gives works on a copy
    validators.deepcopy = lambda node: pickle.loads(pickle.dumps(node, pickle.HIGHEST_PROTOCOL))


def patch_conditions() -> None:
    """moto compiles six regular expressions anew for every word of a condition; the same conditions come again."""
    lex, known = ConditionExpressionParser._lex_condition_expression, dict[str, tuple[object, ...]]()

    def lexed(self: ConditionExpressionParser) -> deque[object]:
        text = self.condition_expression
        if text not in known:
            if len(known) >= _MOST_CONDITIONS:
                known.clear()
            known[text] = tuple(lex(self))
        return deque(known[text])

    ConditionExpressionParser._lex_condition_expression = lexed


def patch_actions() -> None:
    """moto looks for the names of a service's actions in its class with every request."""
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def patch_attribute_values() -> None:
    """moto looks for each of the ten types that an attribute may have in every attribute that it replies."""
    serialize = BaseJSONSerializer._serialize_type_structure

    def serialize_structure(
        self: BaseJSONSerializer, serialized: dict[str, object], value: object, shape: Shape, key: str
    ) -> None:
        if shape.name == "AttributeValue" and type(value) is dict and len(value) == 1 and key:
            (name, inner), *_ = value.items()
            if _PLAIN.get(name) is type(inner):
                self._default_serialize(serialized, {name: inner}, shape, key)
                return
        serialize(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialize_structure


PATCHES = (patch_reply_members, patch_action_counts, patch_update_expressions)
