"""Run in a process without the adapter: prints which defects of moto, by the name of their patch, are still there."""

from __future__ import annotations

import inspect
import json
import os
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import moto.dynamodb.models
import moto.dynamodb.models.table
import moto.dynamodb.responses
from botocore.exceptions import ClientError
from jsonata import Jsonata
from moto.batch.responses import BatchResponse
from moto.core import responses, serialize
from moto.core.config import default_user_config
from moto.core.serialize import AttributePickerContext, NoAlias, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator
from moto.events.models import Rule
from moto.server import ThreadedMotoServer
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import BranchWorker
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service as service
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_batch as batch
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback as callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_dynamodb as dynamodb_task,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_sfn as children
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds import Seconds
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

ROLE = "arn:aws:iam::123456789012:role/any"
TOKEN_TASK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def raises(error: type[Exception], call: Callable[[], Any]) -> bool:
    try:
        call()
    except error:
        return True
    return False


def without_server() -> dict[str, bool]:
    spelled = {"JobName": "x"}
    service.StateTaskService._normalise_parameters(object(), spelled)
    overridden: dict[str, Any] = {"EcsPropertiesOverride": {}}
    batch.StateTaskServiceBatch._attach_aws_environment_variables(overridden)
    tolerated = json.dumps(
        {
            "StartAt": "M",
            "States": {
                "M": {
                    "Type": "Map",
                    "ToleratedFailurePercentage": 100,
                    "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
                    "End": True,
                }
            },
        }
    )
    dynamodb = inspect.getsource(moto.dynamodb.models.table) + inspect.getsource(moto.dynamodb.responses)
    transactions = inspect.getsource(moto.dynamodb.models.DynamoDBBackend.transact_write_items)
    queries = inspect.getsource(moto.dynamodb.models.table.Table.query)
    items = inspect.getsource(moto.dynamodb.models.table.Table.all_items)
    return {
        "patch_eval_hook": raises(TypeError, lambda: jsonata.eval_jsonata_expression("1")),
        "patch_variable_declarations": jsonata.encode_jsonata_variable_declarations({"$x": 'a"b'}) == '$x:="a"b";',
        "patch_clients": boto_client_for("us-east-1", "sqs") is not boto_client_for("us-east-1", "sqs"),
        "patch_spelling": spelled == {"JobName": "x"},
        "patch_arguments": "ShareIdentifier" not in batch._SUPPORTED_API_PARAM_BINDINGS["submitjob"],
        "patch_batch": "ContainerOverrides" in overridden,
        "patch_children": "sfn_client.describe_execution("
        in inspect.getsource(children.StateTaskServiceSfn._build_sync2_resolver),
        "patch_waiting": callback._DELAY_SECONDS_SYNC_CONDITION_CHECK == 0.5,
        "patch_error_names": raises(ValueError, lambda: CustomErrorName("States.TaskFailed")),
        "patch_error_matching": not task_failed_matches("States.QueryEvaluationError"),
        "patch_wait": waits_though_stopped(),
        "patch_evaluation": "TMP_THREADS.append(" in inspect.getsource(execute_state),
        "patch_stop": error_replaces_stop(),
        "patch_histories": isinstance(EventManager()._history_event_list, list),
        "patch_thread_lists": "{self._program}" in inspect.getsource(BranchWorker),
        "patch_threads": program.Program._eval_body.__code__.co_stacksize < 1000,
        "patch_reply_members": names_of_a_member_found_twice(),
        "patch_action_counts": clauses_counted() > 1,
        "patch_update_expressions": UpdateExpressionParser.make("SET a = b")
        is not UpdateExpressionParser.make("SET a = b"),
        "patch_conditions": "re.compile(" in inspect.getsource(ConditionExpressionParser._lex_one_node),
        "patch_actions": "getmembers(" in inspect.getsource(responses.method_names_from_class),
        "patch_attribute_values": "AttributeValue" not in inspect.getsource(serialize),
        "patch_parser": raises(ASLParserException, lambda: AmazonStateLanguageParser.parse(tolerated)),
        "patch_literals": Preprocessor._inner_string_of(SimpleNamespace(getText=lambda: r'"a\"b"')) != 'a"b',
        "patch_dynamodb_lock": "Lock(" not in dynamodb,
        "patch_dynamodb_transactions": "deepcopy(\n                    self.tables" in transactions,
        "patch_dynamodb_errors": "FailureEventException" not in inspect.getsource(dynamodb_task),
        "patch_dynamodb_queries": "self.all_items()" in queries and "sorted(" in items,
        "patch_targets": raises(NotImplementedError, tell_a_machine),
        "patch_batch_responses": "retryStrategy" not in inspect.getsource(BatchResponse.submitjob),
    }


def tell_a_machine() -> None:
    """An event for a rule whose target is a state machine."""
    target = {"Id": "m", "Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"}
    rule = Rule("r", "123456789012", "us-east-1", None, None, None, None, "default", None, targets=[target])
    event = {"id": "e", "time": 0, "detail-type": "T", "source": "s", "region": "us-east-1", "resources": []}
    rule.send_to_targets({**event, "detail": {}, "ingestion-time": 0})


def task_failed_matches(error: str) -> bool:
    env = SimpleNamespace(stack=[StatesErrorName.from_name(error)])
    ErrorEqualsDecl([StatesErrorName.from_name("States.TaskFailed")])._eval_body(env)
    return bool(env.stack.pop())


def names_of_a_member_found_twice() -> bool:
    asked = []

    class Recording(NoAlias):
        def has_alias(self, key: str) -> bool:
            asked.append(key)
            return True

    picker = XFormedAttributePicker([Recording])
    member = AttributePickerContext(obj={}, key="Key", shape=None, service_model=get_service_model("dynamodb"))
    for _ in range(2):
        list(picker.get_possible_keys(member))
    return len(asked) == 2


def clauses_counted() -> int:
    counted = []

    class Recording(ActionCountValidator):
        def verify_action_counts(self, node: Any) -> Any:
            counted.append(node)
            return node

    Recording().traverse(UpdateExpressionParser.make("SET a = :a, b = :b REMOVE c"))
    return len(counted)


def waits_though_stopped() -> bool:
    started = time.monotonic()
    env = SimpleNamespace(program_state_event=threading.Event(), is_running=lambda: False)
    Seconds(1)._wait_interval(env=env, wait_seconds=1)
    return time.monotonic() - started > 0.9


def error_replaces_stop() -> bool:
    env = Environment.__new__(Environment)
    env._state_mutex, env._frames, env.program_state_event = threading.RLock(), [], threading.Event()
    env._program_state = ProgramStopped(stop_date=None, cause=None, error=None)
    env.set_error({})
    return isinstance(env._program_state, ProgramError)


class Machines:
    """moto's own interpreter, with the least JSONata that makes it run."""

    def __init__(self, endpoint: str) -> None:
        self.sfn = boto3.client("stepfunctions", endpoint_url=endpoint)
        self.sqs = boto3.client("sqs", endpoint_url=endpoint)
        self._count = 0
        jsonata._eval_jsonata = lambda expression: Jsonata(expression).evaluate(None)

    def start(self, states: dict[str, Any], language: str = "JSONata", name: bool = True) -> str:
        self._count += 1
        definition = {"QueryLanguage": language, "StartAt": next(iter(states)), "States": states}
        machine = self.sfn.create_state_machine(name=f"m{self._count}", definition=json.dumps(definition), roleArn=ROLE)
        given = {"name": f"e{self._count}"} if name else {}
        return self.sfn.start_execution(stateMachineArn=machine["stateMachineArn"], **given)["executionArn"]

    def finished(self, execution: str, seconds: float = 10) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.sfn.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.02)
        return found

    def reached(self, execution: str, event: str) -> None:
        """Wait until there is an event of this type in the execution's history."""
        deadline = time.monotonic() + 20
        while event not in {each["type"] for each in self.history(execution)}:
            assert time.monotonic() < deadline, f"no {event}: {self.history(execution)}"
            time.sleep(0.02)

    def history(self, execution: str) -> list[Any]:
        return self.sfn.get_execution_history(executionArn=execution, maxResults=1000)["events"]

    def run(self, states: dict[str, Any], language: str = "JSONata") -> dict[str, Any]:
        return self.finished(self.start(states, language))


def one_branch(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": [{"StartAt": "Inner", "States": {"Inner": state}}], "End": True, **fields}


def with_server(machines: Machines) -> dict[str, bool]:
    passing = {"Type": "Pass", "End": True}
    two = {"A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"}}
    two["B"] = {**passing, "Assign": {"x": 2}, "Output": {"x": "{% $x %}"}}
    caught = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Output": "{% $states.result.nope %}"}
    rule = {"Condition": "{% true %}", "Next": "Z", "Output": {"by": "rule"}}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "Z", "Output": {"by": "default"}}
    end = {"Z": {"Type": "Succeed"}}
    redrive_count = {"A": {**passing, "Parameters": {"count.$": "$$.Execution.RedriveCount"}}}
    return {
        "patch_expressions": machines.run({"A": {**passing, "Output": "{% 1 + 'a' %}"}})["error"] == "States.Runtime",
        "patch_assign": json.loads(machines.run(two)["output"]) == {"x": 2},
        "patch_output": machines.run({"A": one_branch(passing, **caught), **end})["status"] == "FAILED",
        "patch_choice": json.loads(machines.run({"A": choice, **end})["output"]) == {"by": "default"},
        "patch_context": machines.run(redrive_count, "JSONPath")["status"] == "FAILED",
        "patch_error_codes": invalid_definition_code(machines) == "",
        "patch_executions": machines.start({"A": passing}, name=False).endswith(":None"),
        "patch_map_concurrency": at_once(machines) > 40,
        "patch_distributed_maps": distributed(machines)["status"] == "SUCCEEDED",
        "patch_retry_pause": machines.sfn.describe_execution(executionArn=stopped_in_retry(machines))["status"]
        == "RUNNING",
        "patch_request_ids": refused_token(machines) == "States.Runtime",
        "patch_metadata": "SdkHttpMetadata" not in sent(machines),
        "patch_versions": raises(ClientError, lambda: publish_version(machines)),
        **tokens(machines),
    }


def refused_token(machines: Machines) -> str:
    """The error of a machine that sends a token nobody waits for, and catches what AWS calls that."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Parameters": {"TaskToken": "gone", "Output": "{}"},
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Z"}],
        "End": True,
    }
    return str(machines.run({"A": task, "Z": {"Type": "Succeed"}}, "JSONPath").get("error"))


def sent(machines: Machines) -> str:
    """What a machine is told of a message that it has sent."""
    queue = machines.sqs.create_queue(QueueName="defects")["QueueUrl"]
    arguments = {"QueueUrl": queue, "MessageBody": "m"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": arguments, "End": True}
    output = str(machines.run({"A": task}, "JSONPath")["output"])
    assert "MessageId" in output
    return output


def publish_version(machines: Machines) -> None:
    machine = machines.sfn.create_state_machine(
        name="versioned", definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}), roleArn=ROLE
    )
    version = machines.sfn.publish_state_machine_version(stateMachineArn=machine["stateMachineArn"])
    machines.sfn.start_execution(stateMachineArn=version["stateMachineVersionArn"], name="one")


def invalid_definition_code(machines: Machines) -> str:
    try:
        machines.sfn.create_state_machine(name="bad", definition="{", roleArn=ROLE)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "accepted"


def at_once(machines: Machines) -> int:
    """How many of 50 items that wait are begun before the first has ended: 40 on AWS."""
    processor = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3, "End": True}}}
    mapping = {"Type": "Map", "Items": "{% [1..50] %}", "ItemProcessor": processor, "End": True}
    execution = machines.start({"A": mapping})
    machines.finished(execution, seconds=60)
    events = machines.sfn.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    kinds = [event["type"] for event in events]
    return kinds[: kinds.index("MapIterationSucceeded")].count("MapIterationStarted")


def distributed(machines: Machines) -> dict[str, Any]:
    """A Map whose only item fails."""
    failing = {"StartAt": "F", "States": {"F": {"Type": "Fail"}}}
    failing["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return machines.run({"A": {"Type": "Map", "Items": [1], "ItemProcessor": failing, "End": True}})


def stopped_in_retry(machines: Machines) -> str:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20}]
    execution = machines.start({"A": one_branch({"Type": "Fail", "Error": "E"}, Retry=retry)})
    machines.reached(execution, "FailStateEntered")
    machines.sfn.stop_execution(executionArn=execution)
    machines.finished(execution, seconds=1)
    return execution


def tokens(machines: Machines) -> dict[str, bool]:
    url = machines.sqs.create_queue(QueueName="tokens")["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": TOKEN_TASK,
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"},
        "TimeoutSeconds": 1,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "W"}],
        "Next": "W",
    }
    execution = machines.start({"A": task, "W": {"Type": "Wait", "Seconds": 5, "End": True}}, "JSONPath")
    machines.reached(execution, "WaitStateEntered")  # after two tries
    got = machines.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    sent = [message["Body"] for message in got]
    late = not raises(ClientError, lambda: machines.sfn.send_task_success(taskToken=sent[0], output="{}"))
    return {"patch_tokens": len(sent) == 2 and sent[0] == sent[1], "patch_reports": late}


def main() -> None:
    os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1")
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ["MOTO_PORT"] = str(port)
    found = without_server()
    print(json.dumps(found | with_server(Machines(f"http://{host}:{port}"))))


if __name__ == "__main__":
    main()
