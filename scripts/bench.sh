#!/usr/bin/env bash
# Measures tinyo beside its peers: `scripts/bench.sh init` as PID 1 and `boot` as an initramfs, in QEMU; `run` as a container
# launcher, on this machine. `faster` measures what kernel words and images cost a boot. --help behind either lists its options.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd) # and no cd: a relative PATH in the options is relative to the caller
PATH=$PATH:/usr/sbin:/sbin
case " $* " in *" --help "* | *" -h "* | *" --list "*) ;; *)
    "$here/scripts/setup.sh" x86_64 >&2
    [ -n "${TINYO:-}" ] || "$here/scripts/build.sh" x86_64 >&2
    # As what is shipped: static, without a C compiler. .cargo/config.toml counts where cargo runs.
    (cd "$here" && cargo build -q --release -p tinyo-probe --target x86_64-unknown-linux-musl)
    ;;
esac
exec cargo run -q --release --manifest-path "$here/Cargo.toml" -p tinyo-qemu --bin bench -- "$@"
