#!/usr/bin/env bash
# From a fresh machine to a shell in a guest that tinyo booted: set-up, build, image, boot. `--help` lists the options.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd) # and no cd: a relative FILE in the options is relative to the caller
PATH=$PATH:/usr/sbin:/sbin
case " $* " in *" --arch aarch64 "* | *" --arch=aarch64 "*) arch=aarch64 ;; *) arch=x86_64 ;; esac
case " $* " in *" --help "* | *" -h "*) ;; *)
    "$here/scripts/setup.sh" "$arch" >&2
    [ -n "${TINYO:-}" ] || "$here/scripts/build.sh" "$arch" >&2
    ;;
esac
exec cargo run -q --manifest-path "$here/Cargo.toml" -p tinyo-qemu --bin run-qemu -- "$@"
