# SPDX-License-Identifier: MIT
"""Holds answers against the description of the API, docs/openapi.json.

Every client of these tests passes what it hears to check(): a path, status, header field or member of a body
that the description does not have, or has otherwise, is a failure. The description leaves room for members to
come, as clients should; here they are closed.

The end-to-end tests switch it on. What else uses their clients, to measure, neither pays for it nor needs what
it takes.
"""

import functools
import json
import pathlib
import re
import urllib.parse

PATH = pathlib.Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
METHODS = ("get", "head", "post", "delete", "options", "put", "patch", "trace")
# Of the connection, and of how the body is framed; RFC 9110 gives the meaning of the last two.
TRANSPORT = {"date", "connection", "keep-alive", "content-length", "transfer-encoding", "content-type"}
AUTHORITY = re.compile(r"[A-Za-z]+://[^/?#]*")
LONG_DIGITS = 18
SHORT_BODY = 2048  # what is worth to be remembered

is_on = False
seen = set()  # (path, method, status) of all answers that were right


class Undescribed(AssertionError):
    """The service answered with something that its description does not have."""


@functools.cache
def document():
    return json.loads(PATH.read_text("utf-8"))


def resolve(node):
    """The node with references in their place. Nothing in the description is recursive."""
    if isinstance(node, dict):
        if "$ref" in node:
            target = document()
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            return resolve(target)
        return {name: resolve(value) for name, value in node.items()}
    return [resolve(value) for value in node] if isinstance(node, list) else node


def closed(schema):
    """The schema without room for members that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "allOf" in schema:
        return {**schema, "unevaluatedProperties": False}
    schema = {name: closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    return schema


def validator(schema):
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@functools.cache
def schema(name):
    """A validator of one of the components."""
    return validator(closed(resolve(document()["components"]["schemas"][name])))


class Field:
    """A header field of an answer."""

    def __init__(self, header):
        self.is_required = header.get("required", False)
        self.is_right = functools.lru_cache(1000)(validator(header["schema"]).is_valid)


def parse(body):
    """JSON, in which long integers count as some long integer: nobody has to count their digits here."""
    return json.loads(body, parse_int=lambda digits: int(digits[:LONG_DIGITS]))


class Json:
    """The schema of a body."""

    def __init__(self, schema):
        self.validator = validator(schema)
        self.remembered = functools.lru_cache(1000)(self._fault_of)

    def _fault_of(self, text):
        fault = next(self.validator.iter_errors(parse(text)), None)
        return fault and f"{fault.json_path}: {fault.message:.300}"

    def fault_of(self, body):
        """What is wrong with it, or None."""
        judge = self.remembered if len(body) <= SHORT_BODY else self._fault_of
        return judge(body.decode("utf-8")) if body else "an empty body"


class Answer:
    """What is described for one status of one operation."""

    def __init__(self, response):
        self.fields = {name.lower(): Field(header) for name, header in response.get("headers", {}).items()}
        self.content = {}
        for media_type, content in response.get("content", {}).items():
            is_open = content["schema"].get("properties", {}).keys() >= {"openapi", "paths"}
            self.content[media_type] = Json(content["schema"] if is_open else closed(content["schema"]))

    def body_of(self, media_type):
        return self.content.get(media_type) or self.content.get("*/*")


@functools.cache
def described(reference):
    """A response of the components; many operations share one."""
    return Answer(resolve({"$ref": reference}))


class Operation:
    def __init__(self, path, method, answers):
        self.path = path
        self.method = method
        self.responses = {int(status): response for status, response in answers.items()}

    def answer(self, status):
        """What is described for a status, or None."""
        response = self.responses.get(status)
        return response and described(response["$ref"])


class Description:
    def __init__(self):
        self.literal = {}
        self.patterns = []
        self.other = Operation("*", "*", document()["x-other-requests"])
        for path, item in document()["paths"].items():
            operations = {
                name.upper(): Operation(path, name.upper(), operation["responses"])
                for name, operation in item.items()
                if name in METHODS
            }
            if "{" in path:
                self.patterns.append((re.compile(re.sub(r"\{[a-z]+\}", r"[^/]+", path) + r"\Z"), operations))
            else:
                self.literal[path] = operations
        self.all = [self.other, *(each for item in self.items() for each in item.values())]

    def items(self):
        return [*self.literal.values(), *(operations for _, operations in self.patterns)]

    def find(self, method, target):
        """The operations that an answer may be of."""
        if method is None:
            return self.all
        path = urllib.parse.unquote(re.split("[?#]", AUTHORITY.sub("", target, count=1), maxsplit=1)[0])
        item = self.literal.get(path) or next((item for pattern, item in self.patterns if pattern.match(path)), {})
        return [item.get(method, self.other)]


@functools.cache
def description():
    return Description()


def operations():
    """All that is described, as (path, method, set of status codes)."""
    return [(each.path, each.method, set(each.responses)) for each in description().all if each.path != "*"]


def fault_of_fields(answer, media_type, fields):
    """What is wrong with the header fields, or None."""
    from_library = media_type == "text/html" and "*/*" not in answer.content
    for name, value in fields:
        if name in TRANSPORT:
            continue
        if name not in answer.fields:
            return f"the field {name} is not described"
        if not answer.fields[name].is_right(value):
            return f"the field {name} is not as described"
    missing = {name for name, field in answer.fields.items() if field.is_required} - {name for name, _ in fields}
    if missing and not from_library:
        return f"{sorted(missing)} missing"
    return None


def fault_of_body(answer, media_type, body):
    """What is wrong with the body, or None."""
    if not answer.content:
        return "a body that is not described" if body else None
    check = answer.body_of(media_type)
    if check is None:
        return f"the media type {media_type} is not described"
    return check.fault_of(body) if media_type.endswith("json") and check is answer.content.get(media_type) else None


def fault_of(operation, method, status, fields, body):
    """What is wrong with an answer of the operation, or None."""
    answer = operation.answer(status)
    if answer is None:
        return f"the status {status} is not described"
    media_type = next((value for name, value in fields if name == "content-type"), "").split(";")[0].strip().lower()
    if not media_type and "text/html" in answer.content and (body is None or body.startswith(b"<html>")):
        media_type = "text/html"  # the HTTP library does not say so
    fault = fault_of_fields(answer, media_type, fields)
    if fault is None and body is not None and method != "HEAD" and status not in (204, 304):
        fault = fault_of_body(answer, media_type, body)
    return fault


def check(method, target, status, fields, body):
    """Hold an answer against the description.

    method, target: of the request; None where nobody knows, or it is no request: then anything will do that is
    described for some request. fields: (lower-case name, value) pairs. body: bytes, or None where it was not read.
    """
    if not is_on:
        return
    fault = None
    for operation in description().find(method, target):
        fault = fault_of(operation, method, status, fields, body)
        if fault is None:
            if method is not None:
                seen.add((operation.path, operation.method, status))
            return
    raise Undescribed(f"{fault}, in the answer to {method} {target}: {status} {fields} {body!r:.600}")


def check_event(data):
    if not is_on:
        return
    fault = next(schema("TaskStatus").iter_errors(data), None)
    if fault:
        raise Undescribed(f"{fault.json_path}: {fault.message}, in the event {data}")
