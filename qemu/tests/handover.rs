//! Finding the real root and handing over to its init, and what happens when there is none.

use std::{process::Command, sync::LazyLock};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image,
    kit::{Arch, Kit},
    suite::{Shared, guest, script},
};

/// virtio is in modules, as it is in a distribution's kernel.
const MODULES: &str = "modules = [\"virtio_pci\", \"virtio_blk\"]\n";

/// Run by busybox's own init on the disk.
const ON_DISK: &str = r#"
mounted() { grep -q "^[^ ]* $2 $1 " /proc/mounts; }
check root-is-the-disk grep -q '^/dev/vda / ext4' /proc/mounts
for m in "proc /proc" "sysfs /sys" "devtmpfs /dev" "tmpfs /run"; do check "moved-${m#* }" mounted $m; done
check init-is-busybox test "$(readlink /proc/1/exe)" = /bin/busybox
check initramfs-is-gone test ! -e /only-in-the-initramfs
check root-is-one-mount test $(cut -d' ' -f5 /proc/self/mountinfo | grep -c '^/$') = 1
check memory-is-given-back test "$(grep -c rootfs /proc/mounts)" -le 1
say options $(sed -n 's/^.dev.vda . ext4 //p' /proc/mounts)
touch /written-before-the-end
poweroff
"#;

/// As a new init finds its process: busybox's own changes most of that at once.
const MY_INIT: &str = r#"
say my-init held $0 $*
check ctrl-alt-del-is-given-back test "$(cat /proc/sys/kernel/ctrl-alt-del)" = 1
check signals-are-unblocked grep -q '^SigBlk:[[:space:]]*0*$' /proc/1/status
# The shell itself ignores QUIT, and holds its script as 10.
check signals-are-default grep -q '^SigIgn:[[:space:]]*0*4$' /proc/1/status
more=; for f in /proc/1/fd/*; do case $f in */[0-2]|*/10) ;; *) [ ! -e $f ] || more="$more $f" ;; esac; done
check only-standard-files test -z "$more"
check the-console-is-back sh -c 'readlink /proc/1/fd/1 | grep -q /dev/console'
check environment test "$STRAY" = 1
mount -o remount,ro /
poweroff -f
"#;

fn busybox_disk(kit: &Kit) -> Result<Archive> {
    let mut disk = image::busybox_root(kit)?;
    disk.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n::shutdown:/bin/umount -a -r\n");
    disk.file("/etc/rc", 0o755, script(ON_DISK));
    Ok(disk)
}

static HANDED_OVER: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        boot.config(MODULES).disk(&disk)?;
        boot.archive.file("/only-in-the-initramfs", 0o644, "x");
        boot.append("root=/dev/vda rootfstype=ext4 rw").run()
    })
});

#[test]
fn hands_over_to_a_busybox_root_on_an_ext4_disk() {
    let Some(guest) = HANDED_OVER.outcome() else {
        return;
    };
    guest.held("root-is-the-disk").held("init-is-busybox").held("root-is-one-mount").ends(End::PowerOff);
}

#[test]
fn dev_proc_sys_and_run_move_on() {
    let Some(guest) = HANDED_OVER.outcome() else {
        return;
    };
    guest.held("moved-/proc").held("moved-/sys").held("moved-/dev").held("moved-/run").ends(End::PowerOff);
}

#[test]
fn the_initramfs_is_left_behind() {
    let Some(guest) = HANDED_OVER.outcome() else { return };
    guest.held("initramfs-is-gone").held("memory-is-given-back").ends(End::PowerOff);
}

/// A root that is read-only and has no place for the early mounts: the init gets along without, and the one devtmpfs that there
/// is was not emptied with the initramfs that it stayed in.
#[test]
fn a_root_without_their_places_goes_without_and_nothing_of_theirs_is_removed() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = Archive::new();
        disk.dir("/bin", 0o755).dir("/mnt", 0o755).file("/bin/busybox", 0o755, std::fs::read(&boot.kit.busybox)?);
        let say = "#!/bin/busybox sh\n/bin/busybox mount -t devtmpfs none /mnt\n\
                   [ -b /mnt/vda -a -c /mnt/null ] && echo '<3>case: nodes held' >/mnt/kmsg\n/bin/busybox poweroff -f\n";
        disk.file("/init", 0o755, say);
        boot.config(MODULES).disk(&disk)?.append("root=/dev/vda init=/init").run()
    });
    let Some(guest) = run.outcome() else { return };
    for path in ["/dev", "/proc", "/sys", "/run"] {
        let why = "read-only file system; has it that directory\\?";
        guest.says(&format!("tinyo: root: moving {path} into the new root: {why}"));
    }
    guest.held("nodes").ends(End::PowerOff);
}

/// An initramfs with files where /proc, /sys, /dev and /run go: there is nothing to pivot by, and its root is laid over instead.
#[test]
fn an_initramfs_without_their_places_is_left_all_the_same() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        boot.config(&format!("{MODULES}[root]\nsource = \"/dev/vda\"\n")).disk(&disk)?;
        for path in ["/proc", "/sys", "/dev", "/run"] {
            boot.archive.remove(path);
            boot.archive.file(path, 0o644, "");
        }
        boot.by_hand().run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: mount proc on /proc .*: not a directory").says("tinyo: root: handing over to /sbin/init");
    guest.held("initramfs-is-gone").ends(End::PowerOff);
}

#[test]
fn the_config_can_name_the_root_too() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        let root = "[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\noptions = \"noatime\"\nread-only = true\n";
        boot.config(&format!("{MODULES}{root}")).disk(&disk)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("root-is-the-disk").says("case: options ro,.*noatime").ends(End::PowerOff);
}

static MINE: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        let mut disk = busybox_disk(&boot.kit)?;
        disk.file("/my/init", 0o755, script(MY_INIT));
        let root = "[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\ninit = \"/sbin/init\"\n";
        boot.config(&format!("{MODULES}{root}")).disk(&disk)?;
        boot.append("init=/my/init STRAY=1 stray").run()
    })
});

#[test]
fn init_on_the_command_line_wins_and_gets_the_stray_words() {
    let Some(guest) = MINE.outcome() else { return };
    guest.says("case: my-init held /my/init stray").held("environment");
    guest.never_says("case: root-is-the-disk").ends(End::PowerOff);
}

#[test]
fn the_new_init_starts_as_the_kernel_would_start_it() {
    let Some(guest) = MINE.outcome() else { return };
    guest.held("ctrl-alt-del-is-given-back").held("signals-are-unblocked").held("signals-are-default");
    guest.held("only-standard-files").held("the-console-is-back").ends(End::PowerOff);
}

#[test]
fn the_disk_is_clean_after_tinyos_own_shutdown() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        let data = "[[mount]]\nsource = \"/dev/vda\"\ntarget = \"/data\"\ntype = \"ext4\"\n\n[service.write]\n\
                    exec = [\"/bin/sh\", \"-c\", \"echo kept >/data/note; exec sleep 100000\"]\n\n[service.end]\n\
                    exec = [\"/bin/sh\", \"-c\", \"until [ -s /data/note ]; do usleep 50000; done; poweroff\"]\n\
                    type = \"oneshot\"\n";
        boot.config(&format!("{MODULES}{data}")).disk(&disk)?;
        let mut outcome = boot.run()?;
        let image = boot.dir.path().join("disk.img");
        for request in ["cat /note", "show_super_stats -h"] {
            let shown = Command::new("/usr/sbin/debugfs").args(["-R", request]).arg(&image).output();
            let shown = shown.context("debugfs, of e2fsprogs: run it")?;
            ensure!(shown.status.success(), "debugfs {request}");
            outcome.transcript += &String::from_utf8_lossy(&shown.stdout);
        }
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.ends(End::PowerOff);
    guest.says("(?m)^kept$").says("(?m)^Filesystem state: +clean$").never_says("needs_recovery");
}

#[test]
fn a_root_that_never_comes_is_named_with_what_there_is() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        let root = "on-failure = \"poweroff\"\n[root]\nsource = \"/dev/vdz\"\ntype = \"ext4\"\nwait = \"2s\"\n";
        boot.config(&format!("{MODULES}{root}")).disk(&disk)?.append("quiet").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*/dev/vdz.*").says("tinyo: .*vda").ends(End::PowerOff);
}

#[test]
fn a_late_root_on_the_command_line_goes_to_the_rescue_and_reboots() {
    let run = guest(Arch::X86_64, |boot| boot.config(MODULES).append("root=/dev/vdz rootwait=1 panic=1").run());
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*/dev/vdz").ends(End::Reboot);
}

#[test]
fn a_root_without_its_init_is_refused_before_anything_is_given_up() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = busybox_disk(&boot.kit)?;
        disk.remove("/sbin");
        disk.dir("/sbin", 0o755);
        boot.config(&format!("on-failure = \"poweroff\"\n{MODULES}")).disk(&disk)?;
        boot.append("root=/dev/vda rootfstype=ext4").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*/sbin/init.*no such file").ends(End::PowerOff);
}

#[test]
fn services_of_the_initramfs_config_run_in_the_new_root() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = busybox_disk(&boot.kit)?;
        disk.file("/there", 0o755, script("check in-the-new-root grep -q '^/dev/vda / ext4' /proc/mounts"));
        let config = "[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\n\n[service.there]\nexec = [\"/there\"]\n\
                      type = \"oneshot\"\non-exit = \"poweroff\"\n";
        boot.config(&format!("{MODULES}{config}")).disk(&disk)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("in-the-new-root").ends(End::PowerOff);
}

/// The shell on the console is for who has nothing else. (The drivers are loaded by a script: without a config nobody does.)
#[test]
fn without_a_config_a_root_of_the_command_line_has_its_own_init() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        boot.disk(&disk)?;
        let tinyo = std::fs::read(&boot.kit.tinyo)?;
        let load = "for try in 1 2 3 4; do find /lib/modules -name '*.ko' -exec insmod {} \\; 2>/tmp-errors; done";
        boot.archive.file("/tinyo", 0o755, tinyo).file("/init", 0o755, format!("#!/bin/sh\n{load}\nexec /tinyo\n"));
        boot.by_hand().append("root=/dev/vda").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: no /etc/tinyo.toml: a shell on the console, unless there is a root=");
    guest.says("tinyo: root: handing over to /sbin/init").held("root-is-the-disk").ends(End::PowerOff);
}

/// Of a config that was for tinyo as the init there.
#[test]
fn what_another_init_leaves_undone_is_said() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = busybox_disk(&boot.kit)?;
        let rest = "[[mount]]\nsource = \"/dev/vdz\"\ntarget = \"/data\"\n[service.x]\nexec = [\"/nowhere\"]\n";
        boot.config(&format!("{MODULES}[root]\nsource = \"/dev/vda\"\n{rest}")).disk(&disk)?;
        boot.append("init=/sbin/init").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: root: services, .* and random-seed are left to the init that is handed over to");
    guest.held("root-is-the-disk").never_says("tinyo: x: ").ends(End::PowerOff);
}
