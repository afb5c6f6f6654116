"""Schemas/openapi.yaml: its operations, and whether an answer is one that it describes."""

import copy
import json
import pathlib
import re

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "head", "post", "put", "patch", "delete")
BASE = "urn:description"


class Violation(AssertionError):
    """The description, or an answer, is not as it should be."""


class Operation:
    def __init__(self, description, path, method, item):
        value = item[method]
        self.id = value["operationId"]
        self.path, self.method, self.value = path, method.upper(), value
        self.short_path = item.get("x-also-at")
        self.names = re.findall(r"\{(\w+)\}", path)
        self.parameters = [
            description.resolve(p) for p in item.get("parameters", []) + value.get("parameters", [])
        ]
        self.security = value.get("security", description.document["security"])
        self.is_operators = path.startswith("/admin/")
        self.responses = {s: description.resolve(r) for s, r in value["responses"].items()}
        content = value.get("requestBody", {}).get("content", {})
        self.body_type = next(iter(content), None)
        self.body_schema = content.get("application/json", {}).get("schema")
        self.example = content.get("application/json", {}).get("example")

    def takes_ticket(self):
        return any("playbackTicket" in s for s in self.security)

    def needs_login(self):
        return any("bearer" in s for s in self.security)

    def query_example(self):
        """Values for the parameters of the query that have to be there."""
        return {
            p["name"]: p["example"]
            for p in self.parameters
            if p["in"] == "query" and p.get("required") and "example" in p
        }

    def __repr__(self):
        return f"{self.method} {self.path} ({self.id})"


class Description:
    def __init__(self, file=ROOT / "Schemas/openapi.yaml"):
        self.document = yaml.safe_load(file.read_text())
        strict = absolute(close(copy.deepcopy(self.document)))
        self.registry = Registry().with_resource(BASE, DRAFT202012.create_resource(strict))
        self.operations = [
            Operation(self, path, method, item)
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        ]
        self.by_id = {o.id: o for o in self.operations}
        if len(self.by_id) != len(self.operations):
            raise Violation("an operationId stands there twice")

    def resolve(self, value):
        while "$ref" in value:
            target = self.document
            for name in value["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            value = target
        return value

    # MARK: the description itself

    def check(self):
        """It is valid, and every example is what its schema says."""
        validate(self.document)
        for operation in self.operations:
            contents = [operation.value.get("requestBody", {}).get("content", {})]
            contents += [r.get("content", {}) for r in operation.responses.values()]
            for content in contents:
                for kind, media in content.items():
                    if "example" in media and "json" in kind:
                        self.validate(media["example"], media["schema"], f"example of {operation}")
            for parameter in operation.parameters:
                if "example" in parameter:
                    self.validate(parameter["example"], parameter["schema"], f"{parameter['name']} of {operation}")
            missing = set(operation.names) - {p["name"] for p in operation.parameters if p["in"] == "path"}
            if missing:
                raise Violation(f"{operation}: parameters {missing} are not described")
        for name in ("configuration", "capabilities"):
            self.check_document(name)

    def check_document(self, name):
        """What Schemas/vd says of a document of a unit stands here too."""
        original = json.loads((ROOT / f"Schemas/vd/{name}.json").read_text())
        here = self.document["components"]["schemas"][name.capitalize()]
        if set(original["properties"]) != set(here["properties"]):
            raise Violation(f"Schemas/vd/{name}.json has other members than {name.capitalize()}")

    def validate(self, value, schema, what):
        validator = Draft202012Validator(
            absolute(close(copy.deepcopy(schema))), registry=self.registry, format_checker=FormatChecker()
        )
        for error in validator.iter_errors(value):
            raise Violation(f"{what}: {error.json_path}: {error.message}\n{json.dumps(value)[:2000]}")

    # MARK: answers

    def check_answer(self, operation, answer):
        """`answer` (of requests) is one that `operation` describes: status, type, headers and body."""
        what = f"{operation} -> {answer.status_code}"
        described = operation.responses.get(str(answer.status_code))
        if described is None:
            raise Violation(f"{what} is not described: {answer.text[:500]}")
        for name, header in described.get("headers", {}).items():
            header = self.resolve(header)
            if name in answer.headers:
                self.validate(answer.headers[name], header["schema"], f"{what}: {name}")
            elif name in ("WWW-Authenticate", "Retry-After"):
                raise Violation(f"{what}: {name} is missing")
        content = described.get("content", {})
        kind = answer.headers.get("Content-Type", "").split(";")[0]
        if not content or operation.method == "HEAD":
            if answer.content:
                raise Violation(f"{what} has a body that is not described: {answer.text[:200]}")
            return
        if kind not in content:
            raise Violation(f"{what} is {kind}, described as {list(content)}")
        if kind == "application/x-ndjson":
            for line in answer.text.splitlines():
                json.loads(line)
        elif "json" in kind:
            self.validate(answer.json(), content[kind]["schema"], what)


def absolute(value):
    """References name the document that they are into."""
    if isinstance(value, list):
        return [absolute(v) for v in value]
    if isinstance(value, dict):
        return {
            k: BASE + v if k == "$ref" and isinstance(v, str) and v.startswith("#/") else absolute(v)
            for k, v in value.items()
        }
    return value


def close(value, is_part=False):
    """Objects have the members that are described and no others, so that none is forgotten in the description.

    Those that others are built of (allOf) stay open: what they are built into is closed.
    """
    parts = set()
    if isinstance(value, dict) and "components" in value:
        text = json.dumps(value)
        parts = {m for m in re.findall(r'"allOf": \[\{"\$ref": "#/components/schemas/(\w+)"', text)}
    return shut(value, parts)


def shut(value, parts, name=None, is_part=False):
    if isinstance(value, list):
        return [shut(v, parts) for v in value]
    if not isinstance(value, dict):
        return value
    is_open = is_part or name in parts
    closed = {}
    for key, inner in value.items():
        if key == "allOf":
            closed[key] = [shut(v, parts, is_part=True) for v in inner]
        elif key in ("example", "examples", "enum", "const", "required", "not"):
            closed[key] = inner
        elif key in ("schemas", "properties") and isinstance(inner, dict):
            closed[key] = {n: shut(v, parts, name=n if key == "schemas" else None) for n, v in inner.items()}
        else:
            closed[key] = shut(inner, parts)
    is_object = "properties" in value and isinstance(value["properties"], dict) and value.get("type") == "object"
    if (is_object or "allOf" in value) and not is_open and "additionalProperties" not in value:
        closed["unevaluatedProperties"] = False
    return closed
