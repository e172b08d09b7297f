# The release build, which the suite `build`, bin/chaos, bin/bench and the images share. To be sourced, with the
# repository's directory in $root.
# shellcheck shell=sh

# The build target: this machine's. Cargo always gets it, so that flags do not apply to build scripts.
release_target() { rustc -vV | sed -n 's/^host: //p'; }

# The directory of the release binaries.
release_directory() { printf '%s/%s/release\n' "${CARGO_TARGET_DIR:-$root/target}" "$(release_target)"; }

# On Linux the binaries link their C library statically: the worker's image contains nothing else, and the runner works in
# any image. They contain no path of this machine, so that other machines build the same binaries.
# The flags are encoded for cargo without separating spaces, since a directory's name may contain one.
release_flags() {
    printf -- '--remap-path-prefix=%s=cargo\037--remap-path-prefix=%s=doorbell' "${CARGO_HOME:-$HOME/.cargo}" "$root"
    case $(release_target) in *-linux-*) printf -- '\037-C\037target-feature=+crt-static' ;; esac
}

# Only the release build uses -p: elsewhere it would change the shared crates' features and compile them again.
release_build() {
    CARGO_ENCODED_RUSTFLAGS="$(release_flags)" cargo build --release --locked --target "$(release_target)" \
        -p doorbell-worker -p doorbell-trigger-job -p doorbell-runner -p doorbell-cli
}
