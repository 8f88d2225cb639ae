"""The functions that expressions may call: a closed table. Each does what Python, or Airflow, does under that name.

Dates are texts, as ``isoformat()`` writes them in UTC. *Data* is what JSON may hold; *number* a whole number of at
most 15 digits.
"""

from __future__ import annotations

FUNCTIONS = {
    # ---- of data ----
    "text": "str() of data",
    "digits": "str() of a number",
    "json": "data as the filter tojson writes them",
    "truth": "bool() of data",
    "member": "(data, text, otherwise the words of an error): a member of a dictionary; an error where there is none",
    "get": "(data, text, data, words): a member of a dictionary, or the third argument; an error if it is none",
    "member_or": "(data, text, data): a member of a dictionary, or the last argument where there is none",
    "item": "(list, number, words): an item, counted from either end; an error where there is none",
    "item_or": "(list, number, data): an item, or the last argument where there is none",
    "part": "(data, first or None, last or None, words): a slice of a list or of a text; an error for what is neither",
    "has": "(data, text): whether a dictionary has a member",
    "has_item": "(list, number): whether there is such an item",
    "entries": "(data, words): the items of a list, the keys of a dictionary, the characters of a text",
    "names": "(data, words): the keys of a dictionary",
    "size": "(data, words): len()",
    "equal": "(data, data): ==, of which one is no list or dictionary",
    "numeric": "(data, words): a number for comparisons; an error for what is none",
    "contains": "(text, text): whether the second is in the first",
    "among": "(data, list): in, of which the list has texts alone, or numbers alone",
    "within": "(text, data, words): in, of a text, a list or a dictionary",
    "whole": "(data, number): int() of data as the filter int has it, or the number",
    "joined": "(list, text): the items as texts, with a text between them",
    "params": "(defaults): the run's params, by names; conf counts before them",
    "typed": "(data, type of JSON, words): the same; an error for another type",
    # ---- of text ----
    "upper": "upper()",
    "lower": "lower()",
    "strip": "(text, mode): strip(), lstrip() or rstrip(), without characters",
    "replace": "(text, text, text): replace(), of texts that are not empty",
    "slice": "(text, first, last or None): text[first:last]",
    "split": "(text, text): split(), by a text that is not empty",
    "starts": "(text, text): startswith()",
    "ends": "(text, text): endswith()",
    "zfill": "(text, number): zfill(), of a text of digits",
    "length": "(text): len()",
    "unreferenced": "(text): the same; an error where Kubernetes would find $(NAME) or $$ in it",
    # ---- of truth values ----
    "not": "not",
    "and": "and, of truth values",
    "or": "or, of truth values",
    # ---- of numbers and texts ----
    "same": "(a, b): ==, of the same type",
    "less": "<",
    "at_most": "<=",
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "//",
    "modulo": "%",
    # ---- of dates ----
    "plus": "(date, number of seconds): a date so much later",
    "plus_months": "(date, number): so many months later, on the month's last day where it has no such day",
    "with_part": "(date, strftime directive, two digits): a date with another day, hour, minute or second",
    "whole_second": "(date): a date without its fraction of a second",
    "strftime": "(date, format)",
    "number_of": "(date, strftime directive): as a number",
    "date_text": "str() of a date",
}

# What "strftime" may have after a %, in the C locale; "-" leaves out zeros in front.
DIRECTIVES = frozenset("YmdHMSfjybBaApIFTDzZu%") | {"-d", "-m", "-H", "-M", "-S", "-I", "-j"}
