//! A stock Debian with systemd, as debootstrap makes it, boots through the image that scripts/mkinitramfs.sh makes of
//! examples/debian.toml: twice from one disk, which is clean each time.

use std::{fs, path::Path, process::Command, sync::LazyLock};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    expect::End,
    image::{self, tool},
    kit::{Arch, target},
    suite::{Boot, Shared, guest, script},
};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/debian.toml");

/// Starts once the machine is up, as everything does that `multi-user.target` wants.
const UNIT: &str = "\
[Unit]
Description=What the test asks
After=multi-user.target

[Service]
ExecStart=/bin/sh /usr/local/sbin/ask

[Install]
WantedBy=multi-user.target
";

const ASK: &str = r#"
export SYSTEMD_PAGER= SYSTEMD_COLORS=0
systemctl is-system-running --wait >/run/state
say state $(cat /run/state)
say failed units: $(systemctl list-units --failed --plain --no-legend)
check multi-user-is-reached systemctl is-active -q multi-user.target
check pid1-is-systemd test "$(readlink /proc/1/exe)" = /usr/lib/systemd/systemd
check root-is-the-disk grep -q '^/dev/vda / ext4 rw,.*errors=remount-ro' /proc/mounts
check systemd-remounted-it systemctl is-active -q systemd-remount-fs.service
check found-by-its-uuid test "$(readlink -f /dev/disk/by-uuid/$(sed -n 's/^UUID=\([^ ]*\) .*/\1/p' /etc/fstab))" = /dev/vda
check root-is-one-mount test "$(cut -d' ' -f5 /proc/self/mountinfo | grep -c '^/$')" = 1
check initramfs-is-gone test ! -e /etc/tinyo.toml
check one-run test "$(grep -c ' /run ' /proc/mounts)" = 1
check dev-is-devtmpfs grep -q '^[^ ]* /dev devtmpfs' /proc/mounts
check dev-pts-works test -c /dev/pts/ptmx
check dev-shm-works touch /dev/shm/x
check sys-is-sysfs grep -q '^[^ ]* /sys sysfs' /proc/mounts
check cgroup2-is-systemds test -d /sys/fs/cgroup/system.slice
check proc-is-proc test -e /proc/1/stat
check udev-runs systemctl is-active -q systemd-udevd.service
check dbus-runs systemctl start dbus.socket
check journal-has-the-boot sh -c "journalctl -b -t tinyo -o cat | grep 'root: handing over'"
check no-service-of-tinyo test ! -e /run/tinyo
check analyze-works sh -c "systemd-analyze time >/run/analyze"
say $(head -n 1 /run/analyze)
check the-initrd-has-its-time grep -q '(kernel) + [0-9.]*m*s (initrd) + ' /run/analyze
check no-file-of-it-stays sh -c '! ls -l /proc/1/fd | grep -q memfd:tinyo'
echo boot >>/var/lib/boots
say boots $(grep -c boot /var/lib/boots)
systemctl poweroff
"#;

/// The image that setup.sh made, with our unit in it: debugfs needs no root, and leaves every other file's owner alone.
fn disk(path: &Path) -> Result<()> {
    let made = target().join("vm/x86_64/debian.ext4");
    // cp(1) keeps it sparse.
    let copied = Command::new("cp").arg("--sparse=always").args([&made, path]).status()?;
    ensure!(copied.success(), "{}: copy it (scripts/setup.sh --tests makes it, as root)", made.display());
    let files = tempfile::tempdir()?;
    fs::write(files.path().join("unit"), UNIT)?;
    fs::write(files.path().join("ask"), script(ASK))?;
    let [ask, unit] = ["ask", "unit"].map(|name| files.path().join(name).display().to_string());
    let requests = format!(
        "write {ask} /usr/local/sbin/ask\nwrite {unit} /etc/systemd/system/ask.service\n\
         symlink /etc/systemd/system/multi-user.target.wants/ask.service /etc/systemd/system/ask.service\n"
    );
    tool("debugfs", ["-w".as_ref(), "-f".as_ref(), "-".as_ref(), path.as_os_str()], &requests)
}

/// What e2fsck says of the disk without touching it, and its state as the superblock has it.
fn examine(path: &Path) -> Result<String> {
    let mut found = String::new();
    for (program, options) in [("e2fsck", "-fn"), ("dumpe2fs", "-h")] {
        let said = Command::new(format!("/usr/sbin/{program}")).arg(options).arg(path).output();
        let said = said.with_context(|| format!("{program}, of e2fsprogs: run it"))?;
        found += &String::from_utf8_lossy(&said.stdout);
        found += &format!("{program}: {}\n", said.status);
    }
    Ok(found)
}

fn boot_once(boot: &Boot, path: &Path) -> Result<String> {
    let outcome = boot.run()?;
    let shown = outcome.shown().to_owned();
    ensure!(outcome.end == End::PowerOff, "ended {:?}\n{shown}", outcome.end);
    Ok(shown + &examine(path)?)
}

static TWICE: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        let path = boot.dir.path().join("debian.ext4");
        disk(&path)?;
        let initramfs = boot.dir.path().join("debian.img");
        image::initramfs(&boot.kit, &initramfs, Path::new(CONFIG), &["--compress", "zstd"])?;
        boot.image(path.clone())?.initramfs(initramfs);
        boot.megabytes(512).patience(240);
        let first = boot_once(boot, &path)?;
        let mut second = boot.run()?;
        second.transcript = format!("{first}== second boot\n{}{}", second.shown(), examine(&path)?);
        Ok(second)
    })
});

/// One half of the two boots.
#[track_caller]
fn both(look: impl Fn(&str)) {
    let Some(guest) = TWICE.outcome() else { return };
    let (first, second) = guest.transcript.split_once("== second boot\n").expect("two boots");
    look(first);
    look(second);
}

#[track_caller]
fn says(boot: &str, words: &str) {
    assert!(boot.contains(words), "not said: {words}\n{boot}");
}

#[test]
fn reaches_multi_user_with_no_unit_failed() {
    both(|boot| {
        says(boot, "tinyo: root: handing over to /sbin/init");
        says(boot, "case: state running");
        says(boot, "case: failed units:\n");
        says(boot, "case: multi-user-is-reached held");
        says(boot, "case: pid1-is-systemd held");
        says(boot, "case: the-initrd-has-its-time held");
        says(boot, "case: no-file-of-it-stays held");
    });
}

#[test]
fn nothing_that_was_asked_failed() {
    both(|boot| {
        let failed: Vec<_> = boot.lines().filter(|line| line.contains("case: ") && line.ends_with(" failed")).collect();
        assert!(failed.is_empty(), "{failed:#?}\n{boot}");
    });
}

#[test]
fn systemd_remounts_the_root() {
    both(|boot| {
        says(boot, "case: root-is-the-disk held");
        says(boot, "case: systemd-remounted-it held");
        says(boot, "case: found-by-its-uuid held");
    });
}

#[test]
fn the_early_mounts_are_where_systemd_wants_them() {
    both(|boot| {
        for name in
            ["one-run", "dev-is-devtmpfs", "dev-pts-works", "sys-is-sysfs", "cgroup2-is-systemds", "proc-is-proc"]
        {
            says(boot, &format!("case: {name} held"));
        }
    });
}

#[test]
fn powers_off_with_a_clean_disk_twice() {
    both(|boot| {
        says(boot, "reboot: Power down");
        says(boot, "e2fsck: exit status: 0");
        assert!(!boot.contains("needs_recovery"), "{boot}");
        assert!(boot.lines().any(|line| line.starts_with("Filesystem state:") && line.ends_with(" clean")), "{boot}");
        assert!(!boot.contains("recovery complete") && !boot.contains("recovering journal"), "{boot}");
    });
    let Some(guest) = TWICE.outcome() else { return };
    guest.says("case: boots 1").says("case: boots 2");
}
