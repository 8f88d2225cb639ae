"""Codes DW6xx: importing schedule documents."""

from __future__ import annotations

from ductwork.diagnostics.catalogue.code import Code, error, warning
from ductwork.diagnostics.sources import BATCH_API, PYTHON, SCHEDULE_DOCUMENTS

CODES: dict[str, Code] = {
    "DW601": error(
        "no JSON document",
        "The file does not exist, cannot be read, is too large, or is not one JSON document in UTF-8.",
        f"{PYTHON}/library/json.html",
    ),
    "DW602": error(
        "not as a schedule document is",
        'A schedule document is an object {"scheduleId", "category", "scheduleName", "scheduleSnsTopic", "wait_time", '
        '"jobList"}, and a job an object {"jobName", "jobDefinition", "jobQueue", "jobDependencies", '
        '"containerOverrides", "parameters"}. A key that must be there is missing, or a value is of another kind. The '
        "JSON path says where.",
        SCHEDULE_DOCUMENTS,
    ),
    "DW603": error(
        "not accepted by AWS Batch or Airflow",
        "A name, an ARN or a value of a job's request is not one that AWS Batch's SubmitJob or Airflow accepts, so the "
        "imported DAG could not run.",
        f"{BATCH_API}/API_SubmitJob.html",
    ),
    "DW604": error(
        "two jobs with one name",
        "Jobs name each other in jobDependencies, and each becomes the task of that id, so each needs its own name.",
        SCHEDULE_DOCUMENTS,
    ),
    "DW605": error(
        "impossible dependency",
        "A job depends on a job that is not in the document, on itself, or on a job that depends on it in turn.",
        SCHEDULE_DOCUMENTS,
    ),
    "DW606": warning(
        "unknown key",
        "The document has a key that schedule documents do not have. It is not imported; perhaps it is misspelt.",
        SCHEDULE_DOCUMENTS,
    ),
    "DW607": warning(
        "state of a run",
        "A document that comes from the history of runs holds how far its run had come (scheduleStatus, jobStatus, "
        "jobId). That is no part of the schedule and is not imported. A job marked PASS was to be passed over when the "
        "run was restarted, and what depends on it to run. In a run of the DAG, ductwork restart --mark NAME=success "
        "does so.",
        SCHEDULE_DOCUMENTS,
    ),
}
