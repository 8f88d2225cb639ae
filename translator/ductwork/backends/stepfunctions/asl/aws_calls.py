"""A call of AWS as Step Functions writes it, and expressions of what AWS has answered.

Optimized integrations spell members as they are, but with a capital letter first; the SDK's spell them as Java does.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Lambda,
    Node,
    Object,
    Value,
    Variable,
    array,
    call,
    every,
    exists,
    first_of,
    joined,
    lifted,
    negated,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import ERROR, EXECUTION, RUN, at_run_time
from ductwork.backends.stepfunctions.asl.states import State
from ductwork.contracts.sdk_names import error_prefix, java_exception, java_name, sdk_service
from ductwork.contracts.service_models import Action, Error
from ductwork.ir.aws_call import (
    Answer,
    AwsDomain,
    Check,
    Each,
    Failure,
    JsonText,
    Kept,
    Leaf,
    MadeUp,
    Metadata,
    Parsed,
    Phrase,
)

_ARN = "arn:aws:states:::"
# How often boto3 tries a call that AWS had no time for: five times in all.
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html#legacy-retry-mode
_RETRIES = 4
# Where it is not what the SDK's integration has.
_OPTIMIZED_PREFIXES = {"sns": "SNS", "sqs": "SQS"}
_TIMEOUTS = ("States.Timeout", "States.HeartbeatTimeout")
# The SDK got no answer, or, in older integrations, anything else.
_NO_ANSWER = "SdkClientException"
# A member of $run.
ERRORS = "errors"
# What Airflow says of a task that takes longer than its execution_timeout.
TIMED_OUT = "AirflowTaskTimeout: Timeout"


@dataclass(frozen=True)
class Spelling:
    """An action as Step Functions has it.

    :param integration: the optimized integration, e.g. ``glue:startJobRun``; empty: the SDK's
    """

    service: str
    action: str
    integration: str = ""

    @property
    def resource(self) -> str:
        """The Resource of the state that makes the call."""
        if self.integration:
            return _ARN + self.integration
        return f"{_ARN}aws-sdk:{sdk_service(self.service)}:{self.action[0].lower()}{self.action[1:]}"

    def arguments(self, request: Mapping[str, object]) -> Value:
        """The Arguments of the state that makes the call.

        :param request: in boto3's spelling; leaves may be expressions
        """
        return _given(Action(self.service, self.action).renamed(request, self._member))

    @property
    def _member(self) -> Callable[[str], str]:
        return _capital if self.integration else java_name

    def at(self, answer: Node, path: Sequence[str]) -> Node:
        """What is at a place of an answer.

        :param path: in boto3's spelling
        """
        return answer.field(*map(self._member, path))

    def retry(self, *more: str) -> list[State]:
        """Trying again what AWS had no time for, as boto3 does.

        :param more: names of errors that may be such, too
        """
        names = dict.fromkeys(self._exception(error) for error in self._errors if error.passes)
        errors = [f"{self.prefix}.{name}" for name in (*names, *(() if self.integration else (_NO_ANSWER,)))]
        return [{"ErrorEquals": [*errors, *more], "MaxAttempts": _RETRIES, "JitterStrategy": "FULL"}]

    @property
    def _errors(self) -> tuple[Error, ...]:
        return Action(self.service, self.action).errors

    @property
    def prefix(self) -> str:
        """What the names of its errors begin with."""
        return _OPTIMIZED_PREFIXES.get(self.integration.partition(":")[0], error_prefix(self.service))

    def error(self) -> Node:
        """In a catcher: what boto3 would have raised, as the last line of a traceback.

        Of an error that the API's model does not list, Step Functions does not tell the code.
        """
        named, cause, exception = ERROR.field("Error"), ERROR.field("Cause"), Variable("exception")
        raised: Node = joined(exception, ": An error occurred (", exception, ")")
        if self.odd_errors:
            known = call("lookup", RUN.field(ERRORS, self.prefix), exception)
            raised = when(exists(known), known, raised)
        calling = f" when calling the {self.action} operation: "
        told = joined(raised, calling, call("substringBefore", cause, " (Service: "))
        unlisted = [f"{before}{self.prefix}Exception" for before in ("", "Amazon", "AWS")] + [_NO_ANSWER]
        by_service = every(call("contains", named, f"{self.prefix}."), negated(exception.is_in(unlisted)))
        cases = [(named.is_in(list(_TIMEOUTS)), TIMED_OUT), (by_service, told)]
        binding = Bind(exception, call("substringAfter", named, "."))
        return Block((binding, first_of(cases, joined(named, ": ", cause))))

    def named(self, error: str) -> str:
        """The name under which Step Functions has an error that the API's model lists."""
        return f"{self.prefix}.{self._exception(next(each for each in self._errors if each.name == error))}"

    def by_service(self) -> Node:
        """In a catcher: whether AWS has answered, with an error."""
        named = ERROR.field("Error")
        return every(call("contains", named, f"{self.prefix}."), negated(call("contains", named, f".{_NO_ANSWER}")))

    @property
    def odd_errors(self) -> dict[str, str]:
        """What boto3 says of errors whose class or code is not what Step Functions calls them, by what that does."""
        return {
            self._exception(error): f"{error.name}: An error occurred ({error.code})"
            for error in self._errors
            if {error.name, error.code} != {self._exception(error)}
        }

    def _exception(self, error: Error) -> str:
        """The name of an error after the prefix."""
        if self.integration:
            return f"{error.code.removesuffix('Exception')}Exception"
        return java_exception(error.name)


def told_once(spellings: Iterable[Spelling]) -> Node | None:
    """The member :data:`ERRORS` of ``$run``, which all calls of a machine have in common; None: none reads it."""
    errors: dict[str, dict[str, str]] = {}
    for spelling in spellings:
        if spelling.odd_errors:
            errors.setdefault(spelling.prefix, {}).update(spelling.odd_errors)
    return lifted(errors) if errors else None


def _capital(member: str) -> str:
    return member[0].upper() + member[1:]


def _given(value: object) -> Value:
    if isinstance(value, Parsed):
        return call("parse", at_run_time(value.text))
    if isinstance(value, MadeUp):
        return call("uuid")
    if isinstance(value, JsonText):
        return text_of(lifted(_given(value.value)))
    if isinstance(value, Mapping):
        return {key: _given(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_given(inner) for inner in value]
    return at_run_time(value)


@dataclass(frozen=True)
class Reading:
    """What values of :mod:`ductwork.ir.aws_call` read.

    :param spelling: of the action that has answered
    :param kept: what was kept, by name
    """

    spelling: Spelling
    answer: Node
    kept: Callable[[str], Value]

    def value(self, leaf: Leaf) -> Value:
        """The value as JSON data with nodes in it."""
        if isinstance(leaf, Answer):
            found = self.spelling.at(self.answer, leaf.path)
            return found if leaf.otherwise is None else when(exists(found), found, leaf.otherwise)
        if isinstance(leaf, Kept):
            return self.kept(leaf.name)
        if isinstance(leaf, Each):
            return array(self.spelling.at(self.answer, (*leaf.path, leaf.member)))
        if isinstance(leaf, Phrase):
            return self._text(leaf)
        if isinstance(leaf, Metadata):
            return _metadata(self.answer)
        if isinstance(leaf, AwsDomain):
            return _domain()
        if isinstance(leaf, Mapping):
            return {key: self.value(inner) for key, inner in leaf.items()}
        if isinstance(leaf, list):
            return [self.value(inner) for inner in leaf]
        return at_run_time(leaf)

    def _text(self, phrase: Phrase) -> Node:
        text = joined(*map(self.value, phrase.parts))
        if phrase.otherwise is None:
            return text
        read = [self.spelling.at(self.answer, part.path) for part in phrase.parts if isinstance(part, Answer)]
        return when(every(*map(exists, read)), text, phrase.otherwise)

    def json_text(self, leaf: Leaf) -> Node:
        """The value's JSON text, as the ledger keeps XComs."""
        if isinstance(leaf, Parsed):
            return lifted(self.value(leaf.text))
        value = lifted(self.value(leaf))
        if isinstance(leaf, (Mapping, list, Each, Metadata, int, float)):
            return text_of(value)
        # JSONata's text of a text is the text; of a list, it is JSON.
        quoted = Variable("quoted")
        return Block(
            (Bind(quoted, text_of(array(value))), call("substring", quoted, 1, call("length", quoted) - 2)),
        )

    def holds(self, check: Check) -> Node:
        """Whether a check holds of the answer."""
        found = self.spelling.at(self.answer, check.path)
        holds = found.is_in(list(check.values)) if check.values else exists(found)
        return negated(holds) if check.negated else holds

    def failed(self, failures: Sequence[Failure]) -> list[tuple[Node, Failure]]:
        """The conditions under which a task fails, each with what is said then."""
        return [(self.holds(failure.check), failure) for failure in failures]


def _metadata(answer: Node) -> Node:
    value, key = Variable("v"), Variable("k")
    header = Object(((call("lowercase", key), value),))
    http = answer.field("SdkHttpMetadata")
    return lifted(
        {
            "RequestId": answer.field("SdkResponseMetadata", "RequestId"),
            "HTTPStatusCode": http.field("HttpStatusCode"),
            "HTTPHeaders": _merged_all(call("each", http.field("HttpHeaders"), Lambda((value, key), header))),
            "RetryAttempts": 0,
        }
    )


def _merged_all(objects: Node) -> Node:
    """One object of a sequence of objects."""
    return call("merge", array(objects))


def _domain() -> Node:
    partition = call("split", EXECUTION, ":").at(1)
    cases = [(partition.equals("aws-cn"), "amazonaws.cn"), (partition.equals("aws-us-gov"), "amazonaws-us-gov.com")]
    return first_of(cases, "aws.amazon.com")
