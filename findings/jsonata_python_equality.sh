#!/usr/bin/env bash
# jsonata-python 0.7.1 against the reference, jsonata 2.0.6: what is equal and what is missing.
# Expected: alike. Seen: in the reference "in" asks whether it is the very same object, and null is no missing value; the port compares contents, takes true for 1
# in $distinct, and null for nothing.
source "$(dirname "$0")/common.sh"
source "$(cd "$OLDPWD" && cd "$(dirname "$0")" && pwd)/jsonata_engines.sh"
compare_engines <<'ROWS'
{'a': 1} in [{'a': 1}] => true => false
$count($distinct([1, true])) => 1 => 2
$contains(null, 'a') => nothing => error
$sort([true, false]) => [false,true] => error
ROWS
