# How the two images are built: images/worker and images/build. To be sourced after common.sh and release.sh, with the
# repository's folder in $root.
# shellcheck shell=sh

# Whose packages the image of builds is made of, where this machine can put it together: git 2.39.
IMAGE_RELEASE=bookworm
IMAGE_PACKAGES=ca-certificates,git,openssh-client
IMAGE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The program that builds images; nothing, and false, where there is none. Those that build the same twice come first.
image_engine() {
    for name in buildah podman docker; do
        have "$name" && printf '%s\n' "$name" && return
    done
    return 1
}

# Docker imports no base as the others do, and takes Debian's published one.
can_make_base() { [ "$1" != docker ] && have mmdebstrap && [ -r "$IMAGE_KEYRING" ]; }

# make_base FILE: Debian with what builds need, as a tar archive. The same packages make the same archive, to the byte.
make_base() {
    sources=$(apt-get indextargets --format "deb [signed-by=$IMAGE_KEYRING] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
        'Created-By: Packages' 'Origin: Debian' 2>/dev/null | grep " ${IMAGE_RELEASE}[ -]" | sort -u) || sources=''
    # Without sources of this machine's own it takes Debian's public ones.
    set -- "$1" ${sources:+-}
    # The mirror is this machine's: the image does not name it.
    # shellcheck disable=SC2016  # mmdebstrap's shell expands it
    printf '%s\n' "$sources" | SOURCE_DATE_EPOCH=1 mmdebstrap --quiet --variant=apt --include="$IMAGE_PACKAGES" \
        --skip=output/dev --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --customize-hook='rm -f "$1/etc/apt/sources.list"' \
        "$IMAGE_RELEASE" "$@"
}

# import_base ENGINE FILE NAME: makes an image of the archive. Once a base is imported, images are built from it by name.
import_base() {
    mkdir "$2.context" && printf 'FROM scratch\nADD base.tar /\n' >"$2.context/Dockerfile" &&
        ln "$2" "$2.context/base.tar" && engine_build "$1" "$3" "$2.context" && rm -r "$2.context"
}

# engine_build ENGINE NAME FOLDER ARGUMENT...: builds the Dockerfile of a folder under that name; prints the image's id,
# which is a digest of all that is in it.
engine_build() {
    engine_program=$1 image_name=$2 image_folder=$3
    shift 3
    # Nothing of the hour it is built at is in the image (in the format of Docker, a random id would be). Docker has no such option: its images differ each time.
    [ "$engine_program" = docker ] || set -- --timestamp 0 "$@"
    "$engine_program" build --quiet --iidfile "$image_folder/id" -t "$image_name" "$@" "$image_folder" >&2 &&
        cat "$image_folder/id" && rm "$image_folder/id"
}

# build_images ENGINE WORK PREFIX [BASE]: builds both, as PREFIX/build and PREFIX/worker, from the binaries of the
# release build. Prints the two ids, `build ID` and `worker ID`.
build_images() {
    engine=$1 folder=$2/images prefix=$3 base=${4-}
    mkdir -p "$folder"
    for image in build worker; do
        # shellcheck disable=SC2154  # set by whoever sources this
        mkdir "$folder/$image" && cp "$root/images/$image/Dockerfile" "$folder/$image/" || return 1
    done
    cp "$(release_folder)/doorbell-runner" "$folder/build/" && cp "$(release_folder)/worker" "$folder/worker/" || return 1
    id=$(engine_build "$engine" "$prefix/build" "$folder/build" ${base:+--build-arg "BASE=$base"}) || return 1
    printf 'build %s\n' "$id"
    id=$(engine_build "$engine" "$prefix/worker" "$folder/worker" --build-arg "BUILD_IMAGE=$prefix/build") || return 1
    printf 'worker %s\n' "$id"
    rm -r "$folder"
}
