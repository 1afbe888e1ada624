//! A stock Debian with systemd, as debootstrap makes it, boots through the image that scripts/mkinitramfs.sh makes of
//! examples/debian.toml: twice from one disk, which is clean each time. So it does where its root lies on something, which
//! systemd comes back to have taken apart.

use std::{fs, path::Path, path::PathBuf, process::Command, sync::LazyLock};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    expect::End,
    guest::Outcome,
    image::{self, tool},
    kit::{Arch, target},
    suite::{Boot, Shared, guest, script},
};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/debian.toml");
const LIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/live.toml");

/// Starts once the machine is up, as everything does that `multi-user.target` wants.
const UNIT: &str = "\
[Unit]
Description=What the test asks
After=multi-user.target

[Service]
ExecStart=/bin/sh /etc/ask

[Install]
WantedBy=multi-user.target
";

/// Of every boot.
const ASK: &str = r#"
export SYSTEMD_PAGER= SYSTEMD_COLORS=0
systemctl is-system-running --wait >/run/state
say state $(cat /run/state)
say failed units: $(systemctl list-units --failed --plain --no-legend)
check multi-user-is-reached systemctl is-active -q multi-user.target
check pid1-is-systemd test "$(readlink /proc/1/exe)" = /usr/lib/systemd/systemd
check systemd-remounted-it systemctl is-active -q systemd-remount-fs.service
check root-is-one-mount test "$(cut -d' ' -f5 /proc/self/mountinfo | grep -c '^/$')" = 1
check initramfs-is-gone test ! -e /etc/tinyo.toml
check one-run test "$(grep -c ' /run ' /proc/mounts)" = 1
check run-is-as-systemd-asks grep -q '^tmpfs /run tmpfs rw,nosuid,nodev,mode=755' /proc/mounts
check dev-is-devtmpfs grep -q '^[^ ]* /dev devtmpfs' /proc/mounts
check dev-pts-works test -c /dev/pts/ptmx
check dev-shm-works touch /dev/shm/x
check sys-is-sysfs grep -q '^[^ ]* /sys sysfs' /proc/mounts
check cgroup2-is-systemds test -d /sys/fs/cgroup/system.slice
check proc-is-proc test -e /proc/1/stat
check udev-runs systemctl is-active -q systemd-udevd.service
check dbus-runs systemctl start dbus.socket
check journal-has-the-boot sh -c "journalctl -b -t tinyo -o cat | grep 'root: handing over'"
check analyze-works sh -c "systemd-analyze time >/run/analyze"
say $(head -n 1 /run/analyze)
check the-initrd-has-its-time grep -q '(kernel) + [0-9.]*m*s (initrd) + ' /run/analyze
check no-file-of-it-stays sh -c '! ls -l /proc/1/fd | grep -q memfd:tinyo'
echo boot >>/var/lib/boots
boots=$(grep -c boot /var/lib/boots)
say boots $boots
"#;

const PLAIN: &str = r#"
check root-is-the-disk grep -q '^/dev/vda / ext4 rw,.*errors=remount-ro' /proc/mounts
check found-by-its-uuid test "$(readlink -f /dev/disk/by-uuid/$(sed -n 's/^UUID=\([^ ]*\) .*/\1/p' /etc/fstab))" = /dev/vda
check no-service-of-tinyo test ! -e /run/tinyo
check no-way-back test ! -e /run/initramfs
systemctl poweroff
"#;

/// What holds the root to the last: a daemon of its storage, by its name (systemd's ROOT_STORAGE_DAEMONS), which systemd leaves
/// to who it gives the machine back to.
const HELD: &str = r#"
check the-way-back-is-there test -x /run/initramfs/shutdown
systemd-run -q -p KillMode=none perl -e 'open STDOUT, ">/var/held"; exec { "/bin/sleep" } "\@storage", "100000"'
until grep -q '[@]storage' /proc/[0-9]*/cmdline; do sleep 0.2; done
"#;

const LAYERS: &str = r#"
check root-is-the-overlay grep -q '^overlay / overlay rw,' /proc/mounts
check lower-is-the-image grep -q '^/dev/loop0 /run/initramfs/root/lower ext4 ro,' /proc/mounts
check upper-is-the-disk grep -q '^/dev/vdb /run/initramfs/root/upper ext4 rw,' /proc/mounts
[ $boots = 2 ] || systemctl reboot --reboot-argument="2 slots"
[ $boots = 1 ] || systemctl poweroff
"#;

const IMAGE_AND_USR: &str = r#"
check root-is-the-image grep -q '^/dev/loop0 / ext4 rw,.*errors=remount-ro' /proc/mounts
check source-is-written-to grep -q '^/dev/vda /run/initramfs/root/source ext4 rw,' /proc/mounts
check usr-is-its-own grep -q '^/dev/vdb1 /usr ext4 rw,' /proc/mounts
echo kept >/usr/note
systemctl poweroff
"#;

/// What people have in it.
const FSTAB: &str = "\
# /etc/fstab
LABEL=debian\t/\text4\terrors=remount-ro,x-systemd.growfs 0 1
LABEL=none /srv auto noauto,nofail,x-systemd.idle-timeout=60,x-systemd.device-timeout=1s 0 0
tmpfs /tmp tmpfs nosuid,nodev,size=64M,x-systemd.before=local-fs.target 0 0

PARTUUID=5ca1ab1e-0000-4000-8000-0000000000c1 /usr ext4 defaults,x-initrd.mount,x-systemd.device-timeout=5min 0 2
";

/// The image that setup.sh made, with our unit in it, and what else debugfs is asked for: it needs no root, and leaves every
/// other file's owner alone.
fn disk(path: &Path, ask: &str, requests: &str) -> Result<()> {
    let made = target().join("vm/x86_64/debian.ext4");
    // cp(1) keeps it sparse.
    let copied = Command::new("cp").arg("--sparse=always").args([&made, path]).status()?;
    ensure!(copied.success(), "{}: copy it (scripts/setup.sh --tests makes it, as root)", made.display());
    let files = tempfile::tempdir()?;
    fs::write(files.path().join("unit"), UNIT)?;
    fs::write(files.path().join("ask"), script(&format!("{ASK}{ask}")))?;
    fs::write(files.path().join("fstab"), FSTAB)?;
    let place = files.path().display();
    let requests = format!(
        "write {place}/ask /etc/ask\nwrite {place}/unit /etc/systemd/system/ask.service\n\
         symlink /etc/systemd/system/multi-user.target.wants/ask.service /etc/systemd/system/ask.service\n{}",
        requests.replace("PLACE", &place.to_string())
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

/// One more boot, to the end that it comes to by itself, and what is on these disks then.
fn once_more(boot: &Boot, before: &str, disks: &[&Path]) -> Result<Outcome> {
    let mut outcome = boot.run()?;
    outcome.transcript = format!("{before}{}", outcome.shown());
    for disk in disks {
        outcome.transcript += &format!("examined {}\n{}", disk.display(), examine(disk)?);
    }
    Ok(outcome)
}

/// With the initramfs that the tool makes of `config`.
fn machine(boot: &mut Boot, config: &Path, disk: &Path) -> Result<()> {
    let initramfs = boot.dir.path().join("debian.img");
    image::initramfs(&boot.kit, &initramfs, config, &["--compress", "zstd"])?;
    boot.image(disk.to_owned())?.initramfs(initramfs);
    boot.megabytes(512).patience(240);
    Ok(())
}

/// /dev/vdb.
fn second(boot: &mut Boot, path: &Path) {
    let drive = format!("file={},if=none,format=raw,id=second,cache=unsafe", path.display());
    boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=second"]);
}

static TWICE: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        let path = boot.dir.path().join("debian.ext4");
        disk(&path, PLAIN, "")?;
        machine(boot, Path::new(CONFIG), &path)?;
        let first = once_more(boot, "", &[&path])?;
        ensure!(first.end == End::PowerOff, "ended {:?}\n{}", first.end, first.transcript);
        once_more(boot, &format!("{}== second boot\n", first.transcript), &[&path])
    })
});

/// The disk LABEL=live with a Debian in a file.
fn live(boot: &Boot, ask: &str, requests: &str) -> Result<PathBuf> {
    let stage = boot.dir.path().join("stage");
    fs::create_dir_all(stage.join("live"))?;
    disk(&stage.join("live/debian.ext4"), ask, requests)?;
    let path = boot.dir.path().join("live.img");
    fs::File::create(&path)?.set_len(800 << 20)?;
    let options = ["-q", "-F", "-L", "live", "-E", "root_owner=0:0", "-d"].map(AsRef::as_ref);
    tool("mkfs.ext4", options.into_iter().chain([stage.as_os_str(), path.as_os_str()]), "")?;
    fs::remove_dir_all(stage)?;
    Ok(path)
}

/// As examples/live.toml has it: an image on one disk, under an overlay on another.
static LAYERED: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        let disk = live(boot, &format!("{HELD}{LAYERS}"), "")?;
        let state = boot.dir.path().join("state.img");
        image::ext4(&Default::default(), &state, 64, "state")?;
        machine(boot, Path::new(LIVE), &disk)?;
        second(boot, &state);
        let first = once_more(boot, "", &[&disk, &state])?;
        ensure!(first.end == End::Reboot, "ended {:?}\n{}", first.end, first.transcript);
        once_more(boot, &format!("{}== second boot\n", first.transcript), &[&disk, &state])
    })
});

/// An image that is written to, and a /usr of its own.
static SPREAD: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        // /usr goes out of the way without being touched: it is called otherwise.
        let requests = "rm /etc/fstab\nwrite PLACE/fstab /etc/fstab\nln /usr /away\nunlink /usr\nmkdir /usr\n";
        let disk = live(boot, &format!("{HELD}{IMAGE_AND_USR}"), requests)?;
        let usr = boot.dir.path().join("usr.img");
        usr_disk(&usr)?;
        let config = boot.dir.path().join("spread.toml");
        let live = fs::read_to_string(LIVE)?
            .lines()
            .filter(|line| !line.starts_with("overlay"))
            .collect::<Vec<_>>()
            .join("\n");
        fs::write(&config, live)?;
        machine(boot, &config, &disk)?;
        second(boot, &usr);
        once_more(boot, "", &[&disk, &usr.with_file_name("usr.img?offset=1048576")])
    })
});

/// A disk with /usr on its first partition.
fn usr_disk(path: &Path) -> Result<()> {
    let stage = tempfile::tempdir()?;
    let made = target().join("vm/x86_64/debian.ext4");
    let request = format!("rdump /usr {}", stage.path().display());
    tool("debugfs", ["-R".as_ref(), request.as_ref(), made.as_os_str()], "")?;
    fs::File::create(path)?.set_len(520 << 20)?;
    let usr = stage.path().join("usr");
    let options = ["-q", "-F", "-E", "offset=1048576,root_owner=0:0", "-d"].map(AsRef::as_ref);
    tool("mkfs.ext4", options.into_iter().chain([usr.as_os_str(), path.as_os_str(), "512M".as_ref()]), "")?;
    let table = "label: gpt\nstart=2048, size=1048576, uuid=5ca1ab1e-0000-4000-8000-0000000000c1\n";
    tool("sfdisk", ["-q".as_ref(), path.as_os_str()], table)
}

/// Each half of two boots.
#[track_caller]
fn both(guest: &Shared, look: impl Fn(&str)) {
    let Some(guest) = guest.outcome() else { return };
    let (first, second) = guest.transcript.split_once("== second boot\n").expect("two boots");
    look(first);
    look(second);
}

#[track_caller]
fn says(boot: &str, words: &str) {
    assert!(boot.contains(words), "not said: {words}\n{boot}");
}

#[track_caller]
fn is_up(boot: &str) {
    says(boot, "tinyo: root: handing over to /sbin/init");
    says(boot, "case: state running");
    says(boot, "case: failed units:\n");
    for name in ["multi-user-is-reached", "pid1-is-systemd", "the-initrd-has-its-time", "no-file-of-it-stays"] {
        says(boot, &format!("case: {name} held"));
    }
    let failed: Vec<_> = boot.lines().filter(|line| line.contains("case: ") && line.ends_with(" failed")).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{boot}");
}

/// As many disks as were looked at, each of them clean, and tinyo has nothing to say of it.
#[track_caller]
fn is_clean(boot: &str, disks: usize) {
    assert!(!boot.contains("tinyo: poweroff: ") && !boot.contains("tinyo: reboot: "), "{boot}");
    assert_eq!(boot.matches("e2fsck: exit status: 0").count(), disks, "{boot}");
    assert!(!boot.contains("needs_recovery"), "{boot}");
    let clean = boot.lines().filter(|line| line.starts_with("Filesystem state:") && line.ends_with(" clean"));
    assert_eq!(clean.count(), disks, "{boot}");
    assert!(!boot.contains("recovery complete") && !boot.contains("recovering journal"), "{boot}");
}

#[test]
fn reaches_multi_user_with_no_unit_failed() {
    both(&TWICE, is_up);
}

#[test]
fn systemd_remounts_the_root() {
    both(&TWICE, |boot| {
        says(boot, "case: root-is-the-disk held");
        says(boot, "case: systemd-remounted-it held");
        says(boot, "case: found-by-its-uuid held");
    });
}

#[test]
fn the_early_mounts_are_where_systemd_wants_them() {
    both(&TWICE, |boot| {
        for name in
            ["one-run", "dev-is-devtmpfs", "dev-pts-works", "sys-is-sysfs", "cgroup2-is-systemds", "proc-is-proc"]
        {
            says(boot, &format!("case: {name} held"));
        }
    });
}

#[test]
fn powers_off_with_a_clean_disk_twice() {
    both(&TWICE, |boot| {
        says(boot, "reboot: Power down");
        is_clean(boot, 1);
    });
    let Some(guest) = TWICE.outcome() else { return };
    guest.says("case: boots 1").says("case: boots 2");
}

#[test]
fn an_overlay_over_an_image_is_taken_apart_and_keeps_what_was_written() {
    both(&LAYERED, |boot| {
        is_up(boot);
        for name in ["root-is-the-overlay", "lower-is-the-image", "upper-is-the-disk", "the-way-back-is-there"] {
            says(boot, &format!("case: {name} held"));
        }
        is_clean(boot, 2);
    });
    let Some(guest) = LAYERED.outcome() else { return };
    guest.says("reboot: Restarting system with command '2 slots'");
    guest.says("case: boots 1").says("case: boots 2").ends(End::PowerOff);
}

#[test]
fn an_image_that_is_written_to_and_a_usr_are_taken_apart() {
    let Some(guest) = SPREAD.outcome() else { return };
    is_up(&guest.transcript);
    guest.held("root-is-the-image").held("source-is-written-to").held("usr-is-its-own").held("the-way-back-is-there");
    is_clean(&guest.transcript, 2);
    guest.ends(End::PowerOff);
}
