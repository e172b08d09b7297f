#!/bin/sh
# the two images: reproducible digests, no shell in the worker's, the runner starts in the build image; a release's files
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/release.sh"
. "$root/bin/lib/images.sh"
. "$root/bin/lib/release_files.sh"
cd "$root"

need cargo 'see bin/setup'
need buildah 'bin/setup --system installs it'
need mmdebstrap 'bin/setup --system installs it'
[ "$(id -u)" -eq 0 ] || skip_suite 'it mounts images, which without a configured engine needs root'
[ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] || skip_suite 'the images are for Linux on x86_64'
can_make_base buildah || skip_suite "Debian's keyring is missing: bin/setup --system installs it"

work=$(mktemp -d)
trap 'buildah umount --all >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# A store of its own that needs no kernel support: the user's containers stay unchanged.
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/storage"\n' "$work" "$work" >"$work/storage.conf"
export CONTAINERS_STORAGE_CONF="$work/storage.conf" BUILDAH_ISOLATION=chroot

chroot=$(command -v chroot)
# The PATH of buildah and other engines when the image names none.
usual_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Mounts an image's files and prints their directory.
files_of() {
    container=$(buildah from --pull-never "$1") && buildah mount "$container"
}

build() { build_images buildah "$work" "$1" base >"$work/$1" && cat "$work/$1"; }
build_base() {
    make_base "$work/base.tar" && packages_are_listed "$work/base.tar" && import_base buildah "$work/base.tar" base && rm "$work/base.tar"
}
build_is_reproducible() { build again && cmp "$work/doorbell" "$work/again"; }

# The complete list: a program, certificates, and directories.
worker_holds_nothing_else() {
    files=$(files_of doorbell/worker) || return 1
    (cd "$files" && find . ! -type d | sort) >"$work/files"
    printf './etc/ssl/certs/ca-certificates.crt\n./worker\n' | diff - "$work/files" &&
        [ "$(grep -c 'BEGIN CERTIFICATE' "$files/etc/ssl/certs/ca-certificates.crt")" -gt 100 ]
}

worker_runs_unprivileged() {
    config=$(buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Env}}' doorbell/worker)
    [ "$config" = "65532:65532 [/worker] [PATH=$usual_path]" ] || { echo "unexpected image configuration: $config"; return 1; }
}

# Exit code 2 (missing settings) shows that the program runs.
worker_starts() {
    files=$(files_of doorbell/worker) || return 1
    status=0
    env -i "$chroot" --userspec=65532:65532 "$files" /worker >"$work/output" 2>&1 || status=$?
    [ "$status" -eq 2 ] || { echo "exit code $status:"; cat "$work/output"; return 1; }
}

# in_build COMMAND...: runs a command in the image's files, without this machine's environment.
in_build() {
    # shellcheck disable=SC2016  # the inner shell expands them; its mounts end with it
    env -i "PATH=$usual_path" unshare --mount sh -c 'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' \
        "$(files_of doorbell/build)" "$@"
}

# Exit code 240 (missing build environment) shows that the runner starts.
runner_starts() {
    status=0
    in_build sh -c doorbell-runner >"$work/output" 2>&1 || status=$?
    [ "$status" -eq 240 ] || { echo "exit code $status:"; cat "$work/output"; return 1; }
}

build_has_what_builds_need() {
    in_build sh -c 'git --version && ssh -V && test -s /etc/ssl/certs/ca-certificates.crt && test ! -e /etc/apt/sources.list'
}

# Paths of this machine would make other machines' binaries differ and would reveal who built them.
no_local_paths() {
    for program in worker doorbell-runner; do
        ! grep -qaF -e "$root" -e "${CARGO_HOME:-$HOME/.cargo}/" "$(release_directory)/$program" || { echo "$program contains a path of this machine"; return 1; }
    done
}

# The files of bin/release, twice: equal to the byte, each with its checksum, each subject of the provenance as it is.
release_is_reproducible() {
    for run in first second; do release_files 0.0.0 0123456789abcdef0123456789abcdef01234567 "$work/$run/files" || return 1; done
    diff -r "$work/first" "$work/second" && (cd "$work/first/files" && sha256sum --check --quiet SHA256SUMS) &&
        python3 -c '
import hashlib, json, pathlib, sys
files = pathlib.Path(sys.argv[1])
subjects = {subject["name"]: subject["digest"]["sha256"] for subject in json.load(open(files / "provenance-0.0.0.intoto.json"))["subject"]}
made = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.iterdir() if path.name not in ("SHA256SUMS", "provenance-0.0.0.intoto.json")}
sys.exit(subjects != made or len(made) != 10)' "$work/first/files"
}

# For the suite `account`, whose builds run in the build image's files.
keep_files() {
    kept=${CARGO_TARGET_DIR:-$root/target}/images
    rm -rf "$kept" && mkdir -p "$kept" && cp -a "$(files_of doorbell/build)" "$kept/build"
}

step 'binaries' release_build
step 'binaries: no path of this machine' no_local_paths
step 'base image of Debian packages' build_base
step 'both images' build doorbell
step 'same digests twice' build_is_reproducible
step 'worker: a program, certificates, nothing else' worker_holds_nothing_else
step 'worker: unprivileged user' worker_runs_unprivileged
step 'worker: starts' worker_starts
step 'build: git, ssh, a shell, certificates' build_has_what_builds_need
step 'build: runner starts' runner_starts
step 'release: the same files twice' release_is_reproducible
step 'build: files for suite account' keep_files
finish
