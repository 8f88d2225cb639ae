#!/usr/bin/env bash
# airspeed 0.7.1, which local API Gateways use for mapping templates: a call with a text that has backslashes, as AWS's own
# $util.escapeJavaScript(...).replaceAll("\\'", "'").
# Expected: Velocity's texts know no escapes, so the method gets both backslashes, a regular expression for one of them.
# Seen: the method gets one, a regular expression for none, and what was to be replaced stays.
source "$(dirname "$0")/common.sh"
python_with airspeed==0.7.1
env/bin/python - <<'PY'
import re

import airspeed


class Text(str):
    def replaceAll(self, pattern, by):
        patterns.append(pattern)
        return re.sub(pattern, by, self)


patterns = []
made = airspeed.Template("""$text.replaceAll("\\\\'", "'")""").merge({"text": Text(r"it\'s")})
print(patterns, made)
assert patterns == [r"\'"] and made == r"it\'s"
PY
