"""The catalogue of diagnostic codes: severity, title and the text ``ductwork explain CODE`` prints.

A code keeps its meaning for ever; a code that is no longer used is not given to something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.diagnostics import Severity


@dataclass(frozen=True)
class Code:
    severity: Severity
    title: str
    explanation: str


def _error(title: str, explanation: str) -> Code:
    return Code(Severity.ERROR, title, explanation)


def _warning(title: str, explanation: str) -> Code:
    return Code(Severity.WARNING, title, explanation)


CODES: dict[str, Code] = {
    # ---- DW1xx: loading DAG files ----
    "DW101": _error(
        "no such file",
        "The path given does not exist, cannot be read, or is not a Python file or a folder of them. "
        "Check the spelling and the working directory.",
    ),
    "DW102": _error("syntax error", "Python cannot parse the file. Mend the line named in the message."),
    "DW103": _error(
        "import error",
        "Running the file's top-level code raised an exception, so Airflow itself could not load it either. Mend the "
        "line named; install what it imports into the environment that runs ductwork. Code that needs a Variable or a "
        "Connection at import time gets them from AIRFLOW_VAR_... and AIRFLOW_CONN_... environment variables.",
    ),
    "DW104": _error(
        "written for Airflow 1 or 2",
        "The file uses a module, a name or an argument that Airflow 3 has removed or moved. The message names the "
        "replacement where there is one. Most of such code is mended by: ruff check --select AIR3 --fix FILE "
        "(add --preview for the newest rules).",
    ),
    "DW105": _error(
        "no DAG in the file",
        "The file loads but defines no DAG. A DAG must be bound to a module-level name, used as a context manager, or "
        "be the result of calling a function decorated with @dag.",
    ),
    "DW106": _error(
        "two DAGs with one id",
        "DAG ids must be unique among the files of one call, as they must be in Airflow: each artefact, state machine "
        "and ledger entry is named by the DAG id.",
    ),
    "DW107": _error("unknown DAG id", "None of the files given defines a DAG with the id asked for."),
    "DW108": _error(
        "Airflow rejects the DAG",
        "The file loads, but Airflow's own validation of the DAG fails, e.g. because of a cycle or a missing argument.",
    ),
    "DW109": _warning(
        "no DAG file in the folder",
        "The folder given holds no Python file that defines a DAG, so there is nothing to do.",
    ),
    # ---- DW2xx: deployment values ----
    "DW201": _error(
        "illegal deployment value",
        "A job queue, job definition, ledger table, resource or other deployment value has a form that AWS does not "
        "accept. Values are looked up in this order: the task's executor_config, the command line, [ductwork] in "
        "Airflow's configuration, else a ${Substitution} that CloudFormation fills.",
    ),
    "DW202": _error(
        "unknown deployment key",
        "A key of executor_config, of its 'ductwork' part, or of [ductwork] in Airflow's configuration is not one "
        "that Ductwork knows. SubmitJob arguments in the spelling of Airflow's AwsBatchExecutor are accepted too.",
    ),
    "DW203": _error(
        "outside Batch's limits",
        "AWS Batch refuses requests outside its ranges: timeouts under 60 seconds, more than 10 attempts, array sizes "
        "outside 2 to 10,000, container overrides over 8,192 characters, requests over 30 KiB.",
    ),
    # ---- DW3xx: what a target cannot express ----
    "DW302": _error(
        "trigger rule that a job chain cannot honour",
        "A job chain starts a job when all it depends on succeeded. A worker ends its job well even if its task "
        "failed, so that the workers below can follow their trigger rules; a plain container (DockerOperator and the "
        "like) can do neither. And a rule that Airflow decides early (one_success, one_failed, one_done) is decided "
        "late in a chain, which would change the outcome where a branch may skip the task meanwhile. "
        "--target stepfunctions honours all rules.",
    ),
    "DW303": _error(
        "branching around plain containers",
        "Branch and short-circuit operators decide at run time which tasks are skipped. In a job chain a worker sees "
        "that it is skipped, a plain container (DockerOperator and the like) does not. --target stepfunctions can.",
    ),
    "DW304": _error(
        "unsupported mapped task",
        "expand(), expand_kwargs() and mapped task groups make tasks at run time. A job chain is fixed before its run "
        "begins: it has the instances that the file tells, in one array job of up to 10,000. --target stepfunctions "
        "counts what upstream tasks leave. Neither knows a mapping that only Airflow can count.",
    ),
    "DW305": _error(
        "teardown around plain containers",
        "A teardown runs whatever became of the tasks before it. In a job chain AWS Batch starts nothing below a plain "
        "container (DockerOperator and the like) that failed. --target stepfunctions can.",
    ),
    "DW306": _warning(
        "reschedule mode keeps its container",
        "A sensor in reschedule mode gives up its Airflow worker between pokes. A job chain has nothing that could "
        "start it again later, so its container waits and costs as much as with mode='poke'. What the task does and "
        "how it ends is the same. In a state machine the container is given up.",
    ),
    "DW307": _error(
        "setting that would change the result",
        "This setting can change which tasks run and how they end, and this version does not honour it.",
    ),
    "DW308": _warning(
        "setting that is not enforced",
        "This setting limits or observes runs without changing how a single run's tasks end. This version does not "
        "enforce it.",
    ),
    "DW309": _error(
        "more than a job chain can say",
        "AWS Batch cannot express this in a chain of jobs: more than 10 attempts; or, of a plain container "
        "(DockerOperator and the like), callbacks, a time limit together with retries, that nobody waits for its end, "
        "or that a failure above it stops it alone. The stepfunctions target can.",
    ),
    "DW310": _warning(
        "retry delay not honoured",
        "In a job chain AWS Batch retries a failed container at once. A worker waits before its next try; a job of the "
        "user's own, or a plain container, cannot. The stepfunctions target honours retry delays.",
    ),
    "DW311": _error(
        "too large for one state machine",
        "AWS accepts definitions up to 1 MB and executions up to 25,000 events, and hands a state up to 256 KiB; this "
        "DAG needs more.",
    ),
    "DW312": _error(
        "operator that cannot work here",
        "The operator asks Airflow's server for something that this version does not serve to tasks on AWS: starting "
        "other DAGs' runs, or waiting for a person.",
    ),
    "DW313": _warning(
        "data interval not computed",
        "The DAG's timetable gives scheduled runs a data interval longer than a moment. A state machine started "
        "with a logical date alone takes that moment as both ends; whoever starts it must pass data_interval_start and "
        "data_interval_end. Runs started by the command line or by Airflow pass them.",
    ),
    "DW314": _warning(
        "trigger rule decided late",
        "one_success, one_failed and one_done let a task run as soon as one upstream task has ended so. A job of a "
        "chain starts when all it depends on have ended: the task ends as in Airflow, but later. The stepfunctions "
        "target starts it early.",
    ),
    "DW320": _error(
        "more than a schedule document can say",
        "A schedule document lists plain Batch jobs: name, job definition, queue, dependencies, container overrides, "
        "parameters. Tasks that need a worker container, templates that a run fills in, retries, timeouts, array sizes "
        "and share identifiers have no place in it. Job definitions can give retries and timeouts; --target batch and "
        "--target stepfunctions can say all of it.",
    ),
    "DW321": _warning(
        "not in the schedule document",
        "Something that does not change which jobs run and how they end is not in the document, so an import of it "
        "does not bring it back: a job_name that is not the task's id, tags, empty tasks, task groups, times to run, "
        "several poll intervals.",
    ),
    # ---- DW4xx: native tasks ----
    "DW401": _error(
        "invalid Batch job",
        "A BatchOperator's arguments are not ones that AWS Batch's SubmitJob accepts.",
    ),
    "DW402": _error(
        "argument without a counterpart on AWS Batch",
        "A container operator (DockerOperator, KubernetesPodOperator, EcsRunTaskOperator) becomes a job of AWS Batch, "
        "which cannot do what this argument asks for. Leave the argument out; or, if the container does without it on "
        "AWS, name it in 'ignore' (the task's executor_config={'ductwork': {'ignore': [...]}}, default_args, or "
        "[ductwork] ignore in Airflow's configuration); or keep Airflow's own operator in a worker that reaches the "
        "cluster or the daemon: executor_config={'ductwork': {'native': False}}.",
    ),
    "DW403": _error(
        "XCom of a container",
        "What a container prints or writes to a file of its own reaches nobody once it runs as a job of AWS Batch, so "
        "it cannot become an XCom. Let the container write to S3 and read it there; or put Ductwork into its image, "
        "where it keeps the XCom: executor_config={'ductwork': {'worker_image': True}}; or keep Airflow's own operator "
        "in a worker: {'native': False}.",
    ),
    "DW404": _warning(
        "the image's entrypoint stays",
        "The operator replaces the image's ENTRYPOINT. A job of AWS Batch can only replace its CMD, so the words are "
        "given to the entrypoint as arguments. That comes to the same for an image without an entrypoint, and for one "
        "whose entrypoint runs its arguments (tini --, most docker-entrypoint.sh). Name the argument in 'ignore' "
        "(see DW402) once you have looked; else build an image without an entrypoint.",
    ),
    "DW405": _error(
        "deployment value that a container needs",
        "The DAG file does not say something that AWS must know: where a secret is kept (private_environment, "
        "Kubernetes secrets; values of secrets are never written into a job), which file system a volume is, which "
        "role fetches secrets and images, or which image an ECS task runs. The task's executor_config={'ductwork': "
        "{...}} says it, with the key that the message names.",
    ),
    "DW406": _warning(
        "argument that means something else on AWS",
        "The argument is honoured, or is harmless, but not in the way it is outside AWS. Name it in 'ignore' (see "
        "DW402) to take note of it.",
    ),
    "DW407": _error(
        "container that only Airflow could tell",
        "A job of AWS Batch takes templates of the run's own values (run_id, ds, ds_nodash, ts, ts_nodash), and an "
        "image or a volume takes none, since the job definition is made when the DAG is compiled. Write the value out, "
        "read what changes inside the container, or keep Airflow's own operator in a worker: "
        "executor_config={'ductwork': {'native': False}}.",
    ),
    "DW408": _warning(
        "container operator in a worker",
        "Airflow's own operator is kept, for the reason the message gives, and starts its container from a worker as "
        "it would from an Airflow worker. The worker must reach the cluster, the Docker daemon or ECS.",
    ),
    "DW409": _error(
        "rule that breaks",
        "The rule for this operator family has a defect: it raised an error where it should have said what is wrong. "
        "Tell whoever has written it; the message has the rule's name. With executor_config={'ductwork': {'native': "
        "False}} Airflow's own operator runs in a worker, without the rule.",
    ),
    # ---- DW5xx: running ----
    "DW501": _error("bad --conf", '--conf takes one JSON object, e.g. --conf \'{"day": "2026-01-01"}\'.'),
    "DW502": _error("bad date", "Dates are ISO 8601, e.g. 2026-01-01 or 2026-01-01T06:00:00+00:00."),
    "DW503": _error("run exists already", "A run id can be used once per DAG. Leave --run-id out to get a new one."),
    "DW504": _error(
        "no image to run",
        "The embedded AWS runs jobs as local processes: a worker task needs no image, but a job definition of your "
        "own must tell its command, in container_overrides['command'] or in a file given with --job-definitions "
        "(the output of: aws batch describe-job-definitions).",
    ),
    "DW505": _error("no such run", "The ledger has no run of this DAG, or none with this id."),
    "DW506": _error("ledger out of reach", "The ledger's table does not exist, or AWS refused or did not answer."),
    "DW507": _error(
        "the execution broke",
        "Step Functions ended the execution with an error of its own, outside any task. The message is AWS's.",
    ),
    "DW509": _error(
        "illegal run id",
        "Run ids have at most 250 characters and match [scheduler] allowed_run_id_pattern of Airflow's configuration, "
        "by default letters, digits and _ . ~ : + -.",
    ),
    "DW508": _error("an extra is not installed", "Running locally needs: pip install 'ductwork[local]'."),
    "DW511": _error("task failed", "The task raised an exception, as it would under Airflow. See its log."),
    "DW512": _error(
        "XCom cannot be stored",
        "A task returned or pushed a value that is not serialisable or over the ledger's item limit of 400 KB. Return "
        "a reference (an S3 key), or configure Airflow's object-storage XCom backend ([core] xcom_backend).",
    ),
    "DW513": _error(
        "task killed",
        "The task's process or container was ended from outside: out of memory, a lost host, a time limit, or a "
        "signal. Give it more memory (executor_config={'ductwork': {'memory': ...}}) or retries.",
    ),
    "DW515": _warning(
        "secrets are not resolved locally",
        "A job definition given with --job-definitions takes variables from Secrets Manager or Parameter Store. The "
        "embedded AWS has no secrets of yours, so the job runs without these variables.",
    ),
    "DW516": _error(
        "cannot be sent to AWS",
        "Something about the run, the state machine, the ledger or the job queue has to be mended first; the message "
        "says what. Nothing is started twice when the command is given again.",
    ),
    "DW517": _error(
        "the run is still running",
        "Only a run that has ended can be restarted. Wait for its end (ductwork status DAG_ID RUN_ID --watch), or stop "
        "it (ductwork cancel DAG_ID RUN_ID).",
    ),
    "DW514": _error("interrupted", "The run was interrupted; what was still running has been stopped."),
    # ---- DW6xx: importing schedule documents ----
    "DW601": _error(
        "no JSON document",
        "The file does not exist, cannot be read, is too large, or is not one JSON document in UTF-8.",
    ),
    "DW602": _error(
        "not as a schedule document is",
        'A schedule document is an object {"scheduleId", "category", "scheduleName", "scheduleSnsTopic", "wait_time", '
        '"jobList"}, and a job an object {"jobName", "jobDefinition", "jobQueue", "jobDependencies", '
        '"containerOverrides", "parameters"}. A key that must be there is missing, or a value is of another kind. The '
        "JSON path says where.",
    ),
    "DW603": _error(
        "not accepted by AWS Batch or Airflow",
        "A name, an ARN or a value of a job's request is not one that AWS Batch's SubmitJob or Airflow accepts, so the "
        "imported DAG could not run.",
    ),
    "DW604": _error(
        "two jobs with one name",
        "Jobs name each other in jobDependencies, and each becomes the task of that id, so each needs its own name.",
    ),
    "DW605": _error(
        "impossible dependency",
        "A job depends on a job that is not in the document, on itself, or on a job that depends on it in turn.",
    ),
    "DW606": _warning(
        "unknown key",
        "The document has a key that schedule documents do not have. It is not imported; perhaps it is misspelt.",
    ),
    "DW607": _warning(
        "state of a run",
        "A document that comes from the history of runs holds how far its run had come (scheduleStatus, jobStatus, "
        "jobId). That is no part of the schedule and is not imported. A job marked PASS was to be passed over when the "
        "run was restarted, and what depends on it to run. In a run of the DAG, ductwork restart --mark NAME=success "
        "does so.",
    ),
}
