//! A root under an overlay: a busybox userland in a squashfs, as examples/squashfs.toml says, whose changes go to a disk or
//! to memory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    guest::Outcome,
    image::{self, tool},
    kit::Arch,
    suite::{Boot, Run, guest, script},
};

const CONFIG: &str = include_str!("../../examples/squashfs.toml");
const MODULES: &str =
    "on-failure = \"poweroff\"\nmodules = [\"virtio_pci\", \"virtio_blk\", \"squashfs\", \"overlay\"]\n";

/// Run by busybox's init of the squashfs.
const CHECKS: &str = r#"
upper=/run/initramfs/root/upper
check root-is-the-overlay grep -q '^overlay / overlay rw,' /proc/mounts
check root-is-one-mount test $(cut -d' ' -f5 /proc/self/mountinfo | grep -c '^/$') = 1
check lower-is-the-squashfs grep -q '^/dev/vda /run/initramfs/root/lower squashfs ro,' /proc/mounts
check only-root-looks-in test "$(stat -c %a /run/initramfs/root)" = 700
check both-and-no-more test $(grep -c ' /run/initramfs/root/' /proc/self/mountinfo) = 2
check nothing-else-is-mounted sh -c '! grep -q newroot /proc/mounts'
say upper is $(sed -n 's,^\([^ ]*\) /run/initramfs/root/upper \([^ ]*\) .*,\1 \2,p' /proc/mounts)
echo boot >>/etc/boots
check lands-in-the-upper grep -q boot $upper/upper/etc/boots
check the-lower-stays test ! -e /run/initramfs/root/lower/etc/boots
rm -r /etc/gone
check removed-is-gone test ! -e /etc/gone -a -e /run/initramfs/root/lower/etc/gone/file
check mode-of-the-root test "$(stat -c %a /)" = "$(stat -c %a /run/initramfs/root/lower)"
say boots $(grep -c boot /etc/boots)
"#;

/// The machine goes on when the disk, or the memory, is full.
const FILL: &str = r#"
dd if=/dev/zero of=/filler bs=64k 2>/run/said
check full-is-said grep -q 'No space left on device' /run/said
check the-machine-goes-on sh -c 'rm /filler && echo again >/etc/again && grep -q again /etc/again'
"#;

/// The squashfs on /dev/vda.
fn squashfs(boot: &mut Boot, rc: &str) -> Result<()> {
    bare_squashfs(boot, rc)?;
    boot.modules(&["overlay"]).map(drop)
}

/// The same where the image has no overlayfs.
fn bare_squashfs(boot: &mut Boot, rc: &str) -> Result<()> {
    let mut root: Archive = image::busybox_root(&boot.kit)?;
    root.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n::shutdown:/bin/umount -a -r\n");
    root.file("/etc/rc", 0o755, script(rc));
    root.file("/etc/gone/file", 0o644, "x");
    let path = boot.dir.path().join("root.squashfs");
    image::squashfs(&root, &path)?;
    boot.image(path)?.modules(&["squashfs"])?;
    Ok(())
}

/// One more disk, in order: /dev/vdb, /dev/vdc...
fn disk(boot: &mut Boot, name: &str, options: &str) -> PathBuf {
    let path = boot.dir.path().join(name);
    let drive = format!("file={},if=none,format=raw,id={name},{options}", path.display());
    boot.hardware(&["-drive", &drive, "-device", &format!("virtio-blk-pci,drive={name}")]);
    path
}

fn state(boot: &mut Boot, name: &str, options: &str) -> Result<PathBuf> {
    let path = disk(boot, name, options);
    image::ext4(&Archive::new(), &path, 16, name)?;
    Ok(path)
}

fn debugfs(path: &Path, request: &str) -> Result<()> {
    tool("debugfs", ["-w".as_ref(), "-R".as_ref(), request.as_ref(), path.as_os_str()], "")
}

/// What e2fsck says of the disk without touching it, and its superblock.
fn examine(path: &Path) -> Result<String> {
    let mut found = String::new();
    for (program, option) in [("e2fsck", "-fn"), ("dumpe2fs", "-h")] {
        let said = Command::new(format!("/usr/sbin/{program}")).arg(option).arg(path).output();
        let said = said.with_context(|| format!("{program}, of e2fsprogs: run it"))?;
        ensure!(said.status.success(), "{program}: {}", String::from_utf8_lossy(&said.stdout));
        found += &String::from_utf8_lossy(&said.stdout);
    }
    Ok(found)
}

#[test]
fn what_is_written_lands_on_a_disk_and_is_there_the_next_time() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(CONFIG);
        squashfs(boot, &format!("{CHECKS}{FILL}\npoweroff"))?;
        let path = state(boot, "state", "")?;
        let first = boot.run()?;
        let mut second = boot.run()?;
        second.transcript = [first.transcript, second.transcript, examine(&path)?].concat();
        Ok(second)
    });
    let Some(guest) = run.outcome() else { return };
    guest.ends(End::PowerOff).held("root-is-one-mount").held("nothing-else-is-mounted").held("both-and-no-more");
    for check in ["root-is-the-overlay", "lower-is-the-squashfs", "only-root-looks-in", "the-lower-stays"] {
        guest.held(check);
    }
    guest.held("lands-in-the-upper").held("removed-is-gone").held("mode-of-the-root").never_says("goes to a tmpfs");
    guest.held("full-is-said").held("the-machine-goes-on").never_says("case: .* failed");
    guest.says_in_order(&["upper is /dev/vdb ext4", "case: boots 1", "upper is /dev/vdb ext4", "case: boots 2"]);
}

#[test]
fn a_tmpfs_has_the_size_that_it_was_given() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&format!("{MODULES}[root]\nsource = \"/dev/vda\"\noverlay = \"tmpfs:2M\"\n"));
        let size = "check its-size sh -c \"df /run/initramfs/root/upper | grep -q ' 2048 '\"\n";
        squashfs(boot, &format!("{CHECKS}{size}{FILL}\npoweroff -f"))?;
        boot.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.ends(End::PowerOff).held("root-is-the-overlay").held("its-size").says("case: upper is tmpfs tmpfs");
    guest.held("full-is-said").held("the-machine-goes-on").never_says("case: .* failed");
}

const FORGETS: &str = "what is written goes to a tmpfs, and is lost at the end";

/// In one guest: each root but the last has an init that is not there, so that its overlay is taken away again.
fn hostile(overlays: &[&str], make: impl FnOnce(&mut Boot) -> Result<()>) -> Option<Outcome> {
    let run = guest(Arch::X86_64, |boot| {
        let table = |(at, overlay): (usize, &&str)| {
            let init = if at + 1 == overlays.len() { "/sbin/init" } else { "/nowhere" };
            format!("[[root]]\nsource = \"/dev/vda\"\noverlay = \"{overlay}\"\ninit = \"{init}\"\n")
        };
        let roots: String = overlays.iter().enumerate().map(table).collect();
        boot.config(&format!("{MODULES}{roots}"));
        squashfs(boot, &format!("{CHECKS}poweroff -f"))?;
        make(boot)?;
        boot.append("quiet").run()
    });
    match run {
        Run::Ended(outcome) => Some(*outcome),
        none => none.outcome().and(None),
    }
}

#[test]
fn an_upper_disk_that_cannot_be_used_gives_way_to_a_tmpfs() {
    let guest = hostile(&["/dev/vdb", "LABEL=readonly", "LABEL=journal", "/dev/vde"], |boot| {
        let random: Vec<u8> = (0..1u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(disk(boot, "random", ""), random)?;
        state(boot, "readonly", "readonly=on")?;
        debugfs(&state(boot, "journal", "readonly=on")?, "feature needs_recovery")?;
        let vfat = disk(boot, "vfat", "");
        fs::File::create(&vfat)?.set_len(8 << 20)?;
        tool("mkfs.vfat", [vfat.as_os_str()], "")
    });
    let Some(guest) = guest else { return };
    let forgets =
        |what: &str| format!("tinyo: root: overlay {what}; {FORGETS}\r?\n.*root: init /nowhere: no such file");
    guest.says_in_order(&[
        &forgets("/dev/vdb: .*"),
        &forgets("LABEL=readonly: read-only file system"),
        &forgets("LABEL=journal: .*"),
        &format!("root: overlay /dev/vde: .*; {FORGETS}"),
        "case: upper is tmpfs tmpfs",
    ]);
    guest.held("root-is-the-overlay").never_says("case: .* failed").ends(End::PowerOff);
}

#[test]
fn an_upper_disk_that_is_full_or_hostile_gives_way_to_a_tmpfs() {
    let guest = hostile(&["LABEL=full", "LABEL=narrow", "LABEL=links", "LABEL=dirty"], |boot| {
        // No inode is left for a directory of ours, or for the one that overlayfs makes in them.
        for (name, ours) in [("full", ""), ("narrow", "mkdir upper\nmkdir work\n")] {
            let full = disk(boot, name, "");
            fs::File::create(&full)?.set_len(16 << 20)?;
            let options = ["-q", "-F", "-L", name, "-N", "16"].map(AsRef::as_ref);
            tool("mkfs.ext4", options.into_iter().chain([full.as_os_str()]), "")?;
            let files: String = (0..16).map(|n| format!("mknod {n} p\n")).collect();
            tool("debugfs", ["-w".as_ref(), "-f".as_ref(), "-".as_ref(), full.as_os_str()], &format!("{ours}{files}"))?;
        }
        debugfs(&state(boot, "links", "")?, "symlink upper /run")?;
        // A journal to be replayed is the file system's own business: it has done so by the time it is mounted.
        debugfs(&state(boot, "dirty", "")?, "feature needs_recovery")
    });
    let Some(guest) = guest else { return };
    let forgets =
        |what: &str| format!("tinyo: root: overlay {what}; {FORGETS}\r?\n.*root: init /nowhere: no such file");
    guest.says_in_order(&[
        &forgets("LABEL=full: no space left on device"),
        &forgets("LABEL=narrow: read-only file system"),
        &forgets("LABEL=links: file exists"),
        "case: upper is /dev/vde ext4",
    ]);
    guest.held("root-is-the-overlay").never_says("case: .* failed").ends(End::PowerOff);
}

#[test]
fn a_kernel_without_overlayfs_is_named() {
    let run = guest(Arch::X86_64, |boot| {
        let modules = MODULES.replace(", \"overlay\"", "");
        boot.config(&format!("{modules}[root]\nsource = \"/dev/vda\"\noverlay = \"tmpfs\"\n"));
        bare_squashfs(boot, "poweroff -f")?;
        // The tool would have taken it in, for the kernel's own modprobe to find.
        boot.by_hand().append("quiet").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: lay overlay tmpfs over it: no such device; modprobe overlay, or list it among modules");
    guest.ends(End::PowerOff);
}

/// Half a minute, which passes at once where nobody does anything else.
#[test]
fn an_upper_disk_that_never_comes_is_not_waited_for_for_ever() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&format!(
            "{MODULES}[root]\nsource = \"/dev/vda\"\nwait = \"forever\"\noverlay = \"LABEL=state\"\n"
        ));
        squashfs(boot, &format!("{CHECKS}poweroff -f"))?;
        boot.hardware(&["-icount", "shift=2,sleep=off"]).append("quiet").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: waiting for LABEL=state, 5 s of 30 s; block devices: .*vda \\(squashfs");
    guest.says(&format!("tinyo: root: overlay LABEL=state: timed out; {FORGETS}")).held("root-is-the-overlay");
    guest.never_says("case: .* failed").ends(End::PowerOff);
}

/// Who writes root= at the boot loader means another device, and not that it be written to.
#[test]
fn a_root_of_the_command_line_is_under_it_too() {
    let run = guest(Arch::X86_64, |boot| {
        let root =
            "[root]\nsource = \"LABEL=other\"\ntype = \"ext4\"\noptions = \"data=journal\"\noverlay = \"tmpfs\"\n";
        boot.config(&format!("{MODULES}{root}")).append("root=/dev/vda rw");
        squashfs(boot, &format!("{CHECKS}\npoweroff -f"))?;
        boot.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: root= replaces the roots of /etc/tinyo.toml, all but init, fsck and overlay of the first");
    guest
        .held("root-is-the-overlay")
        .held("lower-is-the-squashfs")
        .says("case: upper is tmpfs tmpfs")
        .ends(End::PowerOff);
}
