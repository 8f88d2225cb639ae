"""Patches to moto's service integrations: clients, spelling, tokens, ``.sync`` and task reports."""

from __future__ import annotations

import functools
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from ductwork.contracts.sdk_names import java_exception, java_name
from moto.settings import moto_server_port
from moto.stepfunctions.exceptions import InvalidToken
from moto.stepfunctions.parser.api import TaskTimedOut
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_aws_sdk,
    state_task_service_batch,
    state_task_service_callback,
    state_task_service_sfn,
    state_task_service_sns,
    state_task_service_sqs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackConsumerTimeout,
    CallbackEndpoint,
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeFailureError,
    CallbackOutcomeSuccess,
    CallbackTimeoutError,
    HeartbeatTimeoutError,
)
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends

from ductwork_airflow.aws.clients import new_session
from ductwork_airflow.embedded_aws.batch import api
from ductwork_airflow.embedded_aws.moto_patches import in_process, shapes
from ductwork_airflow.embedded_aws.moto_patches.interpreter import when_ended

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.backend.execution import Execution

# How often a waiting task looks by itself. A report, a stop, and the end of its job or child wake it at once; this is
# for what fails beside it, and for its own time limit.
POLL_SECONDS = 0.25
_LONGEST_POLL_SECONDS = 5.0
STOPPED = "The execution of the state machine was stopped"

Resolver = Callable[[], Any]

_CallbackService = state_task_service_callback.StateTaskServiceCallback
_clients_lock = threading.Lock()


@functools.cache
def _client(service: str, region: str, port: str) -> Any:
    session = boto3.session.Session("local", "local", region_name=region, botocore_session=new_session())
    config = Config(
        parameter_validation=False,
        retries={"total_max_attempts": 1},
        max_pool_connections=64,
        connect_timeout=10,
        read_timeout=900,
        proxies={},
    )
    client = session.client(  # type: ignore[call-overload]
        service, endpoint_url=f"http://127.0.0.1:{port}", config=config
    )
    if service in _TOLD_SERVICES:
        client.meta.events.register("after-call", _remember)
    if service in in_process.SERVICES:
        client.meta.events.register("before-send", in_process.Answers(service, region))
    return client


def patch_clients() -> None:
    """moto makes a client per call, which takes longer than the call, on ``localhost`` (which may mean ::1), and sends
    itself HTTP requests."""

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        with _clients_lock:
            return _client(service, region, moto_server_port())

    import moto.stepfunctions.parser.asl.component.state.exec.state_task.service as package

    boto_client.boto_client_for = client_for
    for name in dir(package):
        module = getattr(package, name)
        if hasattr(module, "boto_client_for"):
            module.boto_client_for = client_for


def patch_spelling() -> None:
    """moto's ``_normalise_parameters`` and ``_normalise_response`` are empty, and it names errors as boto3 does."""

    def model(self: Any, service: str | None, action: str | None) -> Any:
        return shapes.operation(self._get_boto_service_name(service), action or self.resource.api_action)

    def to_boto(
        self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        translated = shapes.to_request(parameters, model(self, boto_service_name, service_action_name).input_shape)
        parameters.clear()
        parameters.update(translated)

    def from_boto(
        self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        by_sdk = isinstance(self, state_task_service_aws_sdk.StateTaskServiceAwsSdk)
        answered = model(self, boto_service_name, service_action_name).output_shape
        shapes.to_result(response, answered, java_name if by_sdk else shapes.pascal)

    sdk = state_task_service_aws_sdk.StateTaskServiceAwsSdk
    named = sdk._normalise_exception_name

    def as_java(prefix: str, error: Exception) -> str:
        return f"{prefix}.{java_exception(named(prefix, error).partition('.')[2])}"

    sdk._normalise_service_error_name = staticmethod(shapes.prefix_of_errors)
    sdk._normalise_exception_name = staticmethod(as_java)
    service = state_task_service.StateTaskService
    service._normalise_parameters, service._normalise_response = to_boto, from_boto
    service._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES.update(shapes.BOTO_SERVICES)


def patch_metadata() -> None:
    """moto's optimized integrations with SNS and SQS do not tell of the HTTP answer, as Step Functions' do."""

    def told(self: object, response: object, *arguments: object, **named: object) -> None:
        plain(self, response, *arguments, **named)
        if isinstance(self, _TELLING) and isinstance(response, dict):
            response |= getattr(_last, "answer", {})

    service = state_task_service.StateTaskService
    plain = service._normalise_response
    service._normalise_response = told


_TELLING = (state_task_service_sns.StateTaskServiceSns, state_task_service_sqs.StateTaskServiceSqs)
_TOLD_SERVICES = {"sns", "sqs"}
# The answer to a thread's last call of one of these services, as Step Functions tells of it.
_last = threading.local()


def _remember(parsed: dict[str, Any], **_: object) -> None:
    about = parsed.get("ResponseMetadata", {})
    _last.answer = {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in about.get("HTTPHeaders", {}).items()},
            "HttpHeaders": dict(about.get("HTTPHeaders", {})),
            "HttpStatusCode": about.get("HTTPStatusCode"),
        },
        "SdkResponseMetadata": {"RequestId": about.get("RequestId")},
    }


def patch_request_ids() -> None:
    """moto's Step Functions answers errors without a request id, and its own integration with it needs one."""
    original = state_task_service_aws_sdk.StateTaskServiceAwsSdk._from_error

    def from_error(self: state_task_service_aws_sdk.StateTaskServiceAwsSdk, env: Environment, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            ex.response["ResponseMetadata"].setdefault("RequestId", str(uuid.uuid4()))
        return original(self, env, ex)

    state_task_service_aws_sdk.StateTaskServiceAwsSdk._from_error = from_error


def patch_arguments() -> None:
    """moto drops an argument missing from its list without a word, and its list for Batch is short."""
    state_task_service_batch._SUPPORTED_API_PARAM_BINDINGS["submitjob"].update(
        {
            "ShareIdentifier",
            "SchedulingPriorityOverride",
            "PropagateTags",
            "EcsPropertiesOverride",
            "EksPropertiesOverride",
            "NodeOverrides",
        }
    )

    def eval_parameters(self: state_task.StateTask, env: Environment) -> dict[str, Any]:
        if self.parargs is None:
            return {}
        self.parargs.eval(env=env)
        parameters: dict[str, Any] = env.stack.pop()
        supported = self._get_supported_parameters()
        for field in parameters:
            if supported and field not in supported:
                raise shapes.UnsupportedField(f"The field '{field}' is not supported by {self.resource.resource_arn}")
        return parameters

    state_task.StateTask._eval_parameters = eval_parameters


def patch_batch() -> None:
    """moto asks DescribeJobs over HTTP for every ``.sync`` task at every tick; ours reads the engine's books.
    It also adds container overrides to jobs that have ECS or EKS overrides, which Batch refuses."""
    batch = state_task_service_batch.StateTaskServiceBatch
    original = batch._build_sync_resolver
    attach = batch._attach_aws_environment_variables

    def resolver(self: state_task_service_batch.StateTaskServiceBatch, env: Environment, **arguments: Any) -> Resolver:
        job_id = env.stack[-1]["JobId"]
        describe = original(self, env=env, **arguments)

        def resolve() -> Any:
            job = api.engine().get(job_id)
            return describe() if job is None or job.ended else None

        return resolve

    def attach_unless_overridden(parameters: dict[str, Any]) -> None:
        if not parameters.keys() & {"EcsPropertiesOverride", "EksPropertiesOverride", "NodeOverrides"}:
            attach(parameters)

    batch._build_sync_resolver = resolver
    batch._attach_aws_environment_variables = staticmethod(attach_unless_overridden)


def patch_children() -> None:
    """moto asks DescribeExecution over HTTP for every child execution at every tick."""
    service = state_task_service_sfn.StateTaskServiceSfn
    originals = (service._build_sync_resolver, service._build_sync2_resolver)

    def looked_up(original: Callable[..., Resolver]) -> Callable[..., Resolver]:
        def resolver(
            self: state_task_service_sfn.StateTaskServiceSfn, env: Environment, **arguments: object
        ) -> Resolver:
            child = _execution(env, env.stack[-1]["ExecutionArn"])
            describe = original(self, env=env, **arguments)
            return lambda: None if child.status == "RUNNING" else describe()

        return resolver

    service._build_sync_resolver, service._build_sync2_resolver = map(looked_up, originals)


def _execution(env: Environment, arn: str) -> Execution:
    details = env.aws_execution_details
    backend = stepfunctions_parser_backends[details.account][details.region]
    return backend.describe_execution(arn)


def patch_tokens() -> None:
    """moto gives all attempts of a task one token, so a report of an earlier try ends a later one."""
    original = _CallbackService._eval_execution

    def eval_execution(self: state_task_service_callback.StateTaskServiceCallback, env: Environment) -> None:
        if self._is_integration_pattern():
            env.callback_pool_manager.add(env.states.context_object.update_task_token())
        original(self, env)

    _CallbackService._eval_execution = eval_execution


def patch_waiting() -> None:
    """moto's ``.sync`` looks every 0.5 s, may prefer the job's end to the report that came before it, needs a token
    that some integrations lack, sleeps through the end of its execution and leaves the job running then."""

    def integration_pattern(
        self: state_task_service_callback.StateTaskServiceCallback, env: Environment, **arguments: Any
    ) -> None:
        token = env.states.context_object.context_object_data["Task"]["Token"]
        endpoint = env.callback_pool_manager.get(token)
        resolver, cancel = None, None
        if self.resource.condition == ResourceCondition.WaitForTaskToken:
            env.stack.pop()
        else:
            cancel = _canceller(env.stack[-1], arguments["resource_runtime_part"].region)
            sync = self.resource.condition == ResourceCondition.Sync
            _wake_at_end(env, env.stack[-1], endpoint)
            resolver = (self._build_sync_resolver if sync else self._build_sync2_resolver)(env=env, **arguments)
        try:
            outcome = _wait(self, env, endpoint, resolver, cancel)
        finally:
            endpoint.report(CallbackConsumerTimeout())  # later reports get TaskTimedOut
        if isinstance(outcome, CallbackOutcomeFailure):
            raise CallbackOutcomeFailureError(callback_outcome_failure=outcome)
        env.stack.append(json.loads(outcome.output) if isinstance(outcome, CallbackOutcomeSuccess) else outcome)

    _CallbackService._eval_integration_pattern = integration_pattern


def _until_next_look(waited: float, limit: float, *, looks_often: bool) -> float:
    """Seconds. Whatever ends a wait sets its event, but for the end of a sibling; thousands that look four times a
    second leave no time for anything else."""
    if looks_often:
        return POLL_SECONDS
    return min(max(POLL_SECONDS, waited / 4), _LONGEST_POLL_SECONDS, max(0.0, limit - waited) + 0.01)


def _wait(
    self: state_task_service_callback.StateTaskServiceCallback,
    env: Environment,
    endpoint: CallbackEndpoint,
    resolver: Resolver | None,
    cancel: Callable[[], None] | None,
) -> Any:
    """The task's report if there is one, else what the finished job looks like."""
    limit, started = _evaluated(self.timeout, env), time.monotonic()
    beats, beat_at = None, started
    if self.heartbeat:
        beats = endpoint.setup_heartbeat_endpoint(_evaluated(self.heartbeat, env))
    while env.is_running():
        result = None
        try:
            result = resolver() if resolver else None
        except FailureEventException:
            if endpoint.get_outcome() is None:
                raise
        if (outcome := endpoint.get_outcome() or result) is not None:
            return outcome
        now = time.monotonic()
        if beats and beats._next_heartbeat_event.is_set():
            beats._next_heartbeat_event.clear()
            beat_at = now
        if beats and now - beat_at > beats._heartbeat_seconds:
            raise HeartbeatTimeoutError()
        if now - started > limit:
            raise CallbackTimeoutError()
        endpoint._notify_event.wait(_until_next_look(now - started, limit, looks_often=bool(beats)))
    # AWS cancels on a stop, not when the task itself timed out.
    if cancel and (limit is None or time.monotonic() - started < limit):
        cancel()
    raise CallbackTimeoutError()


def _evaluated(field: Any, env: Environment) -> Any:
    """None if the execution has been stopped: moto evaluates nothing then, and leaves nothing on the stack."""
    depth = len(env.stack)
    field.eval(env=env)
    return env.stack.pop() if len(env.stack) > depth else None


def _wake_at_end(env: Environment, submitted: dict[str, Any], endpoint: CallbackEndpoint) -> None:
    """Let the end of a Batch job or of a child execution wake the task at once."""
    if job := api.engine().get(submitted.get("JobId", "")):
        api.engine().when_ended(job, endpoint._notify_event.set)
    elif (arn := submitted.get("ExecutionArn")) and not when_ended(_execution(env, arn), endpoint._notify_event):
        endpoint._notify_event.set()


def _canceller(submitted: dict[str, Any], region: str) -> Callable[[], None] | None:
    """How to end what a ``.sync`` task has started."""
    if job := api.engine().get(submitted.get("JobId", "")):
        return functools.partial(api.engine().terminate, job, STOPPED)
    if arn := submitted.get("ExecutionArn"):
        return lambda: boto_client.boto_client_for(region, "stepfunctions").stop_execution(executionArn=arn)
    return None


def patch_reports() -> None:
    """moto accepts reports of tokens that are no longer waited for, and fails while an execution is starting."""

    def report(self: StepFunctionsParserBackend, token: str, outcome: CallbackOutcome) -> None:
        endpoint = _endpoint(self, token)
        if endpoint.get_outcome() is not None:
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
        endpoint.notify(outcome)

    def success(self: StepFunctionsParserBackend, task_token: str, outcome: str) -> None:
        report(self, task_token, CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    def failure(
        self: StepFunctionsParserBackend, task_token: str, error: str | None = None, cause: str | None = None
    ) -> None:
        report(self, task_token, CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    def heartbeat(self: StepFunctionsParserBackend, task_token: str) -> None:
        _endpoint(self, task_token).notify_heartbeat()

    backend = StepFunctionsParserBackend
    backend.send_task_success, backend.send_task_failure, backend.send_task_heartbeat = success, failure, heartbeat


def _endpoint(backend: StepFunctionsParserBackend, token: str) -> Any:
    """What waits for a task token.

    :raises InvalidToken: there never was such a token
    :raises TaskTimedOut: its task has ended
    """
    for execution in backend._get_executions():
        env = execution.exec_worker.env if execution.exec_worker else None
        endpoint = env.callback_pool_manager.get(token) if env else None
        if endpoint is not None:
            if endpoint.consumer_error is not None or execution.status != "RUNNING":
                raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
            return endpoint
    raise InvalidToken("'Invalid token'")
