"""Definitions in JSONata made to moto's components from their JSON.

moto's parser, ANTLR's in Python, takes three minutes and a gigabyte for a machine of a thousand tasks, and much of the
time of a small run. What is not known here, JSONPath above all, is left to it, and so is whatever it would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from typing import TypeVar

from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.parse import preprocessor as moto
from moto.stepfunctions.parser.asl.parse.typed_props import TypedProps

_JSONATA = "JSONata"
_MODES = {"INLINE": moto.Mode.Inline, "DISTRIBUTED": moto.Mode.Distributed}
_EXECUTIONS = {"STANDARD": moto.ExecutionType.Standard}
_JITTERS = {"FULL": moto.JitterStrategy.FULL, "NONE": moto.JitterStrategy.NONE}
_STATES_ERRORS = {each.to_name(): each for each in StatesErrorNameType}


_Part = TypeVar("_Part")


class UnknownDefinitionError(ValueError):
    """It has what only moto's own parser knows."""


def program(definition: str) -> object:
    """The ``Program`` that moto's parser would make of a definition.

    :raises UnknownDefinitionError: it is moto's parser that has to read it
    """
    try:
        # A recursive reader, as moto's is.
        read = json.loads(definition, object_pairs_hook=_object)
        return _program(_named(read, {"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"}))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnknownDefinitionError(str(error)) from error


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnknownDefinitionError("a name is there twice")
    return found


def _named(part: object, names: Container[str] | None = None) -> dict[str, object]:
    """An object of JSON, all of whose names are known."""
    if not isinstance(part, dict) or (names is not None and any(name not in names for name in part)):
        raise UnknownDefinitionError(str(part))
    return part


def _list(part: object) -> list[object]:
    if not isinstance(part, list):
        raise UnknownDefinitionError(str(part))
    return part


def _program(read: Mapping[str, object]) -> object:
    if read["QueryLanguage"] != _JSONATA:
        raise UnknownDefinitionError(read["QueryLanguage"])
    language = moto.QueryLanguage(moto.QueryLanguageMode.JSONata)
    timeout, comment, version = (read.get(name) for name in ("TimeoutSeconds", "Comment", "Version"))
    return moto.Program(
        query_language=language,
        start_at=moto.StartAt(start_at_name=_text(read["StartAt"])),
        states=_states(read["States"], language),
        timeout_seconds=None if timeout is None else moto.TimeoutSeconds(timeout_seconds=_whole(timeout)),
        comment=None if comment is None else moto.Comment(comment=_text(comment)),
        version=None if version is None else moto.Version(version=_text(version)),
    )


def _states(read: object, language: object) -> object:
    states = moto.States()
    for name, state in _named(read).items():
        props = moto.StateProps()
        for member, value in _named(state).items():
            props.add(_MEMBERS[member](value, language))
        props.add(language)
        props.name = name
        states.states[name] = moto.Preprocessor._common_state_field_of(props)
    return states


def _branch(part: object, language: object) -> object:
    read = _named(part, {"StartAt", "States"})
    return moto.Program(
        query_language=language,
        start_at=moto.StartAt(start_at_name=_text(read["StartAt"])),
        states=_states(read["States"], language),
        timeout_seconds=None,
    )


def _item_processor(part: object, language: object) -> object:
    read = _named(part, {"ProcessorConfig", "StartAt", "States"})
    config = _named(read.get("ProcessorConfig", {}), {"Mode", "ExecutionType"})
    return moto.ItemProcessorDecl(
        query_language=moto.QueryLanguage(),  # as moto has it where none is written; its states have theirs
        start_at=moto.StartAt(start_at_name=_text(read["StartAt"])),
        states=_states(read["States"], language),
        comment=None,
        processor_config=moto.ProcessorConfig(
            mode=_MODES[_text(config.get("Mode", "INLINE"))],
            execution_type=_EXECUTIONS[_text(config.get("ExecutionType", "STANDARD"))],
        ),
    )


# ---- values ----


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnknownDefinitionError(str(value))
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnknownDefinitionError(str(value))
    return value


def _is_jsonata(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _jsonata(value: object) -> object:
    if not _is_jsonata(value):
        raise UnknownDefinitionError(str(value))
    return moto.StringJSONata(expression=_text(value)[2:-2].strip())


def _string(value: object) -> object:
    return _jsonata(value) if _is_jsonata(value) else moto.StringLiteral(literal_value=_text(value))


def _name(name: str) -> str:
    if name.endswith(".$"):
        raise UnknownDefinitionError(name)
    return name


def _template(value: object) -> object:
    """A value of Arguments and Output."""
    if isinstance(value, dict):
        bindings = [
            moto.JSONataTemplateBinding(identifier=_name(name), value=_template(inner)) for name, inner in value.items()
        ]
        return moto.JSONataTemplateValueObject(bindings=bindings)
    if isinstance(value, list):
        return moto.JSONataTemplateValueArray(values=[_template(inner) for inner in value])
    if _is_jsonata(value):
        return moto.JSONataTemplateValueTerminalStringJSONata(string_jsonata=_jsonata(value))
    return moto.JSONataTemplateValueTerminalLit(value=value)


def _assigned(value: object) -> object:
    """A value of Assign and ItemSelector."""
    if isinstance(value, dict):
        return moto.AssignTemplateValueObject(bindings=[_binding(*each) for each in value.items()])
    if isinstance(value, list):
        return moto.AssignTemplateValueArray(values=[_assigned(inner) for inner in value])
    if _is_jsonata(value):
        return moto.AssignTemplateValueTerminalStringJSONata(string_jsonata=_jsonata(value))
    return moto.AssignTemplateValueTerminalLit(value=value)


def _binding(name: str, value: object) -> object:
    return moto.AssignTemplateBindingValue(identifier=_name(name), assign_value=_assigned(value))


# ---- members of states ----


def _assign(value: object, _language: object = None) -> object:
    bindings = [moto.AssignDeclBinding(binding=_binding(*each)) for each in _named(value).items()]
    return moto.AssignDecl(declaration_bindings=bindings)


def _output(value: object, _language: object = None) -> object:
    return moto.Output(jsonata_template_value=_template(value))


def _arguments(value: object, _language: object) -> object:
    if isinstance(value, dict):
        return moto.ArgumentsJSONataTemplateValueObject(jsonata_template_value_object=_template(value))
    return moto.ArgumentsStringJSONata(string_jsonata=_jsonata(value))


def _next(value: object, _language: object = None) -> object:
    return moto.Next(name=_text(value))


def _choices(value: object, _language: object) -> object:
    rules = []
    for each in _list(value):
        rule = _named(each, {"Condition", "Next", "Assign", "Output", "Comment"})
        rules.append(
            moto.ChoiceRule(
                comparison=moto.ConditionStringJSONata(string_jsonata=_jsonata(rule["Condition"])),
                next_stmt=_next(rule["Next"]),
                comment=moto.Comment(comment=_text(rule["Comment"])) if "Comment" in rule else None,
                assign=_assign(rule["Assign"]) if "Assign" in rule else None,
                output=_output(rule["Output"]) if "Output" in rule else None,
            )
        )
    return moto.ChoicesDecl(rules=rules)


def _error_equals(value: object) -> object:
    names = [
        moto.StatesErrorName(_STATES_ERRORS[name]) if name in _STATES_ERRORS else moto.CustomErrorName(error_name=name)
        for name in map(_text, _list(value))
    ]
    return moto.ErrorEqualsDecl(error_names=names)


def _listed(
    members: Mapping[str, Callable[[object], object]], props: type[TypedProps], made: Callable[..., _Part]
) -> Callable[[object], list[_Part]]:
    def read(value: object) -> list[_Part]:
        found = []
        for each in _list(value):
            kept = props()
            for name, inner in _named(each, members).items():
                kept.add(members[name](inner))
            found.append(made(props=kept))
        return found

    return read


_RETRIERS = _listed(
    {
        "ErrorEquals": _error_equals,
        "IntervalSeconds": lambda value: moto.IntervalSecondsDecl(seconds=_whole(value)),
        "MaxAttempts": lambda value: moto.MaxAttemptsDecl(attempts=_whole(value)),
        "BackoffRate": lambda value: moto.BackoffRateDecl(rate=float(str(value))),
        "MaxDelaySeconds": lambda value: moto.MaxDelaySecondsDecl(max_delays_seconds=_whole(value)),
        "JitterStrategy": lambda value: moto.JitterStrategyDecl(jitter_strategy=_JITTERS[_text(value)]),
        "Comment": lambda value: moto.Comment(comment=_text(value)),
    },
    moto.RetrierProps,
    moto.RetrierDecl.from_retrier_props,
)
_CATCHERS = _listed(
    {
        "ErrorEquals": _error_equals,
        "Next": _next,
        "Assign": _assign,
        "Output": _output,
        "Comment": lambda value: moto.Comment(comment=_text(value)),
    },
    moto.CatcherProps,
    moto.CatcherDecl.from_catcher_props,
)


def _numbered(
    whole: Callable[[int], object], computed: Callable[[object], object]
) -> Callable[[object, object], object]:
    def read(value: object, _language: object) -> object:
        return computed(_jsonata(value)) if _is_jsonata(value) else whole(_whole(value))

    return read


def _end(value: object, _language: object) -> object:
    if not isinstance(value, bool):
        raise UnknownDefinitionError(str(value))
    return moto.End(is_end=value)


def _items(value: object, _language: object) -> object:
    if isinstance(value, list):
        return moto.ItemsArray(jsonata_template_value_array=_template(value))
    return moto.ItemsJSONata(string_jsonata=_jsonata(value))


# By member of a state: what becomes of its value in a query language.
_MEMBERS: dict[str, Callable[[object, object], object]] = {
    "Type": lambda value, _: moto.StateType[_text(value)],
    "Comment": lambda value, _: moto.Comment(comment=_text(value)),
    "Next": _next,
    "End": _end,
    "Assign": _assign,
    "Output": _output,
    "Arguments": _arguments,
    "Resource": lambda value, _: moto.Resource.from_resource_arn(_text(value)),
    "TimeoutSeconds": _numbered(
        lambda number: moto.TimeoutSeconds(timeout_seconds=number),
        lambda expression: moto.TimeoutSecondsJSONata(string_jsonata=expression),
    ),
    "Retry": lambda value, _: moto.RetryDecl(retriers=_RETRIERS(value)),
    "Catch": lambda value, _: moto.CatchDecl(catchers=_CATCHERS(value)),
    "Choices": _choices,
    "Default": lambda value, _: moto.DefaultDecl(state_name=_text(value)),
    "Branches": lambda value, language: moto.BranchesDecl(programs=[_branch(each, language) for each in _list(value)]),
    "Items": _items,
    "ItemSelector": lambda value, _: moto.ItemSelector(template_value_object=_assigned(_named(value))),
    "ItemProcessor": _item_processor,
    "MaxConcurrency": _numbered(
        lambda number: moto.MaxConcurrency(num=number),
        lambda expression: moto.MaxConcurrencyJSONata(string_jsonata=expression),
    ),
    "Seconds": _numbered(
        lambda number: moto.Seconds(seconds=number),
        lambda expression: moto.SecondsJSONata(string_jsonata=expression),
    ),
    "Timestamp": lambda value, _: moto.Timestamp(string=_string(value)),
    "Error": lambda value, _: moto.Error(string_expression=_string(value)),
    "Cause": lambda value, _: moto.Cause(string_expression=_string(value)),
}
