#!/usr/bin/env bash
# jsonata-python 0.7.1 against the reference, jsonata 2.0.6: patterns and replacements.
# Expected: the port follows JavaScript's regular expressions. Seen: it has Python's: \d and \w match letters and digits of all scripts, "$"
# matches before a last line feed, groups of a separator are parts of the result; and "$$" in a plain replacement becomes "$".
source "$(dirname "$0")/common.sh"
source "$(cd "$OLDPWD" && cd "$(dirname "$0")" && pwd)/jsonata_engines.sh"
compare_engines <<'ROWS'
$split('a1b', /(\d)/) => ["a","1","b"] => ["a","b"]
$replace('a.b', '.', '$$') => "a$b" => "a$$b"
$contains('٣', /\d/) => true => false
$contains('a\n', /a$/) => true => false
ROWS
