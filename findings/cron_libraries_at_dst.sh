#!/usr/bin/env bash
# "30 2 * * *" in Europe/Berlin on the nights when the clock changes, by three libraries.
# Expected: croner 11.0.1, cron-parser 5.10.6 and croniter 7.0.0 agree.
# Seen: in autumn all fire at the first 02:30; in spring, when there is no 02:30, croner and croniter fire at 03:00,
# cron-parser at 03:30.
source "$(dirname "$0")/common.sh"
node_with croner@11.0.1 cron-parser@5.10.6
python_with croniter==7.0.0
cat > dst.mjs <<'JS'
import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';

const zone = 'Europe/Berlin', cron = '30 2 * * *';
const croner = (from) => new Cron(cron, { timezone: zone }).nextRun(new Date(from)).toISOString();
const parser = (from) => CronExpressionParser.parse(cron, { tz: zone, currentDate: new Date(from) }).next().toISOString();
console.log(croner('2026-10-24T12:00:00Z'), parser('2026-10-24T12:00:00Z'));
console.log(croner('2026-03-28T12:00:00Z'), parser('2026-03-28T12:00:00Z'));
JS
seen=$(node dst.mjs)
seen_python=$(env/bin/python - <<'PY'
import datetime
import zoneinfo

from croniter import croniter

for day in (datetime.datetime(2026, 10, 24, 12), datetime.datetime(2026, 3, 28, 12)):
    start = day.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    fires = croniter("30 2 * * *", start).get_next(datetime.datetime)
    print(fires.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"))
PY
)
printf 'croner, cron-parser:\n%s\ncroniter:\n%s\n' "$seen" "$seen_python"
[ "$seen" = "2026-10-25T00:30:00.000Z 2026-10-25T00:30:00.000Z
2026-03-29T01:00:00.000Z 2026-03-29T01:30:00.000Z" ]
[ "$seen_python" = "2026-10-25T00:30Z
2026-03-29T01:00Z" ]
