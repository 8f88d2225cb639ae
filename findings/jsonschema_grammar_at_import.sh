#!/usr/bin/env bash
# jsonschema 4.26.0 with rfc3987-syntax 1.1.0 (Airflow 3.3.2 installs both): what `import jsonschema` does.
# Expected: an import defines functions; a grammar is compiled when a format is first checked, once. Seen: the import
# alone compiles the grammar of IRIs once for each of its terms, which is most of the time that it takes.
source "$(dirname "$0")/common.sh"
python_with jsonschema==4.26.0 rfc3987-syntax==1.1.0 lark==1.3.1
env/bin/python - <<'PY'
import time

import lark

made = []
compile_grammar = lark.Lark.__init__


def counted(self, *arguments, **options):
    begun = time.process_time()
    compile_grammar(self, *arguments, **options)
    made.append((str(options.get("start")), time.process_time() - begun))


lark.Lark.__init__ = counted
begun = time.process_time()
import jsonschema

whole, grammars = time.process_time() - begun, sum(seconds for _, seconds in made)
print(f"{len(made)} grammars, {len({start for start, _ in made})} starts, {grammars / whole:.0%} of the import's CPU time")
assert len(made) > 30
assert grammars > whole / 2
PY
