"""Codes DW5xx: running."""

from __future__ import annotations

from ductwork.diagnostics.catalogue.code import Code, error, warning
from ductwork.diagnostics.sources import (
    AIRFLOW,
    BACKFILLS,
    BATCH,
    DYNAMODB,
    LEDGER,
    LOCAL,
    RESTARTS,
    STEP_FUNCTIONS,
    SUBMITTING,
)

CODES: dict[str, Code] = {
    "DW501": error(
        "bad --conf",
        '--conf takes one JSON object, e.g. --conf \'{"day": "2026-01-01"}\'.',
        f"{AIRFLOW}/core-concepts/dag-run.html",
    ),
    "DW502": error(
        "bad date",
        "Dates are read as Airflow's command line reads them: ISO 8601, e.g. 2026-01-01, 2026-01-01T06:00 or "
        "2026-01-01T06:00:00+02:00. One without a zone is in [core] default_timezone of Airflow's configuration.",
        "findings/airflow_cli_dates.sh",
    ),
    "DW503": error(
        "run exists already",
        "A run id can be used once per DAG. Leave --run-id out to get a new one.",
        f"{AIRFLOW}/core-concepts/dag-run.html",
    ),
    "DW504": error(
        "no image to run",
        "The embedded AWS runs jobs as local processes: a worker task needs no image, but a job definition of your "
        "own must tell its command, in container_overrides['command'] or in a file given with --job-definitions "
        "(the output of: aws batch describe-job-definitions).",
        LOCAL,
    ),
    "DW505": error(
        "no such run",
        "The ledger has no run of this DAG, or none with this id.",
        LEDGER,
    ),
    "DW506": error(
        "ledger out of reach",
        "The ledger's table does not exist, or AWS refused or did not answer.",
        LEDGER,
    ),
    "DW507": error(
        "the execution broke",
        "Step Functions ended the execution with an error of its own, outside any task. The message is AWS's.",
        f"{STEP_FUNCTIONS}/concepts-error-handling.html",
    ),
    "DW508": error(
        "an extra is not installed",
        "Running locally needs: pip install 'ductwork[local]'.",
        LOCAL,
    ),
    "DW509": error(
        "illegal run id",
        "Run ids have at most 250 characters and match [scheduler] allowed_run_id_pattern of Airflow's configuration, "
        "by default letters, digits and _ . ~ : + -.",
        f"{AIRFLOW}/configurations-ref.html",
    ),
    "DW511": error(
        "task failed",
        "The task raised an exception, as it would under Airflow. See its log.",
        f"{AIRFLOW}/core-concepts/tasks.html",
    ),
    "DW512": error(
        "XCom cannot be stored",
        "A task returned or pushed a value that is not serialisable or over the ledger's item limit of 400 KB. Return "
        "a reference (an S3 key), or configure Airflow's object-storage XCom backend ([core] xcom_backend).",
        f"{DYNAMODB}/Constraints.html",
    ),
    "DW513": error(
        "task killed",
        "The task's process or container was ended from outside: out of memory, a lost host, a time limit, or a "
        "signal. Give it more memory (executor_config={'ductwork': {'memory': ...}}) or retries.",
        f"{BATCH}/job_timeouts.html",
    ),
    "DW514": error(
        "interrupted",
        "The run was interrupted; what was still running has been stopped.",
        LOCAL,
    ),
    "DW515": warning(
        "secrets are not resolved locally",
        "A job definition given with --job-definitions takes variables from Secrets Manager or Parameter Store. The "
        "embedded AWS has no secrets of yours, so the job runs without these variables.",
        f"{BATCH}/specifying-sensitive-data.html",
    ),
    "DW516": error(
        "cannot be sent to AWS",
        "Something about the run, the state machine, the ledger or the job queue has to be mended first; the message "
        "says what. Nothing is started twice when the command is given again with the run's id: without --run-id, "
        "ductwork run makes a new one each time, and says which.",
        SUBMITTING,
    ),
    "DW517": error(
        "the run is still running",
        "Only a run that has ended can be restarted. Wait for its end (ductwork status DAG_ID RUN_ID --watch), or stop "
        "it (ductwork cancel DAG_ID RUN_ID).",
        RESTARTS,
    ),
    "DW518": error(
        "another DAG file in the container",
        "The worker's container could not import the DAG file, or found a file without the task. A file that makes its "
        "tasks of what it reads when it is imported (the environment, Variables, a list of tables) must read the same "
        "where it is compiled and in the workers' image: set it there too (a job definition's environment, "
        "AIRFLOW_VAR_...), or compile the DAG again and submit it anew. The task fails at once, and without "
        "its retries: what a container has does not change. It is retried where the import met what may pass, such "
        "as a service that does not answer. AIRFLOW__WORKERS__MISSING_DAG_RETRIES in the container's environment makes "
        "it wait and look again, as Airflow's workers do.",
        f"{AIRFLOW}/configurations-ref.html",
    ),
    "DW525": error(
        "no run to start",
        "ductwork backfill starts the runs that Airflow's timetable names between two logical dates, and that are due "
        "by now. There is none: the DAG has no schedule, or its schedule names no moment between them.",
        BACKFILLS,
    ),
    "DW530": error(
        "DAG code in S3",
        "The DAG folder cannot be packed or put into S3, or a worker could not fetch the archive that its schedule "
        "names: the bucket or the object does not exist, the role may not read it, what is in it is not what its name "
        "says, or there is no room to unpack it. Such a task fails at once, since another try would find the same; "
        "where S3 did not answer it is retried as the task says. Keep the archives of all runs that have not ended.",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    ),
}
