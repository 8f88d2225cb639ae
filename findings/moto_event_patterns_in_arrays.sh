#!/usr/bin/env bash
# moto 5.2.5: an event pattern that names a member of the objects in an array, such as the variables of a Batch job.
# Expected: it matches if one of the objects does, as with AWS's own event-ruler. Seen: it never matches, because only
# objects in objects are looked into.
source "$(dirname "$0")/common.sh"
python_with "moto[events]==5.2.5"
env/bin/python -W ignore - <<'PY'
from moto.events.models import EventPattern


def matches(pattern, event):
    return EventPattern.load(__import__("json").dumps(pattern)).matches_event(event)


event = {"detail": {"container": {"environment": [{"name": "A", "value": "1"}]}, "flat": {"name": "A"}}}
in_object = matches({"detail": {"flat": {"name": ["A"]}}}, event)
in_array = matches({"detail": {"container": {"environment": {"name": ["A"]}}}}, event)
print("in an object:", in_object, " in an array:", in_array)
assert in_object and not in_array
PY
