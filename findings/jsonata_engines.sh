# Sourced by the findings about JSONata: both engines, and compare_engines, which reads lines "EXPRESSION => PORT => REFERENCE"
# from standard input, runs both and fails where a result is not as the line has it. "error" stands for any error.
node_with jsonata@2.0.6
python_with jsonata-python==0.7.1
cat > reference.mjs <<'JS'
import jsonata from 'jsonata';
import { readFileSync } from 'fs';
for (const text of JSON.parse(readFileSync('expressions.json'))) {
    let seen;
    try {
        const value = await jsonata(text).evaluate({});
        seen = value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);
    } catch { seen = 'error'; }
    console.log(seen);
}
JS
cat > compare.py <<'PY'
import json
import subprocess
import sys

import jsonata


def port(text):
    try:
        value = jsonata.Jsonata(text).evaluate({})
    except Exception:
        return "error"
    return "nothing" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


rows = [line.rstrip("\n").split(" => ") for line in sys.stdin if line.strip()]
with open("expressions.json", "w") as out:
    json.dump([row[0] for row in rows], out)
reference = subprocess.run(["node", "reference.mjs"], capture_output=True, text=True, check=True).stdout.splitlines()
changed = 0
for (text, by_port, by_reference), seen in zip(rows, reference, strict=True):
    print(f"{text:48} port {port(text):28} reference {seen}")
    changed += (port(text), seen) != (by_port, by_reference)
sys.exit(f"{changed} not as described" if changed else 0)
PY
compare_engines() { env/bin/python compare.py; }
