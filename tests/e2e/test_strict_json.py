# SPDX-License-Identifier: MIT
"""Bodies that are nearly right. Nothing is guessed: accepted exactly, or 400."""

import base64
import json
import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import SUBMISSIONS, check_problem
from lib.database import count_tasks
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import RawConnection, post_json

N_MAX = 100000
DEPTH_MAX = 32


def nested(depth, opening=b"[", closing=b"]"):
    """A submission whose deepest value lies `depth` levels down, the two objects included."""
    inner = depth - 2
    return b'{"type":"factorial","args":{"n":' + opening * inner + b"1" + closing * inner + b"}}"


REFUSED = {
    "duplicate type": b'{"type":"factorial","type":"factorial","args":{"n":"3"}}',
    "duplicate args": b'{"type":"factorial","args":{"n":"3"},"args":{"n":"3"}}',
    "duplicate n": b'{"type":"factorial","args":{"n":"3","n":"3"}}',
    "duplicate n, escaped": b'{"type":"factorial","args":{"n":"3","\\u006e":"4"}}',
    "duplicate unknown": b'{"type":"factorial","args":{"n":"3"},"x":1,"x":1}',
    "trailing object": b'{"type":"factorial","args":{"n":"3"}}{}',
    "trailing word": b'{"type":"factorial","args":{"n":"3"}} x',
    "trailing NUL": b'{"type":"factorial","args":{"n":"3"}}\0',
    "trailing comma": b'{"type":"factorial","args":{"n":"3"},}',
    "trailing comma in args": b'{"type":"factorial","args":{"n":"3",}}',
    "trailing bracket": b'{"type":"factorial","args":{"n":"3"}}}',
    "leading NUL": b'\0{"type":"factorial","args":{"n":"3"}}',
    "byte order mark": b'\xef\xbb\xbf{"type":"factorial","args":{"n":"3"}}',
    "UTF-16": '{"type":"factorial","args":{"n":"3"}}'.encode("utf-16"),
    "UTF-32": '{"type":"factorial","args":{"n":"3"}}'.encode("utf-32-le"),
    "NUL escape in a value": b'{"type":"factorial","args":{"n":"3\\u0000"}}',
    "NUL escape in a type": b'{"type":"factorial\\u0000","args":{"n":"3"}}',
    "NUL escape in a name": b'{"type":"factorial","args":{"n\\u0000":"3"}}',
    "raw NUL in a value": b'{"type":"factorial","args":{"n":"3\x00"}}',
    "raw control byte": b'{"type":"factorial","args":{"n":"3\x01"}}',
    "raw line feed in a string": b'{"type":"factorial","args":{"n":"3\n"}}',
    "invalid UTF-8": b'{"type":"factorial","args":{"n":"\xff"}}',
    "cut UTF-8": b'{"type":"factorial","args":{"n":"\xc3"}}',
    "overlong UTF-8": b'{"type":"factorial","args":{"n":"\xc0\xb3"}}',
    "surrogate in UTF-8": b'{"type":"factorial","args":{"n":"\xed\xa0\x80"}}',
    "beyond Unicode": b'{"type":"factorial","args":{"n":"\xf4\x90\x80\x80"}}',
    "invalid UTF-8 in a name": b'{"type":"factorial","args":{"n":"3","\xff":1}}',
    "lone high surrogate": b'{"type":"factorial","args":{"n":"\\ud800"}}',
    "lone low surrogate": b'{"type":"factorial","args":{"n":"\\udc00"}}',
    "swapped surrogates": b'{"type":"factorial","args":{"n":"\\udc00\\ud800"}}',
    "bad escape": b'{"type":"factorial","args":{"n":"\\x33"}}',
    "cut escape": b'{"type":"factorial","args":{"n":"\\u00"}}',
    "single quotes": b"{'type':'factorial','args':{'n':'3'}}",
    "bare names": b'{type:"factorial",args:{n:"3"}}',
    "line comment": b'{"type":"factorial","args":{"n":"3"}} // x',
    "block comment": b'{"type":"factorial",/* x */"args":{"n":"3"}}',
    "NaN": b'{"type":"factorial","args":{"n":NaN}}',
    "Infinity": b'{"type":"factorial","args":{"n":Infinity}}',
    "upper-case true": b'{"type":"factorial","args":{"n":True}}',
    "leading zero": b'{"type":"factorial","args":{"n":03}}',
    "plus sign": b'{"type":"factorial","args":{"n":+3}}',
    "hexadecimal": b'{"type":"factorial","args":{"n":0x3}}',
    "real": b'{"type":"factorial","args":{"n":5.0}}',
    "exponent": b'{"type":"factorial","args":{"n":1e1}}',
    "huge exponent": b'{"type":"factorial","args":{"n":1e400}}',
    "boolean": b'{"type":"factorial","args":{"n":true}}',
    "null": b'{"type":"factorial","args":{"n":null}}',
    "2^63": b'{"type":"factorial","args":{"n":9223372036854775808}}',
    "2^64 + 3": b'{"type":"factorial","args":{"n":18446744073709551619}}',
    "-2^63 - 1": b'{"type":"factorial","args":{"n":-9223372036854775809}}',
    "2^64 + 3 as a string": b'{"type":"factorial","args":{"n":"18446744073709551619"}}',
    "2^32 + 3 as a string": b'{"type":"factorial","args":{"n":"4294967299"}}',
    "thousand digits": b'{"type":"factorial","args":{"n":' + b"9" * 1000 + b"}}",
    "leading zero in a string": b'{"type":"factorial","args":{"n":"03"}}',
    "number for the type": b'{"type":1,"args":{"n":"3"}}',
    "array body": b'[{"type":"factorial","args":{"n":"3"}}]',
    "string body": b'"{}"',
    "only white space": b" \t\r\n ",
    "form feed": b'\x0c{"type":"factorial","args":{"n":"3"}}',
    "no-break space": b'\xc2\xa0{"type":"factorial","args":{"n":"3"}}',
    "two bodies, one a line": b'{"type":"factorial","args":{"n":"3"}}\n{"type":"factorial","args":{"n":"3"}}',
    "prototype member": b'{"type":"factorial","args":{"n":"3"},"__proto__":{}}',
    "depth 33": nested(DEPTH_MAX + 1),
    "depth 2000": nested(2000),
    "megabyte of brackets": b"[" * 1000000,
    "megabyte of objects": b'{"a":' * 200000,
    "closing first": b"]" * 100,
}

ACCEPTED = {
    "white space all over": (b' \t\r\n{ "type" : "factorial" ,\n"args":{\t"n" : "3" } } \r\n', 3),
    "escaped letters": (b'{"\\u0074ype":"f\\u0061ctorial","args":{"n":"\\u0033"}}', 3),
    "args first": (b'{"args":{"n":"4"},"type":"factorial"}', 4),
    "integer": (b'{"type":"factorial","args":{"n":7}}', 7),
    "zero": (b'{"type":"factorial","args":{"n":0}}', 0),
    "zero as a string": (b'{"type":"factorial","args":{"n":"0"}}', 0),
}

NAUGHTY = [
    "", " ", "undefined", "null", "NULL", "true", "1.00", "-1", "1E+02", "0x10", "NaN", "Infinity",
    ",./;'[]\\-=", "<>?:\"{}|_+", "!@#$%^&*()`~", "\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f\x10\x1f\x7f",
    "\t\x0b\x0c \x85\xa0\u1680\u180e\u2000\u2028\u2029\u202f\u205f\u3000",
    "\xad\u0600\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\ufeff\U000e0001",
    "\ufeff", "\ufffe", "\uffff", "Ω≈ç√∫˜µ≤≥÷", "田中さんにあげて下さい", "❤️ 💔 💌 👩🏽 🇺🇸🇷🇺🇸", "١٢٣", "ثم نفس سقطت",
    "\u202atest\u202a", "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤", "<script>alert(0)</script>", "\" onclick=\"alert(1)",
    "1;DROP TABLE task", "' OR 1=1 -- 1", "%", "_", "$HOME", "`id`", "$(id)", "../../../etc/passwd\x01", "%s%n%d",
    "{0}", "{{7*7}}", "\r\nSet-Cookie: x=y", "level=error event=forged", "line\nlevel=error event=forged",
    "\x1b[31mred\x1b[0m", "a" * 5000, "\\", "\"", "/", "~", "~0~1", "\U0010ffff",
]


@pytest.fixture
def stored(daemon):
    return count_tasks(daemon.database)


@pytest.mark.parametrize("body", REFUSED.values(), ids=[name.replace(" ", "-") for name in REFUSED])
def test_nearly_right_is_refused(daemon, client, stored, body):
    check_problem(client.post(body), 400)
    assert count_tasks(daemon.database) == stored
    assert client.get("/healthz").status == 200


@pytest.mark.parametrize("body, n", ACCEPTED.values(), ids=[name.replace(" ", "-") for name in ACCEPTED])
def test_unusual_but_right_is_accepted(client, body, n):
    response = client.post(body)
    assert response.status == 202, response
    assert client.result(response.json["id"])["result"] == math.factorial(n)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_depth_limit_on_both_sides(client, opening, closing):
    """At the limit the body is read and n has the wrong type; one deeper the body is the fault."""
    inside = check_problem(client.post(nested(DEPTH_MAX, opening, closing)), 400)
    assert "/args/n" in [error["pointer"] for error in inside["errors"]]
    beyond = check_problem(client.post(nested(DEPTH_MAX + 1, opening, closing)), 400)
    assert "/args/n" not in [error["pointer"] for error in beyond.get("errors", [])]


def test_brackets_within_strings_are_no_depth(client):
    body = json.dumps({"type": "factorial", "args": {"n": "[" * 500 + '\\"' + "{" * 500}}).encode()
    check_problem(client.post(body), 400, ["/args/n"])


@pytest.mark.parametrize("place", ["type", "name", "member of args", "n", "url"])
@pytest.mark.parametrize("text", NAUGHTY, ids=[str(number) for number in range(len(NAUGHTY))])
def test_naughty_strings_are_refused_in_strict_json(daemon, client, place, text):
    body = {
        "type": {"type": text, "args": {"n": "3"}},
        "name": {"type": "factorial", "args": {"n": "3"}, text: 1},
        "member of args": {"type": "factorial", "args": {"n": "3", text: 1}},
        "n": {"type": "factorial", "args": {"n": text}},
        "url": {"type": "http-fetch", "args": {"url": text}},
    }[place]
    check_problem(client.post(body), 400)


def test_naughty_strings_forge_no_log_line(daemon):
    for line in daemon.stderr().splitlines():
        assert "event=forged" not in line.split(" ")[:4], line
    assert "\x1b" not in daemon.stderr()


def test_naughty_strings_come_back_byte_by_byte(client):
    """Through a fetch: what the origin sends is what the result holds."""
    current = {}
    with ScriptedOrigin(lambda _: ok_answer(current["body"])) as origin:
        for text in NAUGHTY + ["a\0b", "\0"]:
            current["body"] = text.encode("utf-8")
            task_id = client.fetch(origin.url())
            answer = client.result(task_id)
            assert answer["status"] == "SUCCEEDED", answer
            if answer.get("result_encoding") == "base64":
                assert base64.b64decode(answer["result"]) == current["body"]
            else:
                assert answer["result"] == text
            assert client.raw_result(task_id).body == current["body"]


def test_member_name_is_escaped_in_the_pointer(client):
    problem = check_problem(client.post({"type": "factorial", "args": {"n": "3"}, "a~b/c": 1}), 400)
    assert problem["errors"][0]["pointer"] == "/a~0b~1c"


# Properties -------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30) | st.sampled_from(["factorial", "n", "3", "0", "100000", "100001", "03", "-0"]),
    lambda children: st.lists(children, max_size=4)
    | st.dictionaries(st.sampled_from(["type", "args", "n", "url", "x"]) | st.text(max_size=10), children, max_size=4),
    max_leaves=12,
)
submissions = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["factorial", "factorial", "factorial", "http-fetch", "x"]) | json_values,
        "args": st.fixed_dictionaries(
            {}, optional={"n": st.integers(-5, 300).map(str) | st.integers(-5, 300) | json_values, "x": json_values}
        ) | json_values,
        "x": json_values,
    },
)


def is_right(value):
    """Whether a submission of a factorial is to be accepted, by the contract."""
    if not isinstance(value, dict) or set(value) != {"type", "args"} or value["type"] != "factorial":
        return False
    args = value["args"]
    if not isinstance(args, dict) or set(args) != {"n"}:
        return False
    n = args["n"]
    if isinstance(n, bool):
        return False
    if isinstance(n, str):
        if not n or not all(c in string.digits for c in n) or (len(n) > 1 and n[0] == "0") or len(n) > 6:
            return False
        n = int(n)
    return isinstance(n, int) and 0 <= n <= N_MAX


@pytest.fixture(scope="module")
def small_daemon(make_module_daemon):
    """Its queue is long enough for every example; large factorials are beyond its limit."""
    return make_module_daemon(factorial_max_n=N_MAX)


@given(value=submissions | json_values)
def test_accepted_exactly_when_right(small_daemon, value):
    small = isinstance(value, dict) and isinstance(value.get("args"), dict)
    if small and str(value["args"].get("n")).isdigit() and 300 < int(value["args"]["n"]) <= N_MAX:
        value["args"]["n"] = "300"  # the arithmetic is tested elsewhere
    with RawConnection(*small_daemon.address) as connection:
        connection.send(post_json(SUBMISSIONS, json.dumps(value).encode()))
        response = connection.read_response()
    url_given = isinstance(value, dict) and value.get("type") == "http-fetch"
    if not url_given:
        assert response.status == (202 if is_right(value) else 400), (value, response)
    assert response.status in (202, 400)
    assert isinstance(json.loads(response.body), dict)


@given(body=st.binary(max_size=300))
def test_no_bytes_do_harm(small_daemon, body):
    with RawConnection(*small_daemon.address) as connection:
        connection.send(post_json(SUBMISSIONS, body))
        assert connection.read_response().status == 400
        connection.send(post_json(SUBMISSIONS, b'{"type":"factorial","args":{"n":"3"}}'))
        assert connection.read_response().status == 202


@given(data=st.data())
def test_one_changed_byte_is_never_a_fault_of_the_service(small_daemon, data):
    body = bytearray(b'{"type": "factorial", "args": {"n": "50"}}')
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    with RawConnection(*small_daemon.address) as connection:
        connection.send(post_json(SUBMISSIONS, bytes(body)))
        status = connection.read_response().status
    try:
        value = json.loads(bytes(body).decode("utf-8"), parse_constant=lambda _: 1 / 0)
        right = is_right(value)
    except (ValueError, ZeroDivisionError):
        right = False
    assert status == (202 if right else 400), bytes(body)
