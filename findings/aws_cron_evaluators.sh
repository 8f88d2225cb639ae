#!/usr/bin/env bash
# Three evaluators of AWS's cron dialect (aws-croniter 2.1.1, aws-cron-expression-validator 1.1.15, pyawscron 1.0.7) on expressions
# that AWS documents. Expected: all take them.
# Seen: of four only the validator takes all; "/" in the year is refused by aws-croniter, LW by both that evaluate, and pyawscron
# cannot say when the next 29 February or a range that wraps (FRI-MON) comes.
source "$(dirname "$0")/common.sh"
python_with aws-croniter==2.1.1 aws-cron-expression-validator==1.1.15 pyawscron==1.0.7
env/bin/python - <<'PY'
import datetime

from aws_cron_expression_validator.validator import AWSCronExpressionValidator
from aws_croniter import AwsCroniter
from pyawscron import AWSCron

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
JUDGES = {
    "aws-croniter": lambda cron: AwsCroniter(cron).get_next(START, 2),
    "validator": AWSCronExpressionValidator.validate,
    "pyawscron": lambda cron: AWSCron.get_next_n_schedule(2, START, cron),
}
EXPECTED = {
    "0 0 1 1 ? 2026/2": {"aws-croniter"},
    "0 0 LW * ? *": {"aws-croniter", "pyawscron"},
    "0 0 29 2 ? *": {"pyawscron"},
    "0 0 ? * FRI-MON *": {"pyawscron"},
}
for cron, expected in EXPECTED.items():
    refused = set()
    for name, judge in JUDGES.items():
        try:
            judge(cron)
        except Exception as error:
            print(f"{cron:20} {name}: {type(error).__name__} {error}")
            refused.add(name)
    assert refused == expected, (cron, refused)
PY
