"""Codes DW3xx: what a target cannot express."""

from __future__ import annotations

from ductwork.diagnostics.catalogue.code import Code, error, warning
from ductwork.diagnostics.sources import (
    AIRFLOW,
    BATCH,
    CHAINS,
    DATES,
    DIAGNOSTICS,
    PARTITIONS,
    SCHEDULE_DOCUMENTS,
    SCHEDULES,
    SETTINGS,
    STANDARD_PROVIDER,
    STEP_FUNCTIONS,
    TASK_CONDITIONS,
)

CODES: dict[str, Code] = {
    "DW302": error(
        "trigger rule that a job chain cannot honour",
        "A job chain starts a job when all it depends on succeeded. A worker ends its job well even if its task "
        "failed, so that the workers below can follow their trigger rules; a plain container (DockerOperator and the "
        "like) can do neither. And a rule that Airflow decides early (one_success, one_failed, one_done) is decided "
        "late in a chain, which would change the outcome where a branch may skip the task meanwhile. "
        "--target stepfunctions honours all rules.",
        f"{AIRFLOW}/core-concepts/dags.html#trigger-rules",
    ),
    "DW303": error(
        "branching around plain containers",
        "Branch and short-circuit operators decide at run time which tasks are skipped. In a job chain a worker sees "
        "that it is skipped, a plain container (DockerOperator and the like) does not. --target stepfunctions can.",
        f"{AIRFLOW}/core-concepts/dags.html#branching",
    ),
    "DW304": error(
        "unsupported mapped task",
        "expand(), expand_kwargs() and mapped task groups make tasks at run time. A job chain is fixed before its run "
        "begins: it has the instances that the file tells, in one array job of up to 10,000. --target stepfunctions "
        "counts what upstream tasks leave. Neither knows a mapping that only Airflow can count.",
        f"{AIRFLOW}/authoring-and-scheduling/dynamic-task-mapping.html",
    ),
    "DW305": error(
        "teardown around plain containers",
        "A teardown runs whatever became of the tasks before it. In a job chain AWS Batch starts nothing below a plain "
        "container (DockerOperator and the like) that failed. --target stepfunctions can.",
        f"{AIRFLOW}/howto/setup-and-teardown.html",
    ),
    "DW306": warning(
        "reschedule mode keeps its container",
        "A sensor in reschedule mode gives up its Airflow worker between pokes. A job chain has nothing that could "
        "start it again later, so its container waits and costs as much as with mode='poke'. What the task does and "
        "how it ends is the same. In a state machine the container is given up.",
        f"{AIRFLOW}/core-concepts/sensors.html",
    ),
    "DW307": error(
        "setting that would change the result",
        "This setting can change which tasks run and how they end, and this version does not honour it.",
        SETTINGS,
    ),
    "DW308": warning(
        "setting that is not enforced",
        "This setting limits or observes runs without changing how a single run's tasks end. This version does not "
        "enforce it.",
        SETTINGS,
    ),
    "DW309": error(
        "more than a job chain can say",
        "AWS Batch cannot express this in a chain of jobs: more than 10 attempts; or, of a plain container "
        "(DockerOperator and the like), callbacks, a time limit together with retries, that nobody waits for its end, "
        "or that a failure above it stops it alone. The stepfunctions target can.",
        CHAINS,
    ),
    "DW310": warning(
        "retry delay not honoured",
        "In a job chain AWS Batch retries a failed container at once. A worker waits before its next try; a job of the "
        "user's own, or a plain container, cannot. The stepfunctions target honours retry delays.",
        f"{BATCH}/job_retries.html",
    ),
    "DW311": error(
        "too large for one state machine",
        "AWS accepts definitions up to 1 MB and executions up to 25,000 events, and hands a state up to 256 KiB. A DAG "
        "that needs more is compiled to several machines, but a single task and a mapped task group are never cut, nor "
        "is the machine of a job chain (--engine batch, five events a task). --target batch has no such limits. Where "
        "nothing can say the DAG, it has to be two: a TriggerDagRunOperator at the end of the first starts the second.",
        f"{STEP_FUNCTIONS}/service-quotas.html",
    ),
    "DW312": error(
        "operator that cannot work here",
        "The operator asks Airflow's server for something that this version does not serve to tasks on AWS: waiting "
        "for a person.",
        f"{STANDARD_PROVIDER}/operators/hitl.html",
    ),
    "DW313": warning(
        "data interval not computed",
        "The DAG's timetable gives scheduled runs a data interval longer than a moment, and it is none of those that a "
        "machine works out by itself (crons, lengths of time without months). A state machine started "
        "with a logical date alone takes that moment as both ends; whoever starts it must pass data_interval_start and "
        "data_interval_end. Runs started by the command line or by Airflow pass them.",
        f"{AIRFLOW}/authoring-and-scheduling/timetable.html",
    ),
    "DW314": warning(
        "trigger rule decided late",
        "one_success, one_failed and one_done let a task run as soon as one upstream task has ended so. A job of a "
        "chain starts when all it depends on have ended: the task ends as in Airflow, but later. The stepfunctions "
        "target starts it early.",
        f"{BATCH}/job_dependencies.html",
    ),
    "DW320": error(
        "more than a schedule document can say",
        "A schedule document lists plain Batch jobs: name, job definition, queue, dependencies, container overrides, "
        "parameters. Tasks that need a worker container, templates that a run fills in, retries, timeouts, array sizes "
        "and share identifiers have no place in it. Job definitions can give retries and timeouts; --target batch and "
        "--target stepfunctions can say all of it.",
        SCHEDULE_DOCUMENTS,
    ),
    "DW321": warning(
        "not in the schedule document",
        "Something that does not change which jobs run and how they end is not in the document, so an import of it "
        "does not bring it back: a job_name that is not the task's id, tags, empty tasks, task groups, "
        "several poll intervals.",
        SCHEDULE_DOCUMENTS,
    ),
    "DW324": warning(
        "rule that is asked of each instance",
        "Of a task of a mapped group that is expanded over what tasks return, Airflow asks the rules one_success and "
        "none_failed_min_one_success first with all instances of the tasks above it in the group: if one of them "
        "failed (none_failed_min_one_success), or none succeeded (one_success), the task runs in no instance. Here "
        "each instance goes by the tasks above it of its own index. They end alike where all instances end alike.",
        TASK_CONDITIONS,
    ),
    "DW326": error(
        "dates of a task with --engine batch",
        "Airflow makes no instance of a task outside its start_date and end_date, and neither its job nor those that "
        "wait for it may be submitted. A machine that submits a job chain names each job in those below it, and "
        "submits all. State machines without --engine batch, and --target batch, leave them out.",
        SETTINGS,
    ),
    "DW327": warning(
        "a date that moves",
        "Airflow makes no instance of a task whose start_date is after the run's logical date, or whose end_date is "
        "before it. A date that a file takes from the clock is another one each time Airflow parses the file; what is "
        "compiled does not have it, and leaves no task out because of it.",
        DATES,
    ),
    "DW328": warning(
        "partition key not computed",
        "Airflow's scheduler makes the partition key of each run from the DAG's timetable, or takes it from the asset "
        "event that starts the run. An execution that is started with a logical date alone has none, and {{ "
        "partition_key }} is None there. Whoever starts it must pass partition_key, and partition_date if tasks ask "
        "for it. Runs of ductwork run --partition-key, and those that Airflow starts, have them.",
        PARTITIONS,
    ),
    "DW329": error(
        "not a partition key of this DAG",
        "Only runs of a DAG with a partitioned timetable have a partition key. It has 1 to 250 characters, and the "
        "form that the timetable's key_format says.",
        PARTITIONS,
    ),
    "DW330": warning(
        "schedule that nothing honours",
        "Airflow starts runs of this DAG by its schedule (a cron expression, a timetable, updates of assets), between "
        "its start_date and end_date, and those of the past with catchup. EventBridge Scheduler starts state machines "
        "(--target stepfunctions); it submits no job chain and reads no schedule document. Inside Airflow, "
        "SubmitScheduleOperator and delegate are started by Airflow, and the schedule holds.",
        f"{AIRFLOW}/core-concepts/dag-run.html",
    ),
    "DW331": error(
        "defect in Ductwork",
        "Compiling this DAG raised an error that no line of the DAG's own code has caused: Ductwork has a defect, or a "
        "rule of another package (entry point ductwork.rules). Please report it. The other DAGs are compiled.",
        DIAGNOSTICS,
    ),
    "DW332": warning(
        "schedule that EventBridge Scheduler cannot say",
        "Airflow starts runs of this DAG by what no schedule of EventBridge Scheduler can say: the code of a timetable "
        "of your own, partitions of assets, seconds, random fields; or by "
        "updates of assets, and event_bus names no bus that would tell of them. So nothing starts the DAG outside "
        "Airflow, except whoever starts its runs. Inside Airflow, SubmitScheduleOperator and delegate are started by "
        "Airflow, and the schedule holds.",
        SCHEDULES,
    ),
    "DW333": warning(
        "runs that no schedule starts",
        "EventBridge Scheduler fires from now on. With catchup Airflow also starts the runs that were due since the "
        "start_date; and it starts a DAG that is scheduled @once as soon as it sees it.",
        SCHEDULES,
    ),
    "DW345": error(
        "no stack for this DAG",
        "A stack of CloudFormation has at most 500 resources, a role a bounded number of policies, and no policy is "
        "known for an integration that another package has added. Such a DAG cannot be compiled with --target "
        "cloudformation.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
    ),
}
