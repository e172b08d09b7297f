# Functions of bin/deploy_infra, bin/destroy_infra and bin/deployer_policy. To be sourced after common.sh and terraform.sh.
# shellcheck shell=sh

# infra_arguments ARGUMENT...: sets $directory, $yes and $terraform, or prints what is missing.
infra_arguments() {
    directory='' yes=no
    for argument in "$@"; do
        case $argument in
            -h | --help) help_text && exit 0 ;;
            --yes) yes=yes ;;
            -*) usage_error "unknown argument \"$argument\"" ;;
            *) [ -z "$directory" ] || usage_error 'more than one directory'; directory=$argument ;;
        esac
    done
    infra_directory
    [ "$yes" = yes ] || [ -t 0 ] || usage_error 'no terminal for the confirmation: pass --yes'
}

# Checks $directory and sets $terraform, or prints what is missing.
infra_directory() {
    [ -n "$directory" ] || usage_error 'DIRECTORY is missing: name a copy of terraform/examples/minimal'
    [ -d "$directory" ] || usage_error "no such directory: $directory"
    ls "$directory"/*.tf >/dev/null 2>&1 || usage_error "$directory contains no Terraform configuration (*.tf)"
    if ! terraform=$(terraform_program); then
        say 'neither terraform nor tofu is on the PATH: install Terraform or OpenTofu, 1.9 or newer'
        exit 3
    fi
}

# Prepares the configuration, and a directory for its plan that only this user can read.
infra_init() {
    umask 077
    plans=$(mktemp -d)
    trap 'rm -rf "$plans"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    "$terraform" -chdir="$directory" init -input=false || {
        say "$terraform init failed; see its message above. Without access to the provider registry, name a mirror in the CLI configuration"
        exit 1
    }
}

infra_plan_failed() {
    say "$terraform plan failed; see its message above. For \"No valid credential sources\" set AWS_PROFILE or sign in; for \"missing region\" set AWS_REGION"
    exit 1
}

# Plans the configuration. infra_apply applies exactly the plan that was shown.
infra_plan() {
    infra_init
    status=0
    "$terraform" -chdir="$directory" plan -input=false -detailed-exitcode -out="$plans/plan" "$@" || status=$?
    case $status in
        0) say 'no changes'; exit 0 ;;
        2) ;;
        *) infra_plan_failed ;;
    esac
}

infra_confirm() {
    [ "$yes" = no ] || return 0
    printf '\n%s Type "yes" to confirm: ' "$1"
    read -r answer || answer=''
    [ "$answer" = yes ] || { say 'canceled; nothing was changed'; exit 1; }
}

infra_apply() { "$terraform" -chdir="$directory" apply -input=false "$plans/plan"; }
