//! A root that is a file: in the initramfs, or on the file system of its source.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image,
    kit::Arch,
    suite::{Boot, Run, guest, script},
};

const MODULES: &str =
    "on-failure = \"poweroff\"\nmodules = [\"loop\", \"squashfs\", \"erofs\", \"virtio_pci\", \"virtio_blk\"]\n";

/// What no compression makes smaller.
fn noise(megabytes: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..megabytes << 20).map(|_| next()).collect()
}

/// A root whose init says what it is mounted from, and then what `more` checks.
fn tree(boot: &Boot, more: &str) -> Result<Archive> {
    let mut files: Archive = image::busybox_root(&boot.kit)?;
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n");
    let root = "say root $(sed -n '/ \\/ rootfs/d; s, / \\([a-z0-9]*\\) \\(r[ow]\\).*, \\1 \\2,p' /proc/mounts)";
    files.file("/etc/rc", 0o755, script(&format!("{root}\n{more}\npoweroff -f\n")));
    Ok(files)
}

/// The image's file is gone with the initramfs, and is still there: it takes memory, and what lay beside it takes none.
const IN_MEMORY: &str = r#"
file=$(cat /sys/block/loop0/loop/backing_file)
check its-name-is-gone test "$file" = "/images/root (deleted)"
echo 3 >/proc/sys/vm/drop_caches
check it-can-be-read-whole test "$(md5sum </noise | cut -c1-32)" = "$(cat /sum)"
kilobytes=$(awk '/^(Unevictable|Shmem):/ { sum += $2 } END { print sum }' /proc/meminfo)
say takes $kilobytes kB
check it-takes-its-own-memory test $kilobytes -gt 8000
check and-no-more test $kilobytes -lt 14000
check the-loop-lets-go-by-itself test "$(cat /sys/block/loop0/loop/autoclear)" = 1
"#;

#[test]
fn an_image_in_the_initramfs_keeps_its_own_memory_and_no_other() {
    let run = guest(Arch::X86_64, |boot| {
        let mut files = tree(boot, IN_MEMORY)?;
        let noise = noise(8);
        let place = boot.dir.path().join("image");
        fs::write(&place, &noise)?;
        let sum = Command::new("md5sum").arg(&place).output().context("md5sum")?.stdout;
        files.file("/noise", 0o644, noise.as_slice()).file("/sum", 0o644, &sum[..32]);
        fs::remove_file(&place)?;
        image::squashfs(&files, &place)?;
        boot.archive.file("/images/root", 0o644, fs::read(&place)?).file(
            "/ballast",
            0o644,
            [noise.as_slice(); 2].concat(),
        );
        boot.modules(&["loop", "squashfs", "erofs", "virtio_pci", "virtio_blk"])?;
        boot.config(&format!("{MODULES}[root]\nimage = \"/images/root\"\n")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: root: image /images/root is there").says("case: root /dev/loop0 squashfs ro");
    guest.held("its-name-is-gone").held("it-can-be-read-whole");
    guest.held("it-takes-its-own-memory").held("and-no-more").held("the-loop-lets-go-by-itself");
    guest.ends(End::PowerOff);
}

/// What nobody names: the kernel has no event for a file.
#[test]
fn with_auto_it_brings_its_drivers_along() {
    let run = guest(Arch::X86_64, |boot| {
        let place = boot.dir.path().join("image");
        image::squashfs(&tree(boot, "")?, &place)?;
        boot.archive.file("/root.squashfs", 0o644, fs::read(&place)?);
        boot.modules(&["loop", "squashfs"])?;
        // The kernel would ask it.
        ensure!(boot.archive.remove("/bin/modprobe"), "busybox without a modprobe");
        boot.config("on-failure = \"poweroff\"\nmodules = [\"auto\"]\n[root]\nimage = \"/root.squashfs\"\n").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/loop0 squashfs ro").ends(End::PowerOff);
}

const ON_DISK: &str = r#"
check the-source-is-there test -s /run/initramfs/root/source/live/ext4
check the-source-is-mounted grep -q '^/dev/vda /run/initramfs/root/source ext4' /proc/mounts
check written-to sh -c 'echo kept >/note && sync'
"#;

/// Files of each kind on an ext4 disk, and what is none.
fn live(boot: &mut Boot) -> Result<()> {
    let files = tree(boot, ON_DISK)?;
    let place = boot.dir.path().join("image");
    let mut disk = Archive::new();
    disk.dir("/live", 0o755).file("/live/text", 0o644, "none\n").link("/live/link", "/live/ext4");
    image::ext4(&files, &place, 16, "inner")?;
    disk.file("/live/ext4", 0o644, fs::read(&place)?);
    image::squashfs(&files, &place)?;
    let squashed = fs::read(&place)?;
    disk.file("/live/short", 0o644, &squashed[..squashed.len() / 2]).file("/live/squashfs", 0o644, squashed);
    fs::remove_file(&place)?;
    image::erofs(&files, &place)?;
    disk.file("/live/erofs", 0o644, fs::read(&place)?);
    boot.modules(&["loop", "squashfs", "erofs"])?.disk(&disk)?;
    Ok(())
}

fn of(roots: &'static str) -> Run {
    guest(Arch::X86_64, |boot| {
        live(boot)?;
        boot.config(&format!("{MODULES}{roots}")).run()
    })
}

#[test]
fn an_image_on_a_disk_is_written_to_and_what_is_none_says_what_it_is() {
    let run = of("[[root]]\nsource = \"/dev/vda\"\nimage = \"/live/none\"\n\
                  [[root]]\nsource = \"LABEL=case\"\nimage = \"/live/short\"\n\
                  [[root]]\nsource = \"/dev/vda\"\nimage = \"/live/text\"\n\
                  [[root]]\nsource = \"/dev/vda\"\nimage = \"/live/link\"\nwait = \"5s\"\n");
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: root: image /live/none: no such file or directory; the root must be .* a file with squashfs, erofs or ext4",
        "tinyo: root: image /live/short: cut short; is it whole\\?",
        "tinyo: root: image /live/text: text; the root must be",
        "tinyo: root: image /live/link is there",
        "case: root /dev/loop0 ext4 rw",
    ]);
    guest.held("the-source-is-there").held("the-source-is-mounted").held("written-to").ends(End::PowerOff);
}

#[test]
fn an_image_on_a_read_only_source_is_read_only() {
    let run = of("[root]\nsource = \"/dev/vda\"\nimage = \"/live/ext4\"\nread-only = true\n");
    let Some(guest) = run.outcome() else { return };
    guest
        .says("case: root /dev/loop0 ext4 ro")
        .says("case: written-to failed")
        .held("the-source-is-there")
        .ends(End::PowerOff);
}

/// Where its source can never be written, no more can the image; nobody has to say so.
#[test]
fn an_image_on_a_squashfs_is_read_only() {
    let run = guest(Arch::X86_64, |boot| {
        let (inner, outer) = (boot.dir.path().join("inner"), boot.dir.path().join("outer"));
        image::ext4(&tree(boot, "")?, &inner, 16, "inner")?;
        let mut disk = Archive::new();
        disk.file("/live/ext4", 0o644, fs::read(&inner)?);
        image::squashfs(&disk, &outer)?;
        boot.modules(&["loop", "squashfs", "erofs", "virtio_pci", "virtio_blk"])?.image(outer)?;
        boot.config(&format!("{MODULES}[root]\nsource = \"/dev/vda\"\nimage = \"/live/ext4\"\n")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/loop0 ext4 ro").ends(End::PowerOff);
}

#[test]
fn erofs_needs_no_word_about_being_read_only() {
    let run = of("[root]\nsource = \"/dev/vda\"\nimage = \"/live/erofs\"\n");
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/loop0 erofs ro").ends(End::PowerOff);
}

#[test]
fn without_the_loop_driver_its_module_is_named() {
    let run = guest(Arch::X86_64, |boot| {
        live(boot)?;
        let root = "[root]\nsource = \"/dev/vda\"\nimage = \"/live/squashfs\"\n";
        boot.config(&format!("{}{root}", MODULES.replace("\"loop\", ", ""))).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: root: image /live/squashfs: no loop device; is loop among modules\\?").ends(End::PowerOff);
}

/// By the checker of its type, which its source has had before: what is not written to needs none.
#[test]
fn an_image_that_is_written_to_is_checked_before() {
    let run = guest(Arch::X86_64, |boot| {
        live(boot)?;
        let checker = "echo looking at $*; case $2 in /dev/loop*) [ -e /seen ] && exit 1; touch /seen; exit 4 ;; esac";
        let root = |image: &str, more: &str| {
            format!("[[root]]\nsource = \"/dev/vda\"\nimage = \"/live/{image}\"\nfsck = true\n{more}\n")
        };
        let unchecked =
            root("ext4", "read-only = true\ninit = \"/nowhere\"") + &root("squashfs", "init = \"/nowhere\"");
        let roots = root("ext4", "") + &unchecked + &root("ext4", "");
        boot.script("/sbin/fsck.ext4", checker).config(&format!("{MODULES}{roots}")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "fsck: looking at -a /dev/vda",
        "fsck: looking at -a /dev/loop0",
        "tinyo: fsck: /dev/loop0: errors are left, exit status 4; run it by hand",
        "tinyo: root: image /live/ext4: the file system needs checking; is it whole\\?",
        "tinyo: root: image /live/ext4 is there",
        "tinyo: root: init /nowhere: no such file",
        "tinyo: root: image /live/squashfs is there",
        "fsck: looking at -a /dev/loop[0-9]",
        "tinyo: fsck: /dev/loop[0-9]: errors are corrected",
        "case: root /dev/loop[0-9] ext4 rw",
    ]);
    assert_eq!(guest.transcript.matches("looking at -a /dev/loop").count(), 2, "{}", guest.shown());
    guest.held("written-to").ends(End::PowerOff);
}
