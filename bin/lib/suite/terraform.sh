#!/bin/sh
# the account in Terraform: format, validity, refused values, and who can do what by the policies of a real plan
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/terraform.sh"
. "$root/bin/lib/tools.sh"
cd "$root"

terraform=$(terraform_program) || skip_suite 'neither terraform nor tofu is on the PATH'
need node 'Node.js 18 or newer runs the policy tests; see bin/setup'
need npm 'it installs the IAM simulator; see bin/setup'

work=$(mktemp -d)
refusals=''
# A suite that is given up takes with it what runs beside it.
trap '[ -z "$refusals" ] || kill "$refusals" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
terraform_settings "$work/settings"
export TF_CLI_CONFIG_FILE="$work/settings" TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
terraform_copy terraform "$work/copy"

# quiet COMMAND...: says what it printed only if it failed.
quiet() { "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }; }

init() {
    quiet "$terraform" -chdir="$1" init -backend=false -input=false -no-color || {
        grep -q 'Failed to query available provider packages' "$work/said" || return 1
        skip_suite 'the AWS provider could not be had; TF_MIRROR may name a folder that holds registry.terraform.io/'
    }
}

formatted() { "$terraform" fmt -check -recursive -diff terraform; }
valid() { quiet "$terraform" -chdir="$work/copy" validate -no-color; }

# Beside the other steps: it takes one core for minutes.
begin_refusals() {
    "$terraform" -chdir="$work/copy" test -no-color >"$work/tests" 2>&1 &
    refusals=$!
}
refusals() {
    status=0
    wait "$refusals" || status=$?
    refusals=''
    [ "$status" -eq 0 ] || { grep -v '... pass$' "$work/tests"; return 1; }
    tail -n 2 "$work/tests"
}

# The provider signs with a key that nobody knows, and asks nobody: a plan of new things needs no answer.
export AWS_ACCESS_KEY_ID=CANARYACCESSKEY AWS_SECRET_ACCESS_KEY=canary-secret-key AWS_EC2_METADATA_DISABLED=true
plan() {
    folder=$work/copy/examples/$2
    cat >"$folder/offline_override.tf" <<EOF
provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
$4
EOF
    repository=111122223333.dkr.ecr.eu-central-1.amazonaws.com/doorbell
    digest=sha256:0000000000000000000000000000000000000000000000000000000000000001
    printf '{ "account_id": "111122223333", "images": { "worker": "%s", "build": "%s" }, %s }\n' \
        "$repository/worker@$digest" "$repository/build@$digest" "$3" >"$folder/plan.auto.tfvars.json"
    init "$folder" || return 1
    quiet "$terraform" -chdir="$folder" plan -no-color -input=false -out=plan || return 1
    cp "$work/said" "$work/plans/$1.txt"
    "$terraform" -chdir="$folder" show -json plan >"$work/plans/$1.json"
    rm "$folder/offline_override.tf"
}

plans() {
    mkdir -p "$work/plans"
    network='"network": { "vpc_id": "vpc-1", "subnet_ids": ["subnet-1"] }'
    plan complete complete '"operator_arns": ["arn:aws:iam::111122223333:role/on-call"]' '' &&
        plan minimal minimal "$network" '' &&
        plan key minimal "$network" 'module "doorbell" {
  topic_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
}'
}

# What stands in a plan will stand in the state.
no_canary() { ! grep -rl -i 'canary' "$work/plans"; }

policy_tests() {
    quiet npm --prefix terraform/policy-tests ci --no-audit --no-fund || return 1
    DOORBELL_PLANS=$work/plans DOORBELL_TERRAFORM=$terraform DOORBELL_MODULE=$work/copy node --test --test-reporter=spec terraform/policy-tests/
}

checkov_checks() {
    if ! checkov=$(tool checkov); then
        skip terraform/checkov 'it could not be installed; the reason stands above'
        return 0
    fi
    # By its Python: the script names the folder that it was made in.
    "${checkov%/*}/python" -m checkov.main --config-file terraform/.checkov.yaml --directory "$work/copy"
}

step 'format' formatted
step 'the provider' init "$work/copy"
step 'validity' valid
begin_refusals
step 'plans of the examples' plans
step 'no secret in a plan' no_canary
step 'policy tests' policy_tests
step 'checkov' checkov_checks
step 'values that are refused' refusals
finish
