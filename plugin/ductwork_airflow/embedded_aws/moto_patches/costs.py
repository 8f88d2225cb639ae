"""Patches to what moto works out anew with every request, more than half of what the embedded AWS costs."""

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING

from botocore.model import Shape
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator

if TYPE_CHECKING:
    from moto.dynamodb.parsing.ast_nodes import UpdateExpression

# What the names of a member hang on: the providers of names, its shape, the class it is looked for in, its own name.
_Member = tuple[tuple[type, ...], Shape, type, str]


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
