#!/bin/sh
# an example applied to an emulated account: real jobs, a cause for each alarm, used = granted, no secret, destroyed
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/release.sh"
. "$root/bin/lib/terraform.sh"
. "$root/bin/lib/tools.sh"
cd "$root"

need cargo 'see bin/setup'
need git
need python3
terraform=$(terraform_program) || skip_suite 'neither terraform nor tofu is on the PATH'
DOORBELL_EMULATOR_PYTHON=$(sh bin/lib/python.sh) || skip_suite 'the AWS emulator could not be installed; see the message above'
DOORBELL_BIN_DIR=$(release_directory)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
terraform_settings "$work/settings"
export TF_CLI_CONFIG_FILE="$work/settings" TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
export DOORBELL_EMULATOR_PYTHON DOORBELL_BIN_DIR
terraform_copy terraform "$work/copy"
example=$work/copy/examples/complete

provider() {
    "$terraform" -chdir="$example" init -backend=false -input=false -no-color >"$work/output" 2>&1 && return
    cat "$work/output"
    grep -q 'Failed to query available provider packages' "$work/output" || return 1
    skip_suite 'the AWS provider is unavailable; TF_MIRROR may name a directory that contains registry.terraform.io/'
}

# The suite `images` leaves the builds' image there. Entering it takes root.
image=${CARGO_TARGET_DIR:-$root/target}/images/build
scenarios() {
    set -- terraform-account --terraform "$terraform" --configuration "$example" --deployer-actions "$work/deployer-actions"
    if [ "$(id -u)" -eq 0 ] && [ -d "$image" ] && have unshare; then set -- "$@" --image "$image"; fi
    "$sandbox" "$@"
}

# The policy that bin/deployer_policy derives from the applied plan, and what apply and destroy called.
deployer_policy() {
    "$terraform" -chdir="$example" show -json applied.tfplan >"$work/plan.json" &&
        python3 -B bin/lib/deployer_policy/policy.py "$work/plan.json" --covers "$work/deployer-actions"
}

sandbox=${CARGO_TARGET_DIR:-$root/target}/debug/doorbell-sandbox

# The commands of README.md, typed in a copy of what a checkout holds.
page() {
    if ! aws=$(tool aws); then
        skip account/page 'the installation of the AWS CLI failed; see the output above'
        return 0
    fi
    mkdir -p "$work/programs"
    # Runs the module with Python, because the script contains the path of its temporary directory. Version 1 of the CLI
    # takes an endpoint of SQS from no variable.
    cat >"$work/programs/aws" <<EOF
#!/bin/sh
[ "\$1" != sqs ] || set -- --endpoint-url "\$AWS_ENDPOINT_URL" "\$@"
exec "${aws%/*}/python" -m awscli "\$@"
EOF
    chmod +x "$work/programs/aws"
    # The page says "terraform"; this machine may have OpenTofu only.
    ln -sf "$(command -v "$terraform")" "$work/programs/terraform"
    for part in bin terraform; do terraform_copy "$part" "$work/checkout/$part"; done
    cp README.md "$work/checkout/"
    PATH=$work/programs:$PATH "$sandbox" deployment-page --checkout "$work/checkout"
}

step 'the binaries' release_build
step 'the sandbox' cargo build --workspace --all-targets --locked
step 'the provider' provider
step 'apply, jobs, destroy' scenarios
step 'the policy of the deployer covers apply and destroy' deployer_policy
step 'README.md: each command of the deployment, to the first green flag, and bin/prove_account' page
finish
