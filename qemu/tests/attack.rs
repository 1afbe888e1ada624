//! A machine with a disk, real switches, and a container's root that goes for them.

use std::sync::LazyLock;

use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    kit::Arch,
    suite::{Shared, guest, script},
};

/// The same attack three times: as a service, from the shell, and with nothing of the container's in its way, where it
/// succeeds.
const CONFIG: &str = r#"
modules = ["virtio_pci", "virtio_blk"]

[service.prepare]
exec = ["/prepare"]
type = "oneshot"

[service.hostile]
exec = ["/attack"]
type = "oneshot"
log = "/out/service"
requires = ["prepare"]

[service.hostile.container]
root = "/srv/box"
volumes = ["/bin:/bin:ro", "/srv/out:/out"]
tmpfs = ["/scratch"]

[service.checker]
exec = ["/outside"]
type = "oneshot"
after = ["hostile"]
on-exit = "poweroff"
"#;

/// An image and a volume that come with the disk's node ready made, and with its numbers.
const PREPARE: &str = r#"
soon 'test -b /dev/vda'
numbers=$(cat /sys/class/block/vda/dev | tr : ' ')
echo $numbers >/srv/box/numbers
mknod -m 666 /srv/box/disk b $numbers && mknod -m 666 /srv/out/node b $numbers
"#;

/// Says what it could do.
const ATTACK: &str = r#"
read -r major minor </numbers
try() { name=$1; shift; ( eval "$@" ) 2>/dev/null && echo "did $name"; }
for place in / /dev /dev/shm /scratch /out /tmp; do
    try "mknod in $place" "mknod $place/disk b $major $minor && dd if=/bin/busybox of=$place/disk bs=512 count=1 conv=notrunc"
    try "memory in $place" "mknod $place/mem c 1 1 && dd if=$place/mem of=/dev/null bs=512 count=1"
done
try "disk of the image" "dd if=/bin/busybox of=/disk bs=512 count=1 conv=notrunc"
try "disk of a volume" "dd if=/bin/busybox of=/out/node bs=512 count=1 conv=notrunc"
for file in /proc/sysrq-trigger; do try "$file" "echo h >$file"; done
for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /sys/kernel/uevent_helper /proc/sys/kernel/hotplug; do
    try "$file" "echo /out/helper >$file"
    try "mode of $file" "chmod 777 $file"
done
try "binfmt_misc" "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc"
try "register" "echo ':x:M::#!::/out/helper:' >/proc/sys/fs/binfmt_misc/register"
try "release_agent" "mount -t cgroup -o none,name=x none /scratch && echo /out/helper >/scratch/release_agent"
try "devtmpfs" "mount -t devtmpfs none /scratch"
try "remount of proc" "mount -o remount,rw /proc/sys && echo x >/proc/sys/kernel/core_pattern"
try "umount of proc" "umount /proc/sys && echo x >/proc/sys/kernel/core_pattern"
try "uevent" "echo add >/sys/class/block/vda/uevent"
try "power" "echo mem >/sys/power/state"
try "reboot" "reboot -f"
try "host name" "hostname stolen"
try "clock" "date -s 2001-01-01; date | grep -q 2001"
try "kernel's log" "dmesg | grep -q ."
try "log's end" "dmesg -c"
echo tried
"#;

const OUTSIDE: &str = r#"
sum() { dd if=/dev/vda bs=4096 count=64 2>/dev/null | md5sum; }
pattern=$(cat /proc/sys/kernel/core_pattern) modprobe=$(cat /proc/sys/kernel/modprobe)
check disk test -b /dev/vda
check service-tried grep -qx tried /srv/out/service
check service-did-nothing sh -c '! grep did /srv/out/service'
before=$(sum)
tinyo run --volume /bin:/bin:ro --volume /srv/out:/out --tmpfs /scratch /srv/box /attack >/run/said 2>&1
check run-tried grep -qx tried /run/said
check run-did-nothing sh -c '! grep did /run/said >/dev/kmsg'
tinyo run --network host --init=false --volume /bin:/bin:ro --volume /srv/out:/out --tmpfs /scratch /srv/box /attack >/run/said 2>&1
check host-network-tried grep -qx tried /run/said
check host-network-did-nothing sh -c '! grep did /run/said >/dev/kmsg'
check disk-is-whole test "$(sum)" = "$before"
check core-pattern test "$(cat /proc/sys/kernel/core_pattern)" = "$pattern"
check modprobe test "$(cat /proc/sys/kernel/modprobe)" = "$modprobe"
check no-mounts-left sh -c '! grep -qE " /srv|/scratch" /proc/mounts'
# It would not come to its end.
sed -i '/try .reboot/d; /try .power/d; /try .clock/d' /srv/box/attack
tinyo run --privileged --volume /bin:/bin:ro --volume /srv/out:/out --tmpfs /scratch /srv/box /attack >/run/said 2>&1
check attack-is-one grep -q 'did /proc/sys/kernel/core_pattern' /run/said
check attack-meets-the-disk grep -q 'did mknod in /dev$' /run/said
check disk-was-there-to-lose test "$(sum)" != "$before"
"#;

static MACHINE: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        boot.config(CONFIG).script("/prepare", PREPARE).script("/outside", OUTSIDE);
        for directory in ["bin", "out", "scratch"] {
            boot.archive.dir(format!("/srv/box/{directory}"), 0o755);
        }
        boot.archive.dir("/srv/out", 0o777);
        boot.archive.file("/srv/box/attack", 0o755, script(ATTACK));
        let mut files = Archive::new();
        files.file("/precious", 0o644, "of the host\n");
        boot.disk(&files)?;
        boot.run()
    })
});

#[track_caller]
fn all_held(names: &[&str]) {
    let Some(guest) = MACHINE.outcome() else { return };
    for name in names {
        guest.held(name);
    }
    guest.ends(End::PowerOff);
}

#[test]
fn root_in_a_container_cannot_reach_the_disk() {
    all_held(&["disk", "service-tried", "service-did-nothing", "run-tried", "run-did-nothing", "disk-is-whole"]);
}

#[test]
fn root_in_a_container_cannot_throw_the_kernels_switches() {
    all_held(&["core-pattern", "modprobe", "host-network-tried", "host-network-did-nothing", "no-mounts-left"]);
}

/// What asks for everything gets it: so the attack was one.
#[test]
fn the_attack_works_for_who_is_privileged() {
    all_held(&["attack-is-one", "attack-meets-the-disk", "disk-was-there-to-lose"]);
}
