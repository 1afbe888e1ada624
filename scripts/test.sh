#!/usr/bin/env bash
# Everything: formatting, lints, layers, unit and property tests, static and size checks, and the end-to-end tests of the
# shipped binary, on this kernel and in QEMU. What a host cannot run is a named skip, and a failure under CI=true.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
export CARGO_TERM_COLOR=never
log=target/test.log summary=() failed=0
mkdir -p target
: >"$log"

# step NAME COMMAND...: runs it, shows what it prints, and remembers how it ended.
step() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    if "$@" 2>&1 | tee -a "$log"; then
        summary+=("ok      $name ($((SECONDS - start)) s)")
    else
        summary+=("FAILED  $name")
        failed=$((failed + 1))
    fi
}

step "set-up" scripts/setup.sh --tests
step "formatting" cargo fmt --all --check
step "lints: library and tests" cargo clippy -q -p tinyo --lib --tests -- -D warnings
step "lints: host tools" cargo clippy -q -p tinyo-qemu -p tinyo-image --all-targets -- -D warnings
step "lints: the benchmarks' probe" cargo clippy -q --release -p tinyo-probe --target x86_64-unknown-linux-musl -- -D warnings
step "lints: the tests' attacker" cargo clippy -q --release -p tinyo-attacker --target x86_64-unknown-linux-musl -- -D warnings
step "layers" scripts/layers.sh
step "shell scripts" bash -c 'for f in scripts/*.sh .ci/run; do bash -n "$f" || exit 1; done'
step "unit and property tests" cargo test -q -p tinyo --lib
step "the image tool" cargo test -q -p tinyo-image
if command -v c++ >/dev/null; then
    step "fuzz targets" cargo check -q --manifest-path fuzz/Cargo.toml --target-dir target/fuzz
else
    step "fuzz targets" bash -c 'echo "skipped: fuzz targets: no C++ compiler for the fuzzer'"'"'s run time"; [ "${CI:-}" != true ]'
fi
step "build" scripts/build.sh
step "build: the tests' attacker" cargo build -q --release -p tinyo-attacker --target x86_64-unknown-linux-musl
step "lints: the binary" cargo clippy -q --release --bin tinyo --target x86_64-unknown-linux-musl -- -D warnings
step "static, within the size budget" scripts/size.sh
step "end to end" cargo test -p tinyo-qemu --no-fail-fast -- --test-threads 2

count() { grep -oE "[0-9]+ $1" "$log" | awk '{n += $1} END {print n + 0}'; }
skips=$(grep -cE '^skipped: ' "$log")
printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
grep -E '^skipped: ' "$log" | sort -u
echo "$(count passed) passed, $(($(count failed) + failed)) failed, $skips skipped"
[ "$failed" = 0 ]
