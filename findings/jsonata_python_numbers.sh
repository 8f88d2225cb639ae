#!/usr/bin/env bash
# jsonata-python 0.7.1 against the reference, jsonata 2.0.6: arithmetic and the text of numbers.
# Expected: the port has JavaScript's doubles. Seen: "%" drops fractions, what is not a number or has no end is an error, digits in an
# array are not cut at 15, and $number takes what Python's float() takes.
source "$(dirname "$0")/common.sh"
source "$(cd "$OLDPWD" && cd "$(dirname "$0")" && pwd)/jsonata_engines.sh"
compare_engines <<'ROWS'
5.5 % 2 => 1 => 1.5
5 % 0 => error => NaN
$string([1/3]) => "[0.3333333333333333]" => "[0.333333333333333]"
$number('1_000') => 1000 => error
$number('.5') => 0.5 => error
ROWS
