# Finds Terraform or OpenTofu and a mirror of its provider. To be sourced.
# shellcheck shell=sh

# Prints the program's name; prints nothing and fails without one.
terraform_program() {
    for name in terraform tofu; do
        command -v "$name" >/dev/null 2>&1 && printf '%s\n' "$name" && return
    done
    return 1
}

# terraform_settings FILE: writes a CLI configuration for TF_CLI_CONFIG_FILE. A machine without access to the provider
# registry may have a mirror: TF_MIRROR names it, or the function searches for one. Without a mirror the file is a copy
# of the user's own configuration.
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

# Prints a directory that contains registry.terraform.io/hashicorp/aws, at most six levels deep.
find_mirror() {
    find / -maxdepth 6 \( -path /proc -o -path /sys -o -path /home \) -prune -o \
        -type d -path '*/registry.terraform.io/hashicorp/aws' -print 2>/dev/null |
        head -n 1 | sed 's|/registry.terraform.io/hashicorp/aws$||'
}

# terraform_copy FROM TO: copies modules and examples without files of earlier runs. Runs then write only into the copy.
terraform_copy() {
    mkdir -p "$2" && (cd "$1" && tar cf - --exclude=.terraform --exclude=node_modules --exclude='*.tfstate*' .) | (cd "$2" && tar xf -)
}
