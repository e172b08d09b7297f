"""Compares fixtures/start_build.json, read from standard input, with botocore's model of StartBuild."""
import json
import sys

import botocore.session
from botocore.validate import ParamValidator

# What a call names without overriding it, and the variables, which have tests of their own.
NO_OVERRIDES = {"projectName", "environmentVariablesOverride", "idempotencyToken"}


def members(shape, path):
    """The path of each member, and of those of its own; the items of a list have the list's path."""
    if shape.type_name == "list":
        yield from members(shape.member, path)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            yield ".".join([*path, name])
            yield from members(member, [*path, name])


def main():
    service = botocore.session.get_session().get_service_model("codebuild")
    model = service.operation_model("StartBuild").input_shape
    expected = {path for path in members(model, []) if path.split(".")[0] not in NO_OVERRIDES}
    fixture = json.load(sys.stdin)
    problems = [f"missing: {name}" for name in sorted(expected - set(fixture))]
    problems += [f"unknown: {name}" for name in sorted(set(fixture) - expected)]
    for name, shape in fixture.items():
        report = ParamValidator().validate({"projectName": "demo", **shape["input"]}, model)
        if report.has_errors():
            problems.append(f"{name}: {report.generate_report()}")
        value = shape["input"]
        for part in name.split("."):
            value = value[0] if isinstance(value, list) else value
            value = value.get(part)
            if value is None:
                problems.append(f"{name}: its input does not set it")
                break
    print("\n".join(problems))
    return 1 if problems or len(expected) < 80 else 0


sys.exit(main())
