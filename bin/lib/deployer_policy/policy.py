#!/usr/bin/env python3
"""Prints the IAM policy of the person who deploys, derived from a plan. See bin/deployer_policy.

    policy.py PLAN.json [--covers FILE]

PLAN.json is what `terraform show -json PLAN` prints. --covers compares the policy with the actions in a file, one a line, and
prints those that it lacks.
"""

import argparse
import json
import os.path
import pathlib
import re
import sys

TABLE = pathlib.Path(__file__).with_name("actions.json")

KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
# Attributes that encrypt a resource; a key that only a policy names needs no right of the deployer's.
KEY_ATTRIBUTES = {"kms_key_arn", "kms_key_id", "kms_master_key_id", "kms_key", "encryption_key"}
KEY_ACTIONS = ["kms:CreateGrant", "kms:DescribeKey"]

# With either on all services, the deployer could give any role to a machine of their own.
SERVICES_OF = {
    "iam:PassRole": {"iam:PassedToService": ["codebuild.amazonaws.com", "ecs-tasks.amazonaws.com", "scheduler.amazonaws.com"]},
    "iam:CreateServiceLinkedRole": {"iam:AWSServiceName": ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com"]},
}
# The actions that decide what a role or user may do. IAM compares their key with the boundary of the role or user.
BOUNDED = {
    "iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary",
    "iam:CreateUser", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary",
}
BOUNDARY_REMOVALS = {"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"}
OPTIONAL = {"aws_iam_user", "aws_iam_user_policy"}
# IAM knows no resource for it.
WITHOUT_RESOURCE = {"iam:ListVirtualMFADevices"}


def resources_in(plan):
    """The managed resources that the plan creates, changes, deletes or keeps: type and values."""
    changes = [change for change in plan.get("resource_changes", []) if change["mode"] == "managed"]
    return [(change["type"], change["change"].get("after") or change["change"].get("before") or {}) for change in changes]


def types_in(plan):
    """The types of the configuration's resources, whether or not this plan has one: the first has neither workers nor builds.

    Those of users only if the plan has a user, since a user's key never expires.
    """
    planned = {kind for kind, _ in resources_in(plan)}
    return planned | configured(plan.get("configuration", {}).get("root_module", {})) - OPTIONAL


def configured(module):
    own = {resource["type"] for resource in module.get("resources", []) if resource["mode"] == "managed"}
    return own.union(*[configured(call["module"]) for call in module.get("module_calls", {}).values()])


def actions_for(types, table):
    unknown = sorted(types - table.keys())
    if unknown:
        raise ValueError(f"{TABLE} has no row for {', '.join(unknown)}: add the actions by which Terraform manages it")
    return {action for kind in types | {"provider"} for action in table[kind]}


def principals(resources, partition):
    """ARN patterns of roles and users: path and the words that all names begin with, so that projects to come match."""
    patterns = set()
    for kind, word in (("aws_iam_role", "role"), ("aws_iam_user", "user")):
        found = [values for of, values in resources if of == kind and values.get("name")]
        for path in sorted({values.get("path") or "/" for values in found}):
            names = [values["name"] for values in found if (values.get("path") or "/") == path]
            patterns.add(f"arn:{partition}:iam::*:{word}{path}{common_words(names)}*")
    return sorted(patterns)


def common_words(names):
    """The whole words that all names begin with; of a single name, all but the last."""
    common = os.path.commonprefix(names)
    if len(set(names)) > 1 and all(name[len(common) :][:1] in ("", "-", "_") for name in names):
        return common
    return re.match(r"(?:.*[-_])?", common)[0]


def boundary(resources):
    """The permissions boundary of all roles and users; None if one has another or none."""
    kinds = ("aws_iam_role", "aws_iam_user")
    found = {values.get("permissions_boundary") for of, values in resources if of in kinds}
    return found.pop() if len(found) == 1 else None


def keys(value, attribute=""):
    """The ARNs of the customer's own keys that encrypt resources."""
    if isinstance(value, dict):
        return {arn for name, item in value.items() for arn in keys(item, name)}
    if isinstance(value, list):
        return {arn for item in value for arn in keys(item, attribute)}
    return {value} if attribute in KEY_ATTRIBUTES and isinstance(value, str) and KEY_ARN.fullmatch(value) else set()


def policy(plan, table):
    """A statement for each service, since one long list is unreadable; IAM's are restricted to the plan's names."""
    resources = resources_in(plan)
    actions = actions_for(types_in(plan), table)
    partition = (re.search(r"arn:(aws[a-z-]*):", json.dumps(plan)) or ["", "aws"])[1]
    statements = [
        statement(service.replace("-", "").capitalize(), {action for action in actions if action.startswith(service + ":")})
        for service in sorted({action.split(":")[0] for action in actions} - {"iam"})
    ]
    statements += iam_statements(actions, resources, partition)
    if encrypting := sorted(keys([values for _, values in resources])):
        statements.append(statement("Kms", KEY_ACTIONS, encrypting))
    return {"Version": "2012-10-17", "Statement": [one for one in statements if one["Action"]]}


def iam_statements(actions, resources, partition):
    own, bound = principals(resources, partition), boundary(resources)
    iam = {action for action in actions if action.startswith("iam:")} - SERVICES_OF.keys()
    bounded = iam & BOUNDED if bound else set()
    if bound:
        # Without its boundary a role may do everything that its policy allows.
        iam -= BOUNDARY_REMOVALS
    providers = {action for action in iam if "OpenIDConnect" in action}
    plain = iam - bounded - providers - WITHOUT_RESOURCE
    yield statement("Iam", plain, own)
    yield statement("IamBounded", bounded, own, {"iam:PermissionsBoundary": bound})
    yield statement("IamProviders", providers, [f"arn:{partition}:iam::*:oidc-provider/*"])
    yield statement("IamDevices", iam & WITHOUT_RESOURCE)
    for action, services in SERVICES_OF.items():
        passed = own if action == "iam:PassRole" else "*"
        yield statement(action.split(":")[1], {action} & actions, passed, services)


def statement(sid, actions, resource="*", equals=None):
    made = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
    return {**made, "Condition": {"StringEquals": equals}} if equals else made


def granted(document):
    return {action for statement in document["Statement"] for action in statement["Action"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=pathlib.Path)
    parser.add_argument("--covers", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        table = json.loads(TABLE.read_text(encoding="utf-8"))
        document = policy(json.loads(arguments.plan.read_text(encoding="utf-8")), table)
    except (OSError, ValueError) as error:
        sys.exit(f"deployer_policy: {error}")
    if not arguments.covers:
        print(json.dumps(document, indent=2))
        return 0
    used = set(arguments.covers.read_text(encoding="utf-8").split())
    if not used:
        sys.exit(f"deployer_policy: {arguments.covers} is empty")
    missing = sorted(used - granted(document))
    for action in missing:
        print(f"apply or destroy used {action}, which the policy lacks")
    print(f"{len(used)} actions used, {len(granted(document))} granted")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
