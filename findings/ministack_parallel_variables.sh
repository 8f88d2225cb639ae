#!/usr/bin/env bash
# ministack 1.5.33, Step Functions: a variable that is assigned in a branch of a Parallel state.
# Expected, as AWS documents it: a branch has variables of its own; they are gone when it ends, and no other branch sees them.
# Seen: the branches of a Parallel state and what comes after it share one set of variables; iterations of a Map do not.
source "$(dirname "$0")/ministack_machines.sh"
env/bin/python - <<'PY'
import json
from machines import ended, started

seen = "{% $exists($y) ? 'seen' : 'not seen' %}"
assigns = {"StartAt": "Assign", "States": {"Assign": {"Type": "Pass", "Assign": {"y": 1}, "End": True}}}
looks = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Look"}, "Look": {"Type": "Pass", "Output": seen, "End": True}},
}
last = {"Type": "Pass", "Output": seen, "End": True}
cases = {
    "other-branch": {"First": {"Type": "Parallel", "Branches": [assigns, looks], "End": True}},
    "after-parallel": {"First": {"Type": "Parallel", "Branches": [assigns], "Next": "Last"}, "Last": last},
    "after-map": {"First": {"Type": "Map", "Items": [1], "ItemProcessor": assigns, "Next": "Last"}, "Last": last},
}
outputs = {name: json.loads(ended(started(name, states))["output"]) for name, states in cases.items()}
print(outputs)
assert outputs == {"other-branch": [{}, "seen"], "after-parallel": "seen", "after-map": "not seen"}
PY
