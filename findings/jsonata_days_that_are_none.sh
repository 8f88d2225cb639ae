#!/usr/bin/env bash
# jsonata 2.0.6, the function library of Step Functions: $toMillis of 31 February, and of a time without seconds.
# Expected: an error for the first, a moment for the second (ISO 8601 has both forms). Seen: 3 March, and an error.
# jsonata-python 0.7.1, the port that emulators of Step Functions use, does the opposite in both cases.
source "$(dirname "$0")/common.sh"
source "$(cd "$OLDPWD" && cd "$(dirname "$0")" && pwd)/jsonata_engines.sh"
compare_engines <<'ROWS'
$fromMillis($toMillis('2026-02-31')) => error => "2026-03-03T00:00:00.000Z"
$fromMillis($toMillis('2026-01-02T03:04Z')) => "2026-01-02T03:04:00.000Z" => error
ROWS
