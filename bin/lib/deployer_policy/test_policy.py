"""Tests of the deployer's policy: `python3 -B -m unittest discover -s bin/lib/deployer_policy`.

The suite `account` compares it with the calls of an apply and a destroy, the suite `terraform` simulates it.
"""

import json
import pathlib
import re
import unittest

import policy

ROOT = pathlib.Path(__file__).parents[3]
TABLE = json.loads(policy.TABLE.read_text(encoding="utf-8"))
BOUNDARY = "arn:aws:iam::111122223333:policy/ci-boundary"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001"


def change(kind, **values):
    return {"type": kind, "mode": "managed", "change": {"before": None, "after": values}}


def plan_of(*changes):
    return {"resource_changes": list(changes)}


def made(*changes):
    return policy.policy(plan_of(*changes), TABLE)


def statements_with(document, action):
    return [one for one in document["Statement"] if action in one["Action"]]


class Actions(unittest.TestCase):
    def test_each_resource_type_of_the_module_has_a_row(self):
        # The example of subscribers belongs to another program's owner, who deploys it by rights of their own.
        others = {"node_modules", "done_subscribers"}
        sources = [path for path in (ROOT / "terraform").rglob("*.tf") if others.isdisjoint(path.parts)]
        text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
        types = set(re.findall(r'^resource "([a-z0-9_]+)"', text, re.MULTILINE))
        self.assertGreater(len(types), 20)
        self.assertEqual(sorted(types - TABLE.keys()), [])

    def test_a_policy_grants_the_actions_of_its_types_only(self):
        document = made(change("aws_ssm_parameter", name="/doorbell/demo"))
        self.assertEqual({action.split(":")[0] for action in policy.granted(document)}, {"ssm", "sts"})

    def test_a_data_source_grants_nothing(self):
        data = {"type": "aws_iam_policy_document", "mode": "data", "change": {"after": {}}}
        self.assertEqual(policy.granted(made(data)), {"sts:GetCallerIdentity"})

    def test_an_unknown_type_is_an_error(self):
        with self.assertRaises(ValueError) as raised:
            made(change("aws_new_thing"))
        self.assertRegex(str(raised.exception), r"^/.*actions\.json has no row for aws_new_thing: ")

    def test_a_resource_of_a_later_plan_is_covered(self):
        inner = {"resources": [{"type": "aws_ecs_service", "mode": "managed"}, {"type": "aws_iam_user", "mode": "managed"}]}
        plan = {**plan_of(), "configuration": {"root_module": {"module_calls": {"doorbell": {"module": inner}}}}}
        granted = policy.granted(policy.policy(plan, TABLE))
        self.assertIn("ecs:CreateService", granted)
        self.assertEqual([action for action in granted if action.startswith("iam:")], [])

    def test_a_resource_that_is_deleted_is_covered(self):
        removed = {"type": "aws_sqs_queue", "mode": "managed", "change": {"before": {"name": "old"}, "after": None}}
        self.assertIn("sqs:DeleteQueue", policy.granted(made(removed)))


class Names(unittest.TestCase):
    def test_role_actions_are_restricted_to_the_common_prefix(self):
        names = ("doorbell-worker", "doorbell-worker-execution", "doorbell--demo", "doorbell_unprivileged")
        document = made(*[change("aws_iam_role", name=name, path="/ci/") for name in names])
        self.assertEqual(statements_with(document, "iam:CreateRole")[0]["Resource"], ["arn:aws:iam::*:role/ci/doorbell*"])

    def test_a_prefix_ends_at_a_separator(self):
        document = made(change("aws_iam_role", name="doorbell-worker"), change("aws_iam_role", name="doorbell-web"))
        self.assertEqual(statements_with(document, "iam:CreateRole")[0]["Resource"], ["arn:aws:iam::*:role/doorbell-*"])

    def test_paths_and_users_have_their_own_patterns(self):
        document = made(
            change("aws_iam_role", name="doorbell-worker", path="/ci/"),
            change("aws_iam_role", name="other-tool", path="/"),
            change("aws_iam_user", name="doorbell-publisher-jenkins"),
        )
        expected = [
            "arn:aws:iam::*:role/ci/doorbell-*", "arn:aws:iam::*:role/other-*", "arn:aws:iam::*:user/doorbell-publisher-*",
        ]
        self.assertEqual(statements_with(document, "iam:CreateRole")[0]["Resource"], expected)


class Restrictions(unittest.TestCase):
    ROLE = {"name": "doorbell-worker", "permissions_boundary": BOUNDARY}

    def test_roles_are_passed_to_the_services_of_the_module_only(self):
        document = made(change("aws_codebuild_project"), change("aws_ecs_cluster"), change("aws_iam_role", name="doorbell-worker"))
        for action in policy.SERVICES_OF:
            found = statements_with(document, action)
            self.assertEqual([one["Condition"] for one in found], [{"StringEquals": policy.SERVICES_OF[action]}])
        self.assertEqual(statements_with(document, "iam:PassRole")[0]["Resource"], ["arn:aws:iam::*:role/doorbell-*"])

    def test_the_boundary_of_all_roles_is_demanded(self):
        document = made(change("aws_iam_role", **self.ROLE), change("aws_iam_role_policy"))
        demanded = {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
        for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
            self.assertEqual([one.get("Condition") for one in statements_with(document, action)], [demanded], action)
        self.assertEqual(statements_with(document, "iam:DeleteRolePermissionsBoundary"), [])

    def test_one_role_without_the_boundary_lifts_the_demand(self):
        document = made(change("aws_iam_role", **self.ROLE), change("aws_iam_role", name="doorbell-other"))
        self.assertEqual(len(statements_with(document, "iam:CreateRole")), 1)
        self.assertNotIn("Condition", statements_with(document, "iam:CreateRole")[0])

    def test_only_the_keys_that_encrypt_are_granted(self):
        other = KEY.replace("0a1b", "ffff")
        table = change("aws_dynamodb_table", server_side_encryption=[{"kms_key_arn": KEY}], replica=[{"note": other}])
        self.assertEqual(statements_with(made(table), "kms:CreateGrant")[0]["Resource"], [KEY])
        alias = change("aws_sns_topic", kms_master_key_id="alias/aws/sns")
        self.assertEqual(statements_with(made(alias), "kms:CreateGrant"), [])

    def test_a_plan_of_all_types_fits_into_a_role(self):
        document = made(*[change(kind, name="doorbell-x") for kind in TABLE if kind != "provider"])
        # The quota of a role's inline policies, which IAM counts without white space.
        self.assertLess(len(json.dumps(document, separators=(",", ":"))), 10240)


if __name__ == "__main__":
    unittest.main()
