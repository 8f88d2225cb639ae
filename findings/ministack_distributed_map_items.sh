#!/usr/bin/env bash
# ministack 1.5.33, Step Functions: Items of a distributed Map in a JSONata machine.
# Expected: what Items says is iterated over, as in an inline Map.
# Seen: an inline Map does so; a distributed one makes a single iteration, over the state's input.
source "$(dirname "$0")/ministack_machines.sh"
env/bin/python - <<'PY'
import json
from machines import ended, started

outputs = {}
for mode in ("INLINE", "DISTRIBUTED"):
    config = {"Mode": mode, **({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})}
    each = {"ProcessorConfig": config, "StartAt": "Same", "States": {"Same": {"Type": "Pass", "End": True}}}
    states = {"First": {"Type": "Map", "Items": "{% [1, 2] %}", "ItemProcessor": each, "End": True}}
    outputs[mode] = json.loads(ended(started(mode, states, '{"of": "the state"}'))["output"])
print(outputs)
assert outputs == {"INLINE": [1, 2], "DISTRIBUTED": [{"of": "the state"}]}
PY
