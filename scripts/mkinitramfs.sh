#!/bin/sh
# Makes an initramfs that tinyo boots; `--help` lists the options. Needs no root. --arch x86_64|aarch64 [default: this
# machine's]: whose tinyo is /init; it is built when it is missing. TINYO= names another binary.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd) # and no cd: a relative FILE in the options is relative to the caller
arch=$(uname -m)
[ "$arch" != arm64 ] || arch=aarch64
count=$#
while [ "$count" -gt 0 ]; do # takes --arch out of the words, and leaves the others as they are
    count=$((count - 1))
    word=$1
    shift
    case $word in
    --arch=*) arch=${word#--arch=} ;;
    --arch)
        [ "$count" -gt 0 ] || { echo "mkinitramfs: --arch: write --arch x86_64 or --arch aarch64" >&2; exit 100; }
        arch=$1 count=$((count - 1))
        shift
        ;;
    *) set -- "$@" "$word" ;;
    esac
done
case $arch in x86_64 | aarch64) ;; *) echo "mkinitramfs: $arch: not an architecture of ours; write --arch x86_64 or aarch64" >&2; exit 100 ;; esac
tinyo=${TINYO:-$here/target/dist/tinyo-$arch}
case " $* " in *" --help "* | *" -h "*) ;; *)
    [ -n "${TINYO:-}" ] || [ -e "$tinyo" ] || "$here/scripts/build.sh" "$arch" >&2
    ;;
esac
exec cargo run -q --manifest-path "$here/Cargo.toml" -p tinyo-image --bin mkinitramfs -- --tinyo "$tinyo" "$@"
