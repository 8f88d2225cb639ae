"""The local engine evaluates as JSONata's reference implementation does: a table that both agree on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonata_reference import disagreements, evaluation
from node import NO_NODE, NODE

VALUES: dict[str, Any] = {
    "text": 'naïve "q" \\ / \n \x01 \x7f 😀',
    "object": {"b": 1.5, "10": None, "2": [True, {}], "a": {"é": "\u2028"}},
    "numbers": [0.1, 0.2, 0.3, 1e21, 1e-7, -0.0, 123456789012345678, 5e-324],
    "records": [{"k": 1, "n": "a"}, {"k": 1, "n": "b"}, {"k": 0, "n": "c"}],
    "same": ["x", "x"],
    "mixed": [1, True, "1", 1.0, None, {"a": 1}, {"a": 1}, [1], [1]],
    "nothing": None,
}
NUMBERS = (
    *(
        "0",
        "-0",
        "7",
        "-7.5",
        "1/3",
        "2/3",
        "0.1 + 0.2",
        "1e20",
        "1e21",
        "1.5e300",
        "1e-6",
        "1e-7",
        "1.23e-10",
        "100.0",
    ),
    *("1764437493415123", "1234567890123456789", "1000000000000005", "0.1234567890123456", "9007199254740993", "2.5"),
    *("-2.5", "3.5", "2.675", "1.005", "-1.5", "0.5", "12345.678", "999999.5"),
)
HUGE = {"1e20", "1e21", "1.5e300", "1234567890123456789"}
TEXTS = (
    "''",
    "'a'",
    "'1'",
    "' 1'",
    "'1_000'",
    "'+1'",
    "'.5'",
    "'1.'",
    "'-0.5e-3'",
    "'1e400'",
    "'0x1F'",
    "'0B101'",
    "'inf'",
    "'nan'",
)
TIMES = (
    *(
        "2026",
        "2026-01",
        "2026-01-02",
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.123Z",
        "2026-01-02T03:04:05.123456Z",
    ),
    *("2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05-0530", "2026-01-02T03:04:05", "2026-01-02T03:04Z", "20260102"),
    *("2026-01-02T03:04+02:00", "2026-01-02 03:04:05", "", "1969-12-31T23:59:59.999Z", "2024-02-29T00:00:00Z"),
    *("0001-01-01T00:00:00Z", "2026-01-02T03:04:05.1Z", "2026-01-02T23:59:59.999999+14:00", "x", "2026-W01-1"),
)
EXPRESSIONS = """
$string($text)
$string($object)
$string($object, true)
$string([$numbers])
$string($mixed)
$string($nothing)
$string(true)
$string($sum)
$string([$sum, 1])
$string({'b': 1, '10': 2, '9': 3, 'a': 4})
$string([])
$string([], true)
$string({'a': [], 'b': {}}, true)
$string(1/0)
$string([1/0])
$keys($object)
$merge([{'b': 1}, {'1': 2}, {'0': 3}])
$string($merge([{'b': 1}, {'1': 2}, {'0': 3}]))
$string($sift($object, function($v) { $v != 1 }))
$clone($numbers)
$clone($object)
'a' & 1/3 & null & $object & [1.0, 1e21]
1/0
-1/0
0/0
1/0 > 5
1/0 + 1
5 % 0
5.5 % 2
-5 % 3
1e308 * 10
1 in [true]
true in [1]
1 in [1.0]
1 in ['1']
null in [null]
{'a': 1} in [{'a': 1}]
$object in [$object]
[1] in [[1]]
'a' in 'a'
1 = true
[1, true] = [1, true]
[1] = [true]
$distinct($same)
[$distinct($same)]
$distinct([1, 1])
$distinct($mixed)
$distinct([1])
$distinct('a')
$distinct($records.k)
$count($distinct($records.k))
$sort($numbers)
$sort(['b', 'a', 'B'])
$sort([2, 'a'])
$sort([true, false])
$sort($records, function($l, $r) { $l.k > $r.k })
$sort($records, function($l, $r) { $l.k < $r.k })
$sort($records, function($l, $r) { $l.k - $r.k })
$sort($records, function($l, $r) { true })
$sort([3, 1, 2, 1], function($l, $r) { $l > $r })
$records^(k)
$records^(>k, n)
$sum($numbers)
$sum([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
$average([0.1, 0.2, 0.3])
$sum([])
$max($numbers)
[1..3.0]
[1..2.5]
$round(2.345, 2)
$round(-2.5)
$round(1234.5, -2)
$round(25, -1)
$formatNumber(2.5, '0')
$formatNumber(3.5, '0')
$formatNumber(-2.5, '0')
$formatNumber(0.125, '0.00')
$formatNumber(2.675, '0.00')
$formatNumber(1234.5678, '#,##0.00')
$formatNumber(0.145, '0%')
$formatNumber(12, '000')
$formatNumber(-1.5, '0;(0)')
$formatBase(255, 16)
$formatBase(-7.5, 2)
$formatInteger(7, '000')
$number('')
$number(true)
$number($nothing)
$abs(-1.5)
$floor(-1.5)
$ceil(-1.5)
$power(2, 0.5)
$power(-8, 1/3)
$power(0, -1)
$sqrt(2)
$sqrt(-1)
$lowercase('STRASSE ß İ')
$uppercase('straße')
$length($text)
$substring('hello', -3, 2)
$substring('hello', 1)
$substring('hello', -9, 7)
$substring('a😀b', 1, 1)
$substringBefore('hello', '')
$substringAfter('hello', 'l')
$trim(' a  b\\n')
$pad('a', 5, 'xy')
$pad('a', -5)
$contains($nothing, 'a')
$contains('abc', /B/i)
$contains('a', '')
$split('a,b,c', ',')
$split('a,b,c', ',', 2)
$split('abc', '')
$split('', ',')
$split('a1b22c', /\\d+/)
$split('a1b22c', /(\\d)+/)
$split('a1b22c', /\\d+/, 1)
$split('abc', /x*/)
$split('a, b', ', ', 0)
$split('a', ',', -1)
$split($nothing, ',')
$match('abcabc', /b(c)(x)?/)
$match('abc', /x/)
$match('abc', /x*/)
$match('ab', /[a-z]/, 1)
$match('ab', /[a-z]/, -1)
$replace('a.b.c', '.', '$$')
$replace('a.b.c', '.', '-', 1)
$replace('abc', /b/, '[$0$1$$]')
$replace('abc', /(b)(x)?/, '<$1$2$3$12>')
$replace('abc', /b/, '\\\\n\\\\1')
$replace('abc', '', 'x')
$replace('abab', /a/, function($m) { $m.match & $string($m.groups) & $m.start })
$replace('abab', /(a)/, function($m) { $m.groups[0] & $m.end })
$replace('ab', /a/, function($m) { 1 })
$replace('2026-01-01T00:00:00Z', 'Z', '+00:00')
$contains('é', /\\w/)
$contains('٣', /\\d/)
$contains('a\\n', /a$/)
$match('a\\rb', /./)
$match('a b', /\\s/)
$match('a]b', /[\\]b]/)
$join(['a', 'b'], '-')
$join('a')
$join([1])
$base64encode('über')
$base64decode('w7xiZXI=')
$encodeUrlComponent("a b/ü?!*'()")
$encodeUrl('http://x/ü?a=b c')
$decodeUrlComponent('a%20b')
$boolean([0, 0])
$boolean([[]])
$boolean('false')
$boolean({})
$boolean($nothing)
$not($missing)
$exists($nothing)
$type($nothing)
$type([$sum][0])
$append(1, 2)
$append([], 1)
$reverse([1])
$zip([1, 2], [3])
$reduce([1, 2, 3], function($a, $b) { $a + $b })
$single([1, 2], function($v) { $v > 1 })
$single([1, 2])
$each({'a': 1, '1': 2}, function($v, $k) { $k })
$spread({'b': 1, '1': 2})
$lookup($records, 'n')
$error('x')
$error()
$fromMillis(0)
$fromMillis(1767323045123)
$fromMillis(1767323045123.7)
$fromMillis(-1)
$fromMillis(1767323045123, '[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01]+00:00')
$fromMillis(1767323045123, '[Y0001]-[M01]-[D01]', '+1400')
$fromMillis(1767323045123, '[FNn], [D1o] [MNn] [Y] [h]:[m01] [P]')
$fromMillis(1767323045123, '[H01]:[m01]:[s01].[f001] [Z]', '+0530')
$toMillis('02/01/2026', '[D01]/[M01]/[Y0001]')
$toMillis('2026-01-02T03:04:05', '[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01]')
$toMillis($nothing)
$now()
$millis()
$now('[Y0001]')
$partition([1, 2, 3], 2)
$range(0, 1, 0.25)
$hash($object, 'MD5')
$parse('{"2": 1, "1": 1.0}')
$string($parse('{"2": 1, "1": 123456789012345678}'))
$parse('{')
$map([1], function($v) { $v })
$filter([1, 2], function($v) { $v = 1 })
$records[k=1].n
$records.{n: k}
$records{n: k}
$records[0].k & ''
$mixed[-1]
1 + 'a'
1 < 'a'
'a' < 'b'
-'a'
"""


def table() -> Iterator[str]:
    yield from filter(None, EXPRESSIONS.replace("\\\\", "\\").splitlines())
    for number in NUMBERS:
        yield from (number, f"$string({number})", f"$string([{number}])", f"$round({number})", f"$round({number}, 2)")
        if number not in HUGE:
            yield f"$formatNumber({number}, '#0.0#')"
    for text in TEXTS:
        yield f"$number({text})"
    for moment in TIMES:
        yield f"$toMillis('{moment}')"


@pytest.mark.skipif(NODE is None, reason=NO_NODE)
def test_both_agree() -> None:
    assert disagreements(evaluation(expression, VALUES) for expression in table()) == []
