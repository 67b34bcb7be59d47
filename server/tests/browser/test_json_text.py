"""The page reads JSON as text. Another reader of JSON must agree on every text."""

import json
import random

PIECES = [
    '"a"',
    '"\\u00e4\\n"',
    '"\\ud83d"',
    "1",
    "-0.0",
    "1e5",
    "01",
    "1.",
    "tru",
    "true",
    "false",
    "null",
    "nul",
    "[",
    "]",
    "{",
    "}",
]
PIECES += [
    ",",
    ":",
    '"a":',
    " ",
    "\n",
    "\t",
    "'",
    "x",
    '"',
    "\\",
    "-",
    "+",
    "é",
    "\u00a0",
    "[1,2]",
    '{"k":1}',
    '{"k":',
    "{}",
    "[]",
]


def texts(count):
    chance = random.Random(20240607)
    for _ in range(count):
        yield "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 9)))


def reads(text):
    def refuse(name):
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    # Python takes white space that JSON does not know off the ends.
    return text.strip(" \t\r\n") == text.strip()


def test_the_page_takes_for_json_what_python_takes_for_json(page):
    some = list(texts(20000))
    verdicts = page.evaluate(
        """texts => texts.map(text => {
            try {
                const raw = checked(text)
                return [true, laidOut(raw), laidOut(laidOut(raw, true)), '']
            } catch (bad) {
                if (!(bad instanceof Bad)) throw bad
                return [false, '', '', place(text, bad.at)]
            }
        })""",
        some,
    )
    good = 0
    for text, (taken, short, again, place) in zip(some, verdicts, strict=True):
        assert taken == reads(text), f"{text!r} at {place}"
        if taken:
            good += 1
            assert json.loads(short) == json.loads(text), text
            assert again == short, text
    assert good > 500, "the texts are too bad to show anything"


def test_members_are_sliced_as_they_are_written(page):
    text = '{"a" : 1.0,"b":[ 1 , {"c":"}"}],"\\u0061b": "x\\"y" , "n":12345678901234567890}'
    assert page.evaluate("text => parts(text)", text) == [
        ["a", "1.0"],
        ["b", '[ 1 , {"c":"}"}]'],
        ["ab", '"x\\"y"'],
        ["n", "12345678901234567890"],
    ]


def test_megabytes_are_read_without_overflow_of_the_stack(page):
    times = page.evaluate(
        """() => ['"' + '\\\\n'.repeat(2.5e6) + '"', '[' + '1,'.repeat(1e6) + '1]', '[' + '"é",'.repeat(5e5) + '1]'].map(text => {
            const begun = performance.now()
            checked(text)
            return performance.now() - begun
        })"""
    )
    print("checking JSON texts of megabytes, ms:", [round(time) for time in times])
    assert max(times) < 5000
