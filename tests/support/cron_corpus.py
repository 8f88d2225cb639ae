"""Cron expressions that Airflow takes: each form that croniter knows, and many at random."""

from __future__ import annotations

import random

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
)

FORMS = (
    *("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@midnight", "@annually"),
    *("30 2 * * *", "0 2 * * *", "0 3 * * *", "0 0 * * *", "15 1 * * *", "59 23 * * *", "30,45 2 * * *"),
    *("0 * * * *", "*/15 * * * *", "* * * * *", "0 * * * 1", "30 * * * SUN", "0 * 25 * *", "* * * * 1-5"),
    *("0 */2 * * *", "*/30 2 * * *", "0 1-5 * * *", "0 22-2 * * *", "5/15 0-3 * * *", "0 0,1,2,3 * * 0"),
    *("0 0 13 * 5", "0 0 */2 * 1", "0 2 1 * SUN", "0 0 1,15 * MON-FRI", "0 0 1 * 0-6", "0 0 1-31 * 1"),
    *("0 0 L * *", "0 0 1,L * *", "0 0 15,L * 5", "0 2 L 3,10 *", "0 0 15W * *", "0 2 1W * *", "0 0 31W * *"),
    *("0 0 29W 2 *", "0 0 30W * *", "0 0 15W * 1"),
    *("0 0 * * L5", "0 2 * * L0", "0 0 * * 5#2", "0 2 * * 0#1", "0 0 * * 1#1,3#2", "0 2 * * SUN#5", "0 0 * * L0,L3"),
    *("0 0 * NOV-FEB *", "0 0 * jan,jul mon", "0 0 * * 5-1", "0 0 * * 7", "0 0 * * 0-7", "0 0 * * fri-mon"),
    *("0 0 29 2 *", "0 0 31 * *", "0 0 30 2 1", "0 12 1 1 *", "0 2 25-31 3,10 0"),
    *("0 0 ? * 1", "0 0 1 * ?", "0 6 1 1 * 0", "30 2 * * * 0", "0 2 * 3 * 0 2025-2028", "0 0 1 1 * 0 2025-2027"),
    *("0 0 * */5 *", "0 */5 * * *", "0 0 * * */2", "0 0 1-10/3 * *", "7-52/9 3 * * *"),
)


def drawn(number, seed=1):
    """Expressions at random, each field of each usual form; times near the changes of clocks are frequent."""
    chance = random.Random(seed)
    return [expression(chance) for _ in range(number)]


def expression(chance):
    minute = chance.choice(["0", "30", "15,45", "*/20", "*/7", str(chance.randrange(60)), "10-14"])
    hour = chance.choice(
        ["0", "1", "2", "3", "*", "*/2", "*/3", "1-4", "23-2", "2,14", str(chance.randrange(24)), "0-23/6", "9-17"]
    )
    day = chance.choice(["*"] * 6 + ["1", "L", "*/5", "10-20", "25-31", "13,27", f"{chance.randint(1, 31)}W", "28"])
    month = chance.choice(["*"] * 6 + ["3,10", "OCT-MAR", "*/4", "1-6", "11"])
    weekday = chance.choice(["*"] * 6 + ["0", "MON-FRI", "SAT-MON", "7", "1,3,5", "L0", "0#1", "6#3", "*/3"])
    if day.endswith("W") and "#" in weekday:
        weekday = "*"
    if "#" in weekday or weekday == "L0":
        day = "*"
    return f"{minute} {hour} {day} {month} {weekday}"
