# The binaries as they are shipped: one release build, which the suite `build`, bin/chaos, bin/bench and the images share.
# To be sourced, with the repository's folder in $root.
# shellcheck shell=sh

# The target they are built for: this machine's. It is always named, so that flags do not reach build scripts.
release_target() { rustc -vV | sed -n 's/^host: //p'; }

# The folder that they are in.
release_folder() { printf '%s/%s/release\n' "${CARGO_TARGET_DIR:-$root/target}" "$(release_target)"; }

# On Linux they carry their C library in them: the worker's image holds nothing else, and builds run in any image that
# the runner is copied into. No path of this machine is in them, so that other machines' are the same.
# As cargo wants flags between which no space may divide: a folder's name may have one.
release_flags() {
    printf -- '--remap-path-prefix=%s=cargo\037--remap-path-prefix=%s=doorbell' "${CARGO_HOME:-$HOME/.cargo}" "$root"
    case $(release_target) in *-linux-*) printf -- '\037-C\037target-feature=+crt-static' ;; esac
}

# -p for these only: elsewhere it would narrow the shared crates' features and compile them again.
release_build() {
    CARGO_ENCODED_RUSTFLAGS="$(release_flags)" cargo build --release --locked --target "$(release_target)" \
        -p doorbell-worker -p doorbell-trigger-job -p doorbell-runner -p doorbell-cli
}
