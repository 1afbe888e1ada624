//! From the kernel's hand-over to a service: early mounts, where the config comes from, and images that lack things.

use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    guest::{Guest, Outcome},
    image,
    kit::Arch,
    suite::{Run, Shared, converse, guest},
};

/// One boot with many things to look at, the same on both architectures.
const BASICS: &str = r#"
hostname = "case"
sysctl = ["kernel.panic=5"]

[[mount]]
source = "none"
target = "/data"
type = "tmpfs"
options = "nosuid,size=1m"

[[mount]]
source = "/dev/not-there"
target = "/not-there"
type = "ext4"
options = "nofail"

[service.first]
exec = ["/bin/sh", "-c", "usleep 300000; touch /run/first-was-here"]
type = "oneshot"

[service.second]
exec = ["/check"]
type = "oneshot"
after = ["first"]
env = ["GREETING=hello"]
on-exit = "poweroff"
"#;

const BASICS_CHECK: &str = r#"
mounted() { grep -q "^[^ ]* $2 $1 " /proc/mounts; }
check in-order test -e /run/first-was-here
for m in "proc /proc" "sysfs /sys" "devtmpfs /dev" "devpts /dev/pts" "tmpfs /dev/shm" "tmpfs /run" "cgroup2 /sys/fs/cgroup"; do
    check "mount-${m#* }" mounted $m
done
check configured-mount grep -q '^none /data tmpfs .*nosuid.*size=1024k' /proc/mounts
check hostname test "$(hostname)" = case
check sysctl test "$(cat /proc/sys/kernel/panic)" = 5
check ctrl-alt-del-is-taken test "$(cat /proc/sys/kernel/ctrl-alt-del)" = 0
check environment test "$(tr '\0' '\n' </proc/$$/environ | sort | cut -d= -f1 | tr '\n' ' ')" = "GREETING HOME PATH TERM "
check pid-1-holds-no-terminal sh -c '! ls -l /proc/1/fd | grep -E "tty|console"'
check pid-1-valid-stdio test "$(readlink /proc/1/fd/0)" = /dev/null
check no-shell-command-from-stray-words test ! -e /stray
check signals-are-unblocked grep -q '^SigBlk:[[:space:]]*0*$' /proc/self/status
check plan sh -c 'tinyo plan /etc/tinyo.toml | grep -q second'
check no-zombies sh -c '! grep -l "^State:.Z" /proc/[0-9]*/status'
say machine $(uname -m)
"#;

fn basics(arch: Arch) -> Run {
    guest(arch, |boot| {
        boot.config(BASICS).script("/check", BASICS_CHECK);
        boot.append("touch /stray STRAY=1").run()
    })
}

static ON_X86: Shared = LazyLock::new(|| basics(Arch::X86_64));
static ON_ARM: Shared = LazyLock::new(|| basics(Arch::Aarch64));

#[test]
fn boots_to_a_service_and_powers_off() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.says("case: machine x86_64").ends(End::PowerOff);
    assert_eq!(guest.qemu, Some(0), "{}", guest.shown());
}

#[test]
fn the_same_boot_on_aarch64() {
    let Some(guest) = ON_ARM.outcome() else {
        return;
    };
    guest.says("case: machine aarch64").held("in-order").held("configured-mount").held("hostname");
    guest.never_says("case: .* failed").ends(End::PowerOff);
}

#[test]
fn two_services_start_in_order() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.held("in-order").ends(End::PowerOff);
    guest.says_in_order(&["tinyo: first: done", "case: in-order held"]);
}

#[test]
fn the_early_mounts_are_there() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    for at in ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/sys/fs/cgroup"] {
        guest.held(&format!("mount-{at}"));
    }
}

#[test]
fn mounts_hostname_and_sysctl_come_from_the_config() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.held("configured-mount").held("hostname").held("sysctl");
}

#[test]
fn a_mount_with_nofail_fails_by_name_and_stops_nothing() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.says("tinyo: .*/dev/not-there.*: no such").held("in-order");
}

#[test]
fn a_service_starts_clean() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.held("environment").held("signals-are-unblocked").held("no-zombies");
}

#[test]
fn pid_1_holds_no_terminal_and_takes_ctrl_alt_del() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.held("pid-1-holds-no-terminal").held("pid-1-valid-stdio").held("ctrl-alt-del-is-taken");
}

#[test]
fn stray_words_of_the_kernel_are_no_command() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.held("no-shell-command-from-stray-words");
}

#[test]
fn tinyo_plan_prints_in_the_guest() {
    let Some(guest) = ON_X86.outcome() else {
        return;
    };
    guest.held("plan");
}

fn at_the_shell(guest: Guest) -> Result<Outcome> {
    converse(guest, |guest| {
        guest.expect("Enter")?;
        guest.send("")?;
        guest.expect(r"# ")?;
        guest.send("echo the-shell-is-$((40 + 2))")?;
        guest.expect("the-shell-is-42")?;
        guest.send("poweroff")
    })
}

#[test]
fn no_config_gives_a_shell_on_the_console() {
    let run = guest(Arch::X86_64, |boot| at_the_shell(boot.start()?));
    let Some(guest) = run.outcome() else { return };
    guest.says("the-shell-is-42").ends(End::PowerOff);
}

/// A config whose one service says `words` and ends the machine.
fn one_service(words: &str) -> String {
    format!(
        r#"
[service.one]
exec = ["/bin/sh", "-c", "echo '{words}'"]
type = "oneshot"
log = "console"
on-exit = "poweroff"
"#
    )
}

#[test]
fn without_dev_console_it_boots_and_speaks() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&one_service("said without a console node"));
        // The kernel's built-in initramfs has a node there already: what is of another kind replaces it.
        boot.archive.link("/dev/console", "/nowhere");
        boot.by_hand().run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("unable to open an initial console");
    guest.says("(?m)^said without a console node").ends(End::PowerOff);
}

#[test]
fn tinyo_config_names_another_file() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&one_service("the wrong config"));
        boot.archive.file("/elsewhere/my.toml", 0o644, one_service("the right config"));
        boot.append("tinyo.config=/elsewhere/my.toml").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("the right config").never_says("the wrong config").ends(End::PowerOff);
}

#[test]
fn a_named_config_that_is_not_there_is_named() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&one_service("the wrong config"));
        boot.append("tinyo.config=/not/there.toml panic=1").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*/not/there.toml.*no such file").never_says("the wrong config").ends(End::Reboot);
}

#[test]
fn a_baked_in_config_needs_no_file_but_init() {
    let run = guest(Arch::X86_64, |boot| {
        let tinyo = baked(boot.kit.arch, BAKED)?;
        boot.archive = Archive::new();
        boot.archive.file("/init", 0o755, fs::read(tinyo)?);
        boot.by_hand().run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says(r"version: tinyo [0-9]+\.[0-9]+").says("tinyo: version: done").ends(End::PowerOff);
}

/// /init is the only program there, so the service is one of tinyo's own words.
const BAKED: &str = r#"
[service.version]
exec = ["/init", "version"]
type = "oneshot"
on-exit = "poweroff"
"#;

/// A tinyo with that config built in, beside the ordinary one: another target directory, so neither rebuilds the other.
fn baked(arch: Arch, config: &str) -> Result<PathBuf> {
    let target = tinyo_qemu::kit::target().join("baked");
    fs::create_dir_all(&target)?;
    let file = target.join("baked.toml");
    if fs::read_to_string(&file).ok().as_deref() != Some(config) {
        fs::write(&file, config)?;
    }
    let triple = format!("{arch}-unknown-linux-musl");
    let built = Command::new("cargo")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "-q", "--release", "--bin", "tinyo", "--target", &triple, "--target-dir"])
        .arg(&target)
        .env("TINYO_CONFIG", file.canonicalize()?)
        .output()
        .context("cargo: run it")?;
    ensure!(built.status.success(), "build with TINYO_CONFIG: {}", String::from_utf8_lossy(&built.stderr));
    Ok(target.join(triple).join("release/tinyo"))
}

#[test]
fn a_directory_of_the_host_boots_as_it_is() {
    let run = guest(Arch::X86_64, |boot| {
        let dir = boot.dir.path().join("rootfs");
        let mut files = image::busybox(&boot.kit)?;
        files.file("/etc/tinyo.toml", 0o644, one_service("from a directory"));
        files.unpack(&dir)?;
        boot.archive = Archive::new();
        boot.archive.tree(&dir, "")?;
        boot.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("(?m)^from a directory").ends(End::PowerOff);
}
