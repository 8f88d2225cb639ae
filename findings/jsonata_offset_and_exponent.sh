#!/usr/bin/env bash
# jsonata 2.0.6, whose function library Step Functions documents as its own: $fromMillis with an offset west of UTC that is no whole
# number of hours, and $formatNumber of a number that JavaScript writes with an exponent.
# Expected: 18:30 on the day before for -0530, and many digits for 1.5e300. Seen: an hour too early, and "1.5e+3" with the zeros gone.
source "$(dirname "$0")/common.sh"
node_with jsonata@2.0.6
cat > run.mjs <<'JS'
import jsonata from 'jsonata';
for (const text of ["$fromMillis(0, '[H01]:[m01]', '-0530')", "$fromMillis(0, '[H01]:[m01]', '+0530')", "$formatNumber(1.5e300, '#0.0#')"])
    console.log(await jsonata(text).evaluate({}));
JS
seen=$(node run.mjs)
printf '%s\n' "$seen"
[ "$seen" = "17:30
05:30
1.5e+3" ]
