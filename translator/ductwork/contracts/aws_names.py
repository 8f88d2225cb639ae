"""The names and ARNs that AWS takes, each as a pattern of the whole text; ``${Name}`` stands for one that is filled in
when a document is deployed.
"""

from __future__ import annotations

import re

# https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
JOB_NAME_LIMIT = 128

_SUBSTITUTION = r"\$\{[A-Za-z0-9]+\}"
_BATCH_NAME = rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{JOB_NAME_LIMIT - 1}}}"
_BATCH_ARN = r"arn:aws[a-z-]*:batch:[a-z0-9-]+:\d{12}:"
JOB_NAME = re.compile(_BATCH_NAME)
JOB_QUEUE = re.compile(rf"{_BATCH_NAME}|{_BATCH_ARN}job-queue/{_BATCH_NAME}|{_SUBSTITUTION}")
JOB_DEFINITION = re.compile(rf"{_BATCH_NAME}(:\d+)?|{_BATCH_ARN}job-definition/{_BATCH_NAME}(:\d+)?|{_SUBSTITUTION}")
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
ROLE = re.compile(rf"arn:aws[a-z-]*:iam::\d{{12}}:role/[\w+=,.@/-]+|{_SUBSTITUTION}")
# What a container's secret may refer to: Secrets Manager, or Parameter Store by ARN or path.
# https://docs.aws.amazon.com/batch/latest/APIReference/API_Secret.html
SECRET = re.compile(rf"arn:aws[a-z-]*:(secretsmanager|ssm):[a-z0-9-]+:\d{{12}}:\S+|/[\w./-]+|{_SUBSTITUTION}")
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
EVENT_BUS = re.compile(rf"[A-Za-z0-9_./:-]{{1,1600}}|{_SUBSTITUTION}")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
TABLE = re.compile(rf"[A-Za-z0-9_.-]{{3,255}}|{_SUBSTITUTION}")
# https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
# DAG code is named by the SHA-256 of its content.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
DAG_CODE = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>(?:\S+/)?(?P<hash>[0-9a-f]{64})\.zip)"
    + f"|{_SUBSTITUTION}"
)
