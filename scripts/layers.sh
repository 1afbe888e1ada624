#!/bin/sh
# Modules use only what stands before them in src/lib.rs, and pure code sees no system call: only these values of `sys`.
set -eu
cd "$(dirname "$0")/.."
pure='src/text src/probe src/config src/limits.rs src/request.rs src/wire.rs src/plan/step.rs src/plan/hint.rs src/plan/build.rs src/plan/machine.rs src/plan/limit.rs src/plan/wall.rs
src/supervise/service.rs src/supervise/order.rs src/supervise/ring.rs src/container/queue.rs src/container/idmap.rs src/role/choose.rs
src/role/tini.rs src/role/options.rs'
values='sys::process::Exit|sys::signal::(LAST|realtime)|sys::signal;'
order=$(sed -n 's/^pub mod \([a-z]*\);/\1/p' src/lib.rs)
failed=0
rank() { echo "$order" | grep -nx "$1" | cut -d: -f1; }
for file in $(git ls-files 'src/*.rs'); do
    own=$(echo "$file" | cut -d/ -f2 | sed 's/\.rs$//')
    case $own in lib | main) continue ;; esac
    for used in $(grep -o 'crate::[a-z]*' "$file" | sort -u | sed 's/crate:://'); do
        case $used in say | put | "$own") continue ;; esac
        if [ -z "$(rank "$used")" ] || [ "$(rank "$used")" -ge "$(rank "$own")" ]; then
            echo "layers: $file uses crate::$used, which does not stand before $own in src/lib.rs" >&2
            failed=1
        fi
    done
done
for file in $(git ls-files $pure); do
    # Tests may use what they like.
    if sed '/#\[cfg(test)\]/,$d' "$file" | grep -nE 'crate::sys' | grep -vE "$values"; then
        echo "layers: $file is pure and uses the above" >&2
        failed=1
    fi
done
# `unsafe` has one home, and the entry point.
if git grep -nE '\bunsafe\b' -- 'src/*.rs' ':!src/sys' ':!src/main.rs' | grep -v 'unsafe_code'; then
    echo "layers: unsafe outside src/sys and src/main.rs" >&2
    failed=1
fi
for file in $(git ls-files '*.rs'); do
    [ "$(wc -l <"$file")" -le 400 ] || { echo "layers: $file: over 400 lines; split it by idea" >&2; failed=1; }
done
[ $failed = 0 ] && echo "layers: held"
exit $failed
