# Builds the two images: images/worker and images/build. To be sourced after common.sh and release.sh, with the
# repository's directory in $root.
# shellcheck shell=sh

# The Debian release and packages of the build image, if this machine can make it: git 2.39.
IMAGE_RELEASE=bookworm
IMAGE_PACKAGES=ca-certificates,git,openssh-client
IMAGE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints the program that builds images; fails without one. Programs with reproducible builds come first.
image_engine() {
    for name in buildah podman docker; do
        have "$name" && printf '%s\n' "$name" && return
    done
    return 1
}

# Docker cannot import a base as the others do; it uses Debian's published image.
can_make_base() { [ "$1" != docker ] && have mmdebstrap && [ -r "$IMAGE_KEYRING" ]; }

# make_base FILE: writes Debian with the packages that builds need as a tar archive. The same packages give an identical
# archive.
make_base() {
    sources=$(apt-get indextargets --format "deb [signed-by=$IMAGE_KEYRING] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
        'Created-By: Packages' 'Origin: Debian' 2>/dev/null | grep " ${IMAGE_RELEASE}[ -]" | sort -u) || sources=''
    # Without sources of this machine it uses Debian's public ones.
    set -- "$1" ${sources:+-}
    # The image does not name the mirror, which is this machine's.
    # shellcheck disable=SC2016  # mmdebstrap's shell expands it
    printf '%s\n' "$sources" | SOURCE_DATE_EPOCH=1 mmdebstrap --quiet --variant=apt --include="$IMAGE_PACKAGES" \
        --skip=output/dev --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --customize-hook='rm -f "$1/etc/apt/sources.list"' \
        "$IMAGE_RELEASE" "$@"
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
