//! Limits of `tinyo run`, as far as this kernel has a cgroup v2; `qemu/tests/limits.rs` has those of memory, CPUs and processes.

use crate::house::{Ended, House, OWN_CGROUP, ended};

/// `script` alone in a cgroup of its own, `$own`, as systemd-run has it: in a mount namespace with cgroup2 in its place. None: a
/// kernel without.
fn delegated(house: &House, script: &str) -> Option<Ended> {
    let around = format!(
        "$busybox mount -t cgroup2 none /sys/fs/cgroup || exit 99
         export own=/sys/fs/cgroup/{OWN_CGROUP}-$$; mkdir $own || exit 99
         $busybox sh -c \"echo 0 >$own/cgroup.procs; $script\"; status=$?
         for left in $(find $own -depth -type d); do
             [ $left = $own/tinyo-run ] || [ $left = $own ] || echo left $left; rmdir $left
         done; exit $status"
    );
    let mut command = house.host("exec /usr/bin/unshare -m $busybox sh -c \"$around\"");
    command.env("around", around).env("script", script);
    let said = house.clean(|| ended(command));
    (said.code != 99).then_some(said)
}

#[test]
fn a_limit_without_its_controller_is_named() {
    let Some(house) = House::build() else { return };
    for (options, shown, controller) in [
        (&["-m", "64m"][..], "memory 64M", "memory"),
        (&["--cpus=0.5"], "cpus 0.5", "cpu"),
        (&["--pids-limit", "5"], "pids-limit 5", "pids"),
        (&["--cgroup=turbo.max=1"], "cgroup turbo.max=1", "turbo"),
    ] {
        let said = house.run(options, &["/bin/true"]);
        let line = format!(
            "tinyo: run: {shown}: no {controller} controller in /sys/fs/cgroup; is it on cgroup v1, or cgroup_disable={controller}?\n"
        );
        // Elsewhere it may be there.
        assert!(said.code == 0 && controller != "turbo" || (said.code, &said.err) == (125, &line), "{said:?}");
    }
}

#[test]
fn its_cgroup_is_all_that_it_sees_and_is_gone_afterwards() {
    let Some(house) = House::build() else { return };
    let inside = "cat /proc/self/cgroup | grep 0::; cd /sys/fs/cgroup; cat cgroup.max.depth; echo 1 2>/dev/null >cgroup.max.depth || echo read-only";
    let script = format!("exec $tinyo run --cgroup cgroup.max.depth=3 $root /bin/sh -c \"{inside}\"");
    let Some(said) = delegated(&house, &script) else { return };
    said.says("0::/\n3\nread-only\n");
    // A launch that fails leaves none either, nor one with a limit that cannot be.
    let Some(said) = delegated(&house, "exec $tinyo run --cgroup cgroup.max.depth=3 $root /not/there") else { return };
    assert_eq!((said.code, said.out.as_str()), (127, ""), "{said:?}");
    let Some(said) = delegated(&house, "exec $tinyo run --cgroup cgroup.max.depth=x $root /bin/true") else { return };
    said.fails(125, "run: cgroup cgroup.max.depth=x: invalid argument; does its file take that?");
}

/// What a launcher that was killed has left, the next one takes away; not what is in use, nor what is not ours.
#[test]
fn a_stale_one_is_swept() {
    let Some(house) = House::build() else { return };
    std::fs::create_dir(house.root().join("own")).unwrap();
    let Some(said) = delegated(
        &house,
        "cd $own; mkdir tinyo-run-999999999 tinyo-run-1 tinyo-run-x other; exec $tinyo run -v $own:/own --cgroup cgroup.max.depth=3 $root /bin/ls /own",
    ) else {
        return;
    };
    let there = |name: &str| said.out.lines().any(|line| line == name);
    assert!(
        there("tinyo-run-1") && there("tinyo-run-x") && there("other") && !there("tinyo-run-999999999"),
        "{said:?}"
    );
}
