# Installs the peers of bin/bench --peers under .tools/peers, unless they are up to date. To be sourced, with the
# repository's directory in $root, after common.sh and python.sh.
# shellcheck shell=sh disable=SC2154 # root

# Prints the Python with boto3 and aiobotocore.
peers_python() (
    requirements=$root/bench/peers/python/requirements.txt
    target=$root/.tools/peers/python
    stamp=$(cksum <"$requirements")
    if ! is_current "$target" "$stamp"; then
        say 'installing the Python peers of bench/peers (about 10 s)'
        base=$(find_python) || exit 1
        rm -rf "$target"
        mkdir -p "$target"
        create_environment "$base" "$target"
        install_requirements "$target" "$requirements"
        printf '%s\n' "$stamp" >"$target/stamp"
    fi
    printf '%s\n' "$target/bin/python"
)

# Prints the directory with sqs-consumer and the peer that uses it: Node finds modules beside what imports them.
peers_node() (
    source=$root/bench/peers/node
    target=$root/.tools/peers/node
    stamp=$(cksum <"$source/package-lock.json")
    if [ "$(cat "$target/stamp" 2>/dev/null)" != "$stamp" ]; then
        say 'installing the Node peer of bench/peers (about 10 s)'
        rm -rf "$target"
        mkdir -p "$target"
        cp "$source/package.json" "$source/package-lock.json" "$target"
        (cd "$target" && npm ci --ignore-scripts --no-audit --no-fund >&2) || exit 1
        printf '%s\n' "$stamp" >"$target/stamp"
    fi
    cp "$source/consumer.mjs" "$target"
    printf '%s\n' "$target"
)

# bench_peers ARGUMENT...: builds the candidates and the endpoint, and runs the comparison.
bench_peers() {
    for program in node npm; do have $program || { say "$program is not on the PATH"; exit 3; }; done
    DOORBELL_PEERS_PYTHON=$(peers_python) || exit 3
    DOORBELL_PEERS_NODE=$(peers_node) || exit 3
    DOORBELL_PEERS_DIR=$root/bench/peers
    DOORBELL_BIN_DIR=$(release_directory)
    export DOORBELL_PEERS_PYTHON DOORBELL_PEERS_NODE DOORBELL_PEERS_DIR DOORBELL_BIN_DIR
    release_build >&2
    # The endpoint is built as the candidates are: it must not be what is measured.
    CARGO_ENCODED_RUSTFLAGS="$(release_flags)" cargo build --release --locked --target "$(release_target)" \
        -p doorbell-sandbox -p doorbell-bench-sdk-loop >&2
    exec "$DOORBELL_BIN_DIR/doorbell-sandbox" bench-peers "$@"
}
