# Terraform or OpenTofu, and where their provider comes from. To be sourced.
# shellcheck shell=sh

# The program's name; nothing, and false, where there is none.
terraform_program() {
    for name in terraform tofu; do
        command -v "$name" >/dev/null 2>&1 && printf '%s\n' "$name" && return
    done
    return 1
}

# terraform_settings FILE: writes a command-line configuration, to be named by TF_CLI_CONFIG_FILE. A machine without a
# way to the provider registry may hold a mirror of it: TF_MIRROR names it, or it is searched. The user's own
# configuration is left alone, and is used where there is no mirror.
terraform_settings() {
    mirror=${TF_MIRROR:-$(find_mirror)}
    if [ -z "$mirror" ]; then
        [ -n "${TF_CLI_CONFIG_FILE:-}" ] && [ -f "$TF_CLI_CONFIG_FILE" ] && cp "$TF_CLI_CONFIG_FILE" "$1" && return
        printf 'disable_checkpoint = true\n' >"$1"
        return
    fi
    cat >"$1" <<EOF
provider_installation {
  filesystem_mirror {
    path    = "$mirror"
    include = ["registry.terraform.io/hashicorp/*"]
  }
  direct {
    exclude = ["registry.terraform.io/hashicorp/*"]
  }
}
disable_checkpoint = true
EOF
}

# A folder that holds registry.terraform.io/hashicorp/aws, not too deep in the file system.
find_mirror() {
    find / -maxdepth 6 \( -path /proc -o -path /sys -o -path /home \) -prune -o \
        -type d -path '*/registry.terraform.io/hashicorp/aws' -print 2>/dev/null |
        head -n 1 | sed 's|/registry.terraform.io/hashicorp/aws$||'
}

# terraform_copy FROM TO: the modules and examples without what runs have left, so that nothing is written among them.
terraform_copy() {
    mkdir -p "$2" && (cd "$1" && tar cf - --exclude=.terraform --exclude=node_modules --exclude='*.tfstate*' .) | (cd "$2" && tar xf -)
}
