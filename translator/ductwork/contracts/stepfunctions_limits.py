"""What AWS Step Functions accepts of a state machine and its runs."""

from __future__ import annotations

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_DEFINITION_BYTES = 1_048_576
MAX_EVENTS = 25_000  # in the history of an execution
# Of these, what is left to the workers that are started again later, and what each time takes: of the Task that waits
# for the job, of the Choice, and of the Wait.
SHARE_OF_RESCHEDULES, EVENTS_OF_A_RESCHEDULE = 0.4, 10
# What is left to the pokes of sensors that are states of the machine, and what each takes: of the Task that asks, of
# the Choice, and of the Wait.
SHARE_OF_POKES, EVENTS_OF_A_POKE = 0.4, 9
MAX_PAYLOAD_BYTES = 262_144  # of a state's input, output or arguments
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
MACHINE_NAME_LIMIT = 80
# https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
STATE_NAME_LIMIT = 80
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
EXECUTION_NAME_LIMIT = 80
# Iterations of an inline Map that go on at a time.
# https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
INLINE_AT_ONCE = 40
_GREATEST = 99_999_999
# TimeoutSeconds of a state; the timeout of a Batch job has no upper bound.
# https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
MAX_TIMEOUT_SECONDS = _GREATEST
# Seconds of a Wait: https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
MAX_WAIT_SECONDS = _GREATEST
# Of a retrier: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
MAX_RETRY_ATTEMPTS = _GREATEST
MAX_RETRY_SECONDS = 31_622_400  # of its delays
# AWS refuses definitions that are nested too deeply (TOO_DEEPLY_NESTED) and does not publish from where on. So many
# Parallels and Maps are around a state at the most.
MAX_NESTING = 8
