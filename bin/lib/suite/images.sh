#!/bin/sh
# the two images: built twice to the same digest, no shell in the worker's, the runner starts in the builds'
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/release.sh"
. "$root/bin/lib/images.sh"
cd "$root"

need cargo 'see bin/setup'
need buildah 'bin/setup --system installs it'
need mmdebstrap 'bin/setup --system installs it'
[ "$(id -u)" -eq 0 ] || skip_suite 'it looks into images, which only root may without an engine set up'
[ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] || skip_suite 'the images are for Linux on x86_64'
can_make_base buildah || skip_suite "Debian's keyring is not there: bin/setup --system installs it"

work=$(mktemp -d)
trap 'buildah umount --all >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# A store of our own, without any support of the kernel's: containers of this machine's user are not touched.
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/storage"\n' "$work" "$work" >"$work/storage.conf"
export CONTAINERS_STORAGE_CONF="$work/storage.conf" BUILDAH_ISOLATION=chroot

chroot=$(command -v chroot)
# What buildah, and any engine, gives a process whose image names no other.
usual_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# The folder in which an image's files can be looked at.
files_of() {
    container=$(buildah from --pull-never "$1") && buildah mount "$container"
}

build() { build_images buildah "$work" "$1" base >"$work/$1" && cat "$work/$1"; }
build_base() { make_base "$work/base.tar" && import_base buildah "$work/base.tar" base && rm "$work/base.tar"; }
build_is_reproducible() { build again && cmp "$work/doorbell" "$work/again"; }

# All of it: a program, certificates, and folders.
worker_holds_nothing_else() {
    files=$(files_of doorbell/worker) || return 1
    (cd "$files" && find . ! -type d | sort) >"$work/files"
    printf './etc/ssl/certs/ca-certificates.crt\n./worker\n' | diff - "$work/files" &&
        [ "$(grep -c 'BEGIN CERTIFICATE' "$files/etc/ssl/certs/ca-certificates.crt")" -gt 100 ]
}

worker_runs_unprivileged() {
    said=$(buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Env}}' doorbell/worker)
    [ "$said" = "65532:65532 [/worker] [PATH=$usual_path]" ] || { echo "the image says: $said"; return 1; }
}

# 2: its settings are missing, which it can say only if it runs.
worker_starts() {
    files=$(files_of doorbell/worker) || return 1
    status=0
    env -i "$chroot" --userspec=65532:65532 "$files" /worker >"$work/said" 2>&1 || status=$?
    [ "$status" -eq 2 ] || { echo "exit code $status:"; cat "$work/said"; return 1; }
}

# in_build COMMAND...: in the image's files, with nothing of this machine's environment.
in_build() {
    # shellcheck disable=SC2016  # the inner shell expands them; its mounts go with it
    env -i "PATH=$usual_path" unshare --mount sh -c 'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' \
        "$(files_of doorbell/build)" "$@"
}

# 240: the build's environment is missing.
runner_starts() {
    status=0
    in_build sh -c doorbell-runner >"$work/said" 2>&1 || status=$?
    [ "$status" -eq 240 ] || { echo "exit code $status:"; cat "$work/said"; return 1; }
}

build_has_what_builds_need() {
    in_build sh -c 'git --version && ssh -V && test -s /etc/ssl/certs/ca-certificates.crt && test ! -e /etc/apt/sources.list'
}

# Paths of this machine would make another machine's binaries differ, and tell who built them.
no_local_paths() {
    for program in worker doorbell-runner; do
        ! grep -qaF -e "$root" -e "${CARGO_HOME:-$HOME/.cargo}/" "$(release_folder)/$program" || { echo "$program names a folder of this machine"; return 1; }
    done
}

# For the suite `account`, whose builds run in them.
keep_files() {
    kept=${CARGO_TARGET_DIR:-$root/target}/images
    rm -rf "$kept" && mkdir -p "$kept" && cp -a "$(files_of doorbell/build)" "$kept/build"
}

step 'the binaries' release_build
step 'no path of this machine is in them' no_local_paths
step 'a base of packages' build_base
step 'both images' build doorbell
step 'the same twice' build_is_reproducible
step 'worker: a program, certificates, nothing else' worker_holds_nothing_else
step 'worker: nobody' worker_runs_unprivileged
step 'worker: starts' worker_starts
step 'build: git, ssh, a shell, certificates' build_has_what_builds_need
step 'build: the runner starts' runner_starts
step 'its files are kept' keep_files
finish
