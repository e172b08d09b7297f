# Plans installations with many projects. To be sourced after common.sh, with the repository's directory in $root.
# shellcheck shell=sh disable=SC2154

# plan_projects COUNT MODULE JSON: plans COUNT projects with MODULE, a copy of the root module, and writes the plan. The
# caller has set $terraform. The provider calls no service, because a plan of new resources needs none.
plan_projects() {
    cat >"$2/offline_override.tf" <<EOF
provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
EOF
    node terraform/policy-tests/many-projects.mjs "$1" >"$2/terraform.tfvars.json" &&
        "$terraform" -chdir="$2" init -backend=false -input=false -no-color &&
        time_plan "$2" "$3.seconds" &&
        "$terraform" -chdir="$2" show -json plan >"$3"
}

# time_plan MODULE FILE: writes the seconds of the plan alone, without `init`.
time_plan() {
    started=$(date +%s)
    "$terraform" -chdir="$1" plan -no-color -input=false -out=plan || return 1
    printf '%s\n' "$(($(date +%s) - started))" >"$2"
}

# bench_plans --projects COUNT: prints the seconds of the plans of 1 and of COUNT projects.
bench_plans() {
    case $1 in
        --projects) [ $# -eq 2 ] || usage_error '--projects takes a number of at least 100, and no other argument'; count=$2 ;;
        *) [ $# -eq 1 ] || usage_error '--projects takes no other argument'; count=${1#*=} ;;
    esac
    case $count in
        *[!0-9]* | '' | ? | ??) usage_error "--projects $count: a whole number of at least 100 is needed" ;;
    esac
    # shellcheck source=bin/lib/terraform.sh
    . "$root/bin/lib/terraform.sh"
    terraform=$(terraform_program) || { say 'neither terraform nor tofu is on the PATH'; exit 3; }
    have node || { say 'node is not on the PATH'; exit 3; }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    terraform_settings "$work/settings"
    export TF_CLI_CONFIG_FILE="$work/settings" TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
    export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_EC2_METADATA_DISABLED=true DOORBELL_PLANS="$work"
    cd "$root" || exit 1
    terraform_copy terraform "$work/copy"
    for plan in one many; do
        [ "$plan" = many ] || projects=1
        [ "$plan" = one ] || projects=$count
        plan_projects "$projects" "$work/copy" "$work/$plan.json" >"$work/output" 2>&1 || { cat "$work/output" >&2; exit 1; }
        printf 'plan of %s projects: %s s\n' "$projects" "$(cat "$work/$plan.json.seconds")"
    done
    node --test --test-reporter=spec terraform/policy-tests/growth.test.mjs >"$work/output" || { cat "$work/output" >&2; exit 1; }
    printf 'policies and patterns of %s projects: as large as those of 1\n' "$count"
}
