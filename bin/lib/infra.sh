# What bin/deploy_infra and bin/destroy_infra share. To be sourced after common.sh and terraform.sh.
# shellcheck shell=sh

# infra_arguments ARGUMENT...: sets $folder, $yes and $terraform, or says what is missing.
infra_arguments() {
    folder='' yes=no
    for argument in "$@"; do
        case $argument in
            -h | --help) help_text && exit 0 ;;
            --yes) yes=yes ;;
            -*) usage_error "unknown argument \"$argument\"" ;;
            *) [ -z "$folder" ] || usage_error 'one folder is understood'; folder=$argument ;;
        esac
    done
    [ -n "$folder" ] || usage_error 'which folder? Copy terraform/examples/minimal to a place of yours, and name that'
    [ -d "$folder" ] || usage_error "there is no folder $folder"
    ls "$folder"/*.tf >/dev/null 2>&1 || usage_error "$folder holds no Terraform configuration (*.tf)"
    if ! terraform=$(terraform_program); then
        say 'neither terraform nor tofu is on the PATH: install Terraform 1.9 or newer, or OpenTofu 1.9 or newer'
        exit 3
    fi
    [ "$yes" = yes ] || [ -t 0 ] || usage_error 'there is no terminal to ask at: say --yes'
}

# A plan in a file that only this user can read: what was shown is what is applied, and nothing else.
infra_plan() {
    umask 077
    plans=$(mktemp -d)
    trap 'rm -rf "$plans"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    "$terraform" -chdir="$folder" init -input=false || {
        say "$terraform init failed; its message stands above. Without a way to the provider registry, a mirror can be named in the CLI configuration"
        exit 1
    }
    status=0
    "$terraform" -chdir="$folder" plan -input=false -detailed-exitcode -out="$plans/plan" "$@" || status=$?
    case $status in
        0) say 'nothing to do'; exit 0 ;;
        2) ;;
        *)
            say "there is no plan; $terraform's message stands above. \"No valid credential sources\" wants AWS_PROFILE or a sign-in, \"missing region\" AWS_REGION"
            exit 1
            ;;
    esac
}

infra_confirm() {
    [ "$yes" = no ] || return 0
    printf '\n%s Only "yes" is a yes: ' "$1"
    read -r answer || answer=''
    [ "$answer" = yes ] || { say 'nothing was done'; exit 1; }
}

infra_apply() { "$terraform" -chdir="$folder" apply -input=false "$plans/plan"; }
