# The files of a release. To be sourced after common.sh, release.sh and images.sh, with the repository's directory in $root.
# shellcheck shell=sh

# Programs that are published alone, with their packages. The worker and the runner also stand in the images.
RELEASED='worker:doorbell-worker doorbell:doorbell-cli trigger_job:doorbell-trigger-job doorbell-runner:doorbell-runner'

# release_files VERSION COMMIT OUT: writes programs, the Terraform module, SBOMs, provenance and SHA256SUMS into OUT, from the
# release binaries. The same sources and binaries give the same bytes.
release_files() {
    version=$1 commit=$2 out=$3
    mkdir -p "$out" || return 1
    for pair in $RELEASED; do
        program=${pair%%:*} package=${pair#*:}
        # shellcheck disable=SC2154  # set by the sourcing script
        cp "$(release_directory)/$program" "$out/$program-$version-$(release_target)" &&
            crates_of_program "$package" >"$out.crates" &&
            sbom "$program" "$version" --crates "$out.crates" >"$out/$program-$version.cdx.json" || return 1
    done
    # shellcheck disable=SC2154  # set by the sourcing script
    crates_of_program doorbell-runner >"$out.crates" &&
        sbom build-image "$version" --crates "$out.crates" --packages "$root/images/build/packages.txt" >"$out/build-image-$version.cdx.json" &&
        terraform_archive "$out/terraform-$version.tar.gz" &&
        python3 -B "$root/bin/lib/release/provenance.py" "$out" "$version" "$commit" "$root/Cargo.lock" >"$out.provenance" &&
        mv "$out.provenance" "$out/provenance-$version.intoto.json" && rm "$out.crates" &&
        (cd "$out" && sha256sum -- * >../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS)
}

# What a program links, for the machine that it is built for.
crates_of_program() {
    (cd "$root" && cargo tree --locked --package "$1" --edges normal,no-proc-macro --target "$(release_target)" --prefix none \
        --format '{p}|{l}')
}

sbom() { python3 -B "$root/bin/lib/release/sbom.py" "$@"; }

# The module without tests and files of runs; no time and no user of this machine is in it.
terraform_archive() {
    tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --exclude=.terraform \
        --exclude='*.tfstate*' --exclude=policy-tests --exclude=tests --directory="$root" terraform LICENSE | gzip --no-name >"$1"
}
