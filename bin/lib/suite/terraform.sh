#!/bin/sh
# the Terraform module: format, validation, rejected inputs, and the permissions of each principal in a real plan
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/terraform.sh"
. "$root/bin/lib/many_projects.sh"
. "$root/bin/lib/tools.sh"
cd "$root"

terraform=$(terraform_program) || skip_suite 'neither terraform nor tofu is on the PATH'
need node 'Node.js 18 or newer runs the policy tests; see bin/setup'
need npm 'it installs the IAM simulator; see bin/setup'

work=$(mktemp -d)
tests=''
# An aborted suite also ends the tests that run in the background.
trap '[ -z "$tests" ] || kill "$tests" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
terraform_settings "$work/settings"
export TF_CLI_CONFIG_FILE="$work/settings" TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
terraform_copy terraform "$work/copy"

# quiet COMMAND...: prints the command's output only if it fails.
quiet() { "$@" >"$work/output" 2>&1 || { cat "$work/output"; return 1; }; }

init() {
    quiet "$terraform" -chdir="$1" init -backend=false -input=false -no-color || {
        grep -q 'Failed to query available provider packages' "$work/output" || return 1
        skip_suite 'the AWS provider is unavailable; TF_MIRROR may name a directory that contains registry.terraform.io/'
    }
}

formatted() { "$terraform" fmt -check -recursive -diff terraform; }
valid() { quiet "$terraform" -chdir="$work/copy" validate -no-color; }

# Runs in parallel with the other steps, because it takes one core for minutes.
start_tests() {
    "$terraform" -chdir="$work/copy" test -no-color >"$work/tests" 2>&1 &
    tests=$!
}
finish_tests() {
    status=0
    wait "$tests" || status=$?
    tests=''
    [ "$status" -eq 0 ] || { grep -v '... pass$' "$work/tests"; return 1; }
    tail -n 2 "$work/tests"
}

# The provider gets a fake key. It calls no service, because a plan of new resources needs none.
export AWS_ACCESS_KEY_ID=CANARYACCESSKEY AWS_SECRET_ACCESS_KEY=canary-secret-key AWS_EC2_METADATA_DISABLED=true

# plan NAME EXAMPLE VARIABLES [OVERRIDES [ADDITIONS]]: plans a copy of an example as a user makes it: beside the directory
# `terraform`, with another `source`. VARIABLES is the JSON after the account's id.
plan() {
    infra=$work/checkout/infra
    rm -rf "$infra"
    cp -r "$work/checkout/terraform/examples/$2" "$infra"
    sed 's|^  source = "../.."$|  source = "../terraform"|' "$infra/main.tf" >"$infra/main.new"
    mv "$infra/main.new" "$infra/main.tf"
    cat >"$infra/offline_override.tf" <<EOF
provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
${4-}
EOF
    printf '%s\n' "${5-}" >"$infra/additions.tf"
    printf '{ "account_id": "111122223333"%s }\n' "$3" >"$infra/terraform.tfvars.json"
    init "$infra" || return 1
    quiet "$terraform" -chdir="$infra" plan -no-color -input=false -out=plan || return 1
    cp "$work/output" "$work/plans/$1.txt"
    "$terraform" -chdir="$infra" show -json plan >"$work/plans/$1.json"
}

# The first apply has no images: they are pushed to the repositories that it makes.
plans() {
    mkdir -p "$work/plans" "$work/checkout"
    ln -sfn ../copy "$work/checkout/terraform"
    repository=111122223333.dkr.ecr.eu-central-1.amazonaws.com/doorbell
    digest=sha256:0000000000000000000000000000000000000000000000000000000000000001
    images=", \"images\": { \"worker\": \"$repository/worker@$digest\", \"build\": \"$repository/build@$digest\" }"
    network=', "network": { "vpc_id": "vpc-1", "subnet_ids": ["subnet-1"] }'
    operator=', "operator_arns": ["arn:aws:iam::111122223333:role/on-call"]'
    operator="$operator"', "responder_arns": ["arn:aws:iam::111122223333:role/incident"]'
    plan complete-first complete '' &&
        plan complete complete "$images$operator" &&
        plan minimal-first minimal '' &&
        plan minimal minimal "$images$network" &&
        plan key minimal "$images$network" 'module "doorbell" {
  topic_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
  publishers        = { github = { ci = "github", subjects = ["repo:example/demo:ref:refs/heads/main"], create_provider = false } }
}' &&
        plan done_subscribers done_subscribers ', "done_topic_arn": "arn:aws:sns:eu-central-1:111122223333:doorbell-done"' &&
        plan shared minimal "$images$network" 'module "doorbell" {
  shared_build_project  = true
  ignored_override_keys = ["source.buildspec"]
}' &&
        plan organization complete "$images$operator" "$(cat bin/lib/suite/organization/overrides.tf)" "$(cat bin/lib/suite/organization/additions.tf)"
}

# Of one project and of a hundred, for growth.test.mjs. `bin/bench --projects 1000` takes a minute more.
plans_of_many_projects() {
    terraform_copy terraform "$work/many"
    quiet plan_projects 1 "$work/many" "$work/plans/one.json" && quiet plan_projects 100 "$work/many" "$work/plans/many.json"
}

# The state contains everything that a plan contains.
no_canary() { ! grep -rl -i 'canary' "$work/plans"; }

policy_tests() {
    quiet npm --prefix terraform/policy-tests ci --no-audit --no-fund || return 1
    DOORBELL_PLANS=$work/plans DOORBELL_TERRAFORM=$terraform DOORBELL_MODULE=$work/copy node --test --test-reporter=spec terraform/policy-tests/
}

checkov_checks() {
    if ! checkov=$(tool checkov); then
        skip terraform/checkov 'the installation of checkov failed; see the output above'
        return 0
    fi
    # Runs the module with Python, because the script contains the path of its temporary directory.
    "${checkov%/*}/python" -m checkov.main --config-file terraform/.checkov.yaml --directory "$work/copy"
}

step 'format' formatted
step 'provider' init "$work/copy"
step 'validation' valid
start_tests
step 'plans of the examples' plans
step 'plans of 1 and 100 projects' plans_of_many_projects
step 'no secret in a plan' no_canary
step 'policy tests' policy_tests
step 'checkov' checkov_checks
step 'rejected inputs' finish_tests
finish
