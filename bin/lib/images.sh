# Builds the two images: images/worker and images/build. To be sourced after common.sh and release.sh, with the
# repository's directory in $root.
# shellcheck shell=sh

# The Debian release and packages of the build image, if this machine can make it: git 2.47.
IMAGE_RELEASE=trixie
IMAGE_PACKAGES=ca-certificates,git,openssh-client
IMAGE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# The moment whose packages the image holds. images/build/packages.txt lists them; renew both with
# bin/deploy_image --renew-packages.
IMAGE_SNAPSHOT=20261128T000000Z
# The archive of snapshots, as an address; without one the base holds today's packages.
SNAPSHOT_SERVER=${DOORBELL_DEBIAN_SNAPSHOT:-}

# Prints the program that builds images; fails without one. Programs with reproducible builds come first.
image_engine() {
    for name in buildah podman docker; do
        have "$name" && printf '%s\n' "$name" && return
    done
    return 1
}

# Docker cannot import a base as the others do; it uses Debian's published image.
can_make_base() { [ "$1" != docker ] && have mmdebstrap && [ -r "$IMAGE_KEYRING" ]; }

# Prints apt's sources: the snapshot's, or today's of this machine's mirror where the snapshot cannot be reached.
image_sources() {
    if snapshot_is_reachable; then
        for suite in "debian $IMAGE_RELEASE" "debian $IMAGE_RELEASE-updates" "debian-security $IMAGE_RELEASE-security"; do
            # A snapshot's index is older than its "valid until"; its signature is checked as any other.
            printf 'deb [signed-by=%s check-valid-until=no] %s/%s/%s %s main\n' \
                "$IMAGE_KEYRING" "$SNAPSHOT_SERVER" "${suite% *}" "$IMAGE_SNAPSHOT" "${suite#* }"
        done
        return
    fi
    say "no snapshot of Debian at \"$SNAPSHOT_SERVER\" (DOORBELL_DEBIAN_SNAPSHOT): the base holds today's packages of the mirror"
    # This machine may run another release than the image: its mirror has both.
    apt-get indextargets --format "deb [signed-by=$IMAGE_KEYRING] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
        'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
        sed -nE "s/ [a-z]+(-updates|-security)? main\$/ $IMAGE_RELEASE\\1 main/p" | sort -u
}

snapshot_is_reachable() {
    [ -n "$SNAPSHOT_SERVER" ] || return 1
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10).read(1)' \
        "$SNAPSHOT_SERVER/debian/$IMAGE_SNAPSHOT/dists/$IMAGE_RELEASE/InRelease" 2>/dev/null
}

# make_base FILE: writes Debian with the packages that builds need as a tar archive, and the list of all packages beside
# it, FILE.packages. The same packages give an identical archive.
make_base() {
    sources=$(image_sources) || sources=''
    # Without sources of this machine it uses Debian's public ones.
    set -- "$1" ${sources:+-}
    # The image does not name the mirror, which is this machine's.
    # shellcheck disable=SC2016  # mmdebstrap's shell expands it
    printf '%s\n' "$sources" | IMAGE_LIST="$1.packages" SOURCE_DATE_EPOCH=1 mmdebstrap --quiet --variant=apt \
        --include="$IMAGE_PACKAGES" --skip=output/dev --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='chroot "$1" dpkg-query --show --showformat "\${Package} \${Version} \${Architecture}\n" >"$IMAGE_LIST"' \
        --customize-hook='rm -f "$1/etc/apt/sources.list"' \
        "$IMAGE_RELEASE" "$@"
}

# packages_are_listed FILE: the base's packages are those of images/build/packages.txt. What differs is printed, and is an
# error if the base was made from the snapshot: a mirror has moved on.
packages_are_listed() {
    # shellcheck disable=SC2154  # set by the sourcing script
    diff "$root/images/build/packages.txt" "$1.packages" && return
    snapshot_is_reachable && return 1
    say 'the mirror holds other versions than the snapshot: the image is not the released one'
}

# renew_packages WORK: takes today's moment, makes the base, and writes the moment and the list into the repository.
renew_packages() {
    IMAGE_SNAPSHOT=$(date -u +%Y%m%d)T000000Z
    make_base "$1/base.tar" || return 1
    sed -i "s/^IMAGE_SNAPSHOT=.*/IMAGE_SNAPSHOT=$IMAGE_SNAPSHOT/" "$root/bin/lib/images.sh" &&
        cp "$1/base.tar.packages" "$root/images/build/packages.txt"
}

# import_base ENGINE FILE NAME: makes an image of the archive, from which other images are built by name.
import_base() {
    mkdir "$2.context" && printf 'FROM scratch\nADD base.tar /\n' >"$2.context/Dockerfile" &&
        ln "$2" "$2.context/base.tar" && engine_build "$1" "$3" "$2.context" && rm -r "$2.context"
}

# engine_build ENGINE NAME DIRECTORY ARGUMENT...: builds the directory's Dockerfile under that name; prints the image's
# id, which is a digest of its content.
engine_build() {
    engine_program=$1 image_name=$2 image_directory=$3
    shift 3
    # The image contains no build time (in Docker's format it would contain a random id). Docker has no such option: its
    # images differ each time.
    [ "$engine_program" = docker ] || set -- --timestamp 0 "$@"
    "$engine_program" build --quiet --iidfile "$image_directory/id" -t "$image_name" "$@" "$image_directory" >&2 &&
        cat "$image_directory/id" && rm "$image_directory/id"
}

# build_images ENGINE WORK PREFIX [BASE]: builds both images, PREFIX/build and PREFIX/worker, from the release binaries.
# Prints the two ids, `build ID` and `worker ID`.
build_images() {
    engine=$1 directory=$2/images prefix=$3 base=${4-}
    mkdir -p "$directory"
    for image in build worker; do
        # shellcheck disable=SC2154  # set by the sourcing script
        mkdir "$directory/$image" && cp "$root/images/$image/Dockerfile" "$directory/$image/" || return 1
    done
    cp "$(release_directory)/doorbell-runner" "$directory/build/" && cp "$(release_directory)/worker" "$directory/worker/" || return 1
    id=$(engine_build "$engine" "$prefix/build" "$directory/build" ${base:+--build-arg "BASE=$base"}) || return 1
    printf 'build %s\n' "$id"
    id=$(engine_build "$engine" "$prefix/worker" "$directory/worker" --build-arg "BUILD_IMAGE=$prefix/build") || return 1
    printf 'worker %s\n' "$id"
    rm -r "$directory"
}
