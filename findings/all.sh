#!/usr/bin/env bash
# Runs every finding, one after another; fails if one of them no longer holds.
cd "$(dirname "$0")" || exit 1
failed=0
for finding in *.sh; do
    case "$finding" in all.sh | common.sh | jsonata_engines.sh | ministack_machines.sh) continue ;; esac
    if output=$(bash "$finding" 2>&1); then echo "holds    $finding"; else
        echo "CHANGED  $finding"
        printf '%s\n' "$output" | tail -n 5
        failed=1
    fi
done
exit "$failed"
