"""What a restart keeps, where that is too much for an execution's input: pages in the ledger, which each machine reads.

``Anything to recall?``  in the root and in each child: another page is to be read
``Recall``               reads it: how those of the machine's own tasks have ended that the page has

Pages go by tasks, not by machines. So it makes no difference if the DAG is deployed again in between, and its tasks are
in other machines then.
"""

from __future__ import annotations

from collections.abc import Sequence

from ductwork.backends.stepfunctions import inputs
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Lambda,
    Node,
    Object,
    Variable,
    call,
    exists,
    first_of,
    lifted,
    merged,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT, RUN
from ductwork.backends.stepfunctions.asl.states import States
from ductwork.contracts.ledger import KEPT_TASKS
from ductwork.ir import Task, Workflow
from ductwork.planning import layout

_ASK, _RECALL = "Anything to recall?", "Recall"
_PAGES, _PAGE, _DONE = RUN.field("pages"), RUN.field("page"), RUN.field("done")


def of_run() -> dict[str, Node]:
    """The members of ``$run`` that these states need: where the pages are, how many, and how many are to be read."""
    kept = inputs.member("kept")
    pages = when(exists(kept.field("pages")), kept.field("pages"), 0)
    return {"kept": when(exists(kept.field("at")), kept.field("at"), ""), "pages": pages, "page": pages}


def of_child() -> Node:
    """The run as a child machine is given it: it reads the pages for itself.

    The conf is in the run's item by now, and may take all that an input has room for.
    """
    return merged(RUN, {"conf": "", "page": _PAGES, "done": when(_PAGES > 0, {}, _DONE)})


def recalling(workflow: Workflow, part: layout.Part, after: str) -> tuple[str, States]:
    """The first state's name and the states before the first task of a machine that carries out a part."""
    own = layout.members(part).difference(*map(layout.members, layout.children(part)))
    tasks = [task for task in workflow.tasks if task.task_id in own]
    states: States = {
        _ASK: {"Type": "Choice", "Choices": [{"Condition": _PAGE > 0, "Next": _RECALL}], "Default": after},
        _RECALL: {
            "Type": "Task",
            "Resource": integrations.GET_ITEM,
            "Arguments": {
                "TableName": workflow.ledger_table,
                "Key": integrations.item_key(RUN.field("kept") & text_of(_PAGE)),
                "ConsistentRead": True,
            },
            "Assign": {"run": merged(RUN, {"page": _PAGE - 1, "done": _with_those_of(tasks)})},
            "Output": INPUT,
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": _ASK,
        },
    }
    return _ASK, states


def _with_those_of(tasks: Sequence[Task]) -> Node:
    """``$run.done``, and how those of the tasks have ended that are in the page."""
    page, end, key = Variable("kept"), Variable("end"), Variable("k")
    text = RESULT.field("Item", KEPT_TASKS, "S")
    # Without it all would run again, which nobody has asked for.
    missing = call("error", "what the restart keeps is not in the ledger")
    own = lifted([task.task_id for task in tasks]).each(
        Block((Bind(end, call("lookup", page, ITEM)), when(exists(end), Object(((ITEM, end),)))))
    )
    found = [_DONE, own]
    # Of their instances each is kept for itself: frame.TaskStates, mapped jobs without a worker.
    if mapped := [task.task_id for task in tasks if task.length is not None and not task.work.has_worker]:
        of_these = call("substringBefore", key, "[").is_in(mapped)
        found.append(call("sift", page, Lambda((Variable("v"), key), of_these)))
    return Block((Bind(page, first_of([(exists(text), call("parse", text))], missing)), call("merge", found)))
