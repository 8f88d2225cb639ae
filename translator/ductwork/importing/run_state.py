"""What a run has left in a document: it is no part of the schedule, so it is not imported, and said to be so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ductwork.contracts import schedule_document as schema
from ductwork.importing.dependencies import Report
from ductwork.importing.places import ROOT, at, blank, shown


def check_run_state(document: Mapping[str, object], jobs: Sequence[object], report: Report) -> None:
    """Report what belongs to one run: DW607 where it is left out, DW602 where it is malformed.

    :param document: the schedule document, as read
    :param jobs: its ``jobList``, whatever it holds
    """
    left = [at(ROOT, key) for key in schema.RUN_KEYS if not blank(document.get(key))]
    for number, job in enumerate(jobs):
        if isinstance(job, Mapping):
            left += _left_in_job(job, at(ROOT, "jobList", number), report)
    if left:
        more = f" and {len(left) - 1} more such values tell" if len(left) > 1 else " tells"
        what = f"this{more} of one run, not of the schedule: not imported"
        report("DW607", left[0], what, "nothing to do: a run of the DAG has its status in the ledger")


def _left_in_job(job: Mapping[str, object], place: str, report: Report) -> Iterator[str]:
    job_id = job.get("jobId")
    # What submitted a job has stored the answer of SubmitJob in some versions, its id in others.
    inner = job_id.get("jobId") if isinstance(job_id, Mapping) else job_id
    for key, value in (("jobStatus", job.get("jobStatus")), ("jobId", inner)):
        if value is not None and not isinstance(value, str):
            kind = 'a text or {"jobId": a text}' if key == "jobId" else "a text"
            report("DW602", at(place, key), f"{key} must be {kind}, not {shown(value)}", "empty it: a run fills it in")
        elif key == "jobStatus" and value in schema.PASSED_OVER:
            hint = "pass it over in a run of the DAG: ductwork restart DAG_ID RUN_ID --mark NAME=success"
            report("DW607", at(place, key), f"{value} is for the restart of one run: the job is imported to run", hint)
        elif not blank(value):
            yield at(place, key)
