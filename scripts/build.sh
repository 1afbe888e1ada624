#!/bin/sh
# Builds the shipped binary: scripts/build.sh [x86_64|aarch64]... (default: both) makes target/dist/tinyo-ARCH.
# TINYO_CONFIG=FILE bakes a config in (FILE is read relative to this directory's parent, the package root).
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- x86_64 aarch64
scripts/setup.sh --rust-only "$@"
dist=${DIST:-target/dist}
mkdir -p "$dist"
for arch; do
    target=$arch-unknown-linux-musl
    cargo build --quiet --release --bin tinyo --target "$target" ${TINYO_TARGET_DIR:+--target-dir "$TINYO_TARGET_DIR"}
    # Renamed into place: whoever starts it meanwhile gets the old one or the new one, whole.
    cp "${TINYO_TARGET_DIR:-target}/$target/release/tinyo" "$dist/.tinyo-$arch"
    mv "$dist/.tinyo-$arch" "$dist/tinyo-$arch"
done
