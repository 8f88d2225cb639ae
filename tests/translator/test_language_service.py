"""AWS's language service for state machines has nothing to say against the goldens."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from golden_machines import texts
from node import NO_NODE, NODE, environment

SCRIPT = Path(__file__).parents[1] / "support" / "language_service.js"


@pytest.mark.skipif(NODE is None, reason=NO_NODE)
def test_no_diagnostics():
    machines = texts()
    broken = json.loads(machines["chain.asl.json"])
    broken["States"]["Prepare run"]["Next"] = "nowhere"
    machines["broken"] = json.dumps(broken, indent=2)
    done = subprocess.run(
        [NODE, str(SCRIPT)],
        input=json.dumps(list(machines.values())),
        capture_output=True,
        text=True,
        env=environment("amazon-states-language-service"),
        timeout=120,
        check=True,
    )
    found = dict(zip(machines, json.loads(done.stdout), strict=True))
    assert any("must be the name of an existing state" in message for message in found.pop("broken"))
    assert {name: messages for name, messages in found.items() if messages} == {}
