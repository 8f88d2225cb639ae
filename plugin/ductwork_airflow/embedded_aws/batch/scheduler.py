"""AWS Batch whose containers are local processes.

One scheduler thread does everything that takes time: it starts what may run, takes the ends of processes from the
worker pool and keeps the timers. API calls only change the books under the lock and wake it. Nothing polls, and the
number of threads does not depend on the number of jobs.
"""

from __future__ import annotations

import re
import signal
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path

from ductwork_airflow.embedded_aws.batch import jobs as model
from ductwork_airflow.embedded_aws.batch.jobs import Job, Spec
from ductwork_airflow.embedded_aws.batch.worker_pool import Event, WorkerPool
from ductwork_airflow.embedded_aws.timers import Timers

_POOL_GONE = "HostTerminated: the worker pool has ended"
KILL_AFTER_SECONDS = 30.0  # between SIGTERM and SIGKILL, as in ECS


def milliseconds() -> int:
    """Now, in milliseconds since 1970, as Batch dates its jobs."""
    return int(time.time() * 1000)


class ProcessBatch:
    """The jobs of all queues of one account and Region.

    :param jobs: how many workers of one DAG run at once, and how many other commands; further jobs wait as RUNNABLE. A
        worker may wait for a job that it has submitted itself, or for a run of another DAG, which therefore take no
        place of its DAG's workers
    :param environment: what every process gets, below the job's own environment
    :param on_log: called with ``(stream, file)`` before an attempt writes its log
    """

    def __init__(
        self,
        pool: WorkerPool,
        *,
        jobs: int,
        log_dir: Path,
        environment: Callable[[], Mapping[str, str]],
        cwd: Path,
        arn_prefix: str,
        on_log: Callable[[str, Path], None] = lambda stream, file: None,
        kill_after: float = KILL_AFTER_SECONDS,
    ) -> None:
        self._pool, self._slots, self._log_dir, self._cwd = pool, jobs, log_dir, cwd
        self._environment, self._arn_prefix = environment, arn_prefix
        self._on_log, self._kill_after = on_log, kill_after
        self._wake = threading.Condition(threading.RLock())
        self._jobs: dict[str, Job] = {}
        self._submitted: deque[Job] = deque()
        self._runnable: defaultdict[str, deque[Job]] = defaultdict(deque)  # by the DAG of workers; others
        self._running: dict[str, Job] = {}  # by pool id
        self._waiters: defaultdict[str, list[Job]] = defaultdict(list)
        self._events: deque[Event] = deque()
        self._timers = Timers()
        self._stopping = self._pool_gone = False
        self._thread = threading.Thread(target=self._run, name="ductwork-batch", daemon=True)

    def start(self) -> None:
        """Begin to schedule, in a thread of its own."""
        self._pool.listen(self._on_event)
        self._thread.start()

    def stop(self) -> None:
        """Start nothing any more, kill what runs and wait for its end."""
        with self._wake:
            self._stopping = True
            for id in self._running:
                self._pool.kill(id, signal.SIGKILL)
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        with self._wake:
            self._wake.wait_for(self._all_gone, timeout=5)

    def _all_gone(self) -> bool:
        ended = {event.get("id") for event in self._events if event["event"] == "exited"}
        return self._running.keys() <= ended or any(event["event"] == "closed" for event in self._events)

    # ---- what the API calls ----

    def get(self, job_id: str) -> Job | None:
        """The job or the child of an array job with this id; None if there is none."""
        with self._wake:
            return self._jobs.get(job_id)

    def describe(self, job_ids: list[str]) -> list[dict[str, object]]:
        """Unknown ids are left out, as AWS does."""
        with self._wake:
            return [self._jobs[id].describe() for id in job_ids if id in self._jobs]

    def jobs(self, *, queue_arn: str | None = None, parent_id: str | None = None) -> list[Job]:
        """The jobs of a queue without array children, or the children of one array, oldest first."""
        with self._wake:
            if parent_id is not None:
                return list(self._jobs[parent_id].children) if parent_id in self._jobs else []
            return [job for job in self._jobs.values() if job.parent is None and job.spec.queue_arn == queue_arn]

    def submit(self, spec: Spec, size: int | None = None) -> Job:
        """Take a job whose request has been validated; ``size`` makes it an array of that many children."""
        id, now = str(uuid.uuid4()), milliseconds()
        job = Job(id, f"{self._arn_prefix}:job/{id}", spec, now, size=size)
        for index in range(size or 0):
            child = Job(f"{id}:{index}", f"{job.arn}:{index}", spec, now, parent=job, index=index)
            job.children.append(child)
        job.summary["SUBMITTED"] = size or 0
        with self._wake:
            for each in (job, *job.children):
                self._jobs[each.id] = each
            self._submitted.append(job)
            self._wake.notify_all()
        return job

    def when_ended(self, job: Job, callback: Callable[[], None]) -> None:
        """Call back once the job has ended, at once if it has; ``callback`` must be short and take no lock of ours."""
        with self._wake:
            if job.ended:
                callback()
            else:
                job.watchers.append(callback)

    def cancel(self, job: Job, reason: str) -> None:
        """Fail what has not started yet; a job that is starting or running goes on, as on AWS."""
        with self._wake:
            for each in job.children or [job]:
                if each.status in model.WAITING:
                    each.is_cancelled = job.is_cancelled = True
                    self._end(each, "FAILED", reason)
            self._wake.notify_all()

    def terminate(self, job: Job, reason: str) -> None:
        """End a job, or all children of an array job that have not ended; those that run are killed.

        :param reason: becomes the ``statusReason``
        """
        with self._wake:
            for each in job.children or [job]:
                if each.ended:
                    continue
                each.is_terminated = job.is_terminated = True
                if each.status in model.WAITING:
                    self._end(each, "FAILED", reason)
                elif each.stop_reason is None:
                    each.stop_reason = reason
                    self._kill(each)
            self._wake.notify_all()

    # ---- the scheduler's thread ----

    def _on_event(self, event: Event) -> None:
        with self._wake:
            self._events.append(event)
            self._wake.notify_all()

    def _run(self) -> None:
        with self._wake:
            while not self._stopping:
                while self._events:
                    self._handle(self._events.popleft())
                while self._submitted:
                    self._admit(self._submitted.popleft())
                self._timers.fire()
                for waiting in self._runnable.values():
                    while waiting and self._has_room(waiting[0]):
                        self._start_attempt(waiting.popleft())
                if not (self._events or self._submitted):
                    self._wake.wait(self._timers.seconds_left())

    def _has_room(self, job: Job) -> bool:
        alike = sum(other.spec.worker_of == job.spec.worker_of for other in self._running.values())
        return alike < self._slots

    def _make_runnable(self, job: Job) -> None:
        self._set(job, "RUNNABLE")
        self._runnable[job.spec.worker_of].append(job)

    def _handle(self, event: Event) -> None:
        if event["event"] == "closed":
            self._pool_gone = True
            for id, job in list(self._running.items()):
                del self._running[id]
                self._attempt_ended(job, 137, _POOL_GONE)
            return
        if event["id"] not in self._running:
            return
        job = self._running[event["id"]]
        if event["event"] == "started":
            job.attempts[-1]["startedAt"] = milliseconds()
            job.started_at = job.started_at or job.attempts[-1]["startedAt"]
            self._set(job, "RUNNING")
            if job.spec.timeout:
                self._timers.after(job.spec.timeout, self._time_out, job, len(job.attempts))
        else:
            del self._running[event["id"]]
            self._attempt_ended(job, model.exit_code_of(event["returncode"]))

    def _admit(self, job: Job) -> None:
        if job.ended:
            return
        if job.size is not None:
            self._set(job, "PENDING")
        for each in job.children or [job]:
            self._resolve_dependencies(each)
            if not each.ended:
                if each.unmet:
                    self._set(each, "PENDING")
                else:
                    self._make_runnable(each)

    def _resolve_dependencies(self, job: Job) -> None:
        for dependency in job.spec.depends_on:
            target = self._jobs.get(model.target_id(job, dependency))
            if target is None:
                continue  # the first child of a SEQUENTIAL array does not wait
            if target.status == "FAILED":
                self._end(job, "FAILED", model.DEPENDENCY_FAILED)
                return
            if target.status != "SUCCEEDED":
                job.unmet += 1
                self._waiters[target.id].append(job)

    def _start_attempt(self, job: Job) -> None:
        if job.status != "RUNNABLE":
            return  # cancelled while it waited
        number = len(job.attempts) + 1
        if job.spec.overrides_length > model.MAX_OVERRIDES:
            self._end(job, "FAILED", model.OVERRIDES_TOO_LONG)
            return
        job.log_stream = f"{job.spec.definition_name[:200]}/default/{uuid.uuid4().hex}"
        job.attempts.append({"container": {"logStreamName": job.log_stream}})
        self._set(job, "STARTING")
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{job.spec.name}-{job.id}")
        file = self._log_dir / f"{name}-{number}.log"
        file.touch(mode=0o600)
        self._on_log(job.log_stream, file)
        id = f"{job.id}#{number}"
        self._running[id] = job
        environment = {**self._environment(), **job.spec.environment, **model.job_environment(job, number)}
        self._pool.start(id, job.spec.command, environment, self._cwd, file)
        if self._pool_gone:
            del self._running[id]
            self._attempt_ended(job, 137, _POOL_GONE)

    def _attempt_ended(self, job: Job, exit_code: int, reason: str | None = None) -> None:
        now, attempt = milliseconds(), job.attempts[-1]
        attempt.setdefault("startedAt", now)
        attempt["stoppedAt"] = now
        attempt["statusReason"] = job.stop_reason or model.CONTAINER_EXITED
        attempt["container"]["exitCode"] = exit_code
        if reason:
            attempt["container"]["reason"] = reason
        if job.stop_reason is not None:
            self._end(job, "FAILED", job.stop_reason)
        elif exit_code == 0:
            self._end(job, "SUCCEEDED", model.CONTAINER_EXITED)
        elif len(job.attempts) < job.spec.attempts and model.retries(
            job.spec.evaluate_on_exit, exit_code, reason, model.CONTAINER_EXITED
        ):
            self._make_runnable(job)
        else:
            self._end(job, "FAILED", model.CONTAINER_EXITED)

    # ---- books ----

    def _set(self, job: Job, status: str) -> None:
        if job.parent is not None:
            job.parent.summary[job.status] -= 1
            job.parent.summary[status] += 1
        job.status = status

    def _end(self, job: Job, status: str, reason: str) -> None:
        """End a job, and with it what depends on it, as a work list: chains are longer than Python's stack."""
        endings = deque([(job, status, reason)])
        while endings:
            ended, status, reason = endings.popleft()
            if ended.ended:
                continue
            self._set(ended, status)
            ended.reason, ended.stopped_at = reason or None, milliseconds()
            for watcher in ended.watchers:
                watcher()
            for waiter in self._waiters.pop(ended.id, ()):
                if status == "FAILED":
                    endings.append((waiter, "FAILED", model.DEPENDENCY_FAILED))
                elif not waiter.ended:
                    waiter.unmet -= 1
                    if waiter.unmet == 0 and waiter.status == "PENDING":
                        self._make_runnable(waiter)
            parent = ended.parent
            if parent and parent.summary["SUCCEEDED"] + parent.summary["FAILED"] == parent.size:
                parent.started_at = min((c.started_at for c in parent.children if c.started_at), default=None)
                failed = parent.summary["FAILED"] > 0
                endings.append((parent, "FAILED", model.CHILD_FAILED) if failed else (parent, "SUCCEEDED", ""))

    # ---- ends by force ----

    def _time_out(self, job: Job, attempt: int) -> None:
        if job.status == "RUNNING" and len(job.attempts) == attempt and job.stop_reason is None:
            job.stop_reason = model.TIMED_OUT
            self._kill(job)

    def _kill(self, job: Job) -> None:
        id = f"{job.id}#{len(job.attempts)}"
        self._pool.kill(id, signal.SIGTERM)
        self._timers.after(self._kill_after, self._pool.kill, id, signal.SIGKILL)
