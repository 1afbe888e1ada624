//! The kernel's own switches: what is written there acts on the host.

use super::Siege;

/// Of the container's own network, message queues, or of nothing: /proc/sys is read-only whole.
const HARMLESS: [&str; 3] = ["/proc/self/", "/proc/thread-self/", "/proc/pressure/"];

/// Whatever there is under /proc and /sys, here: nothing opens for writing that is not a process's own.
#[test]
fn no_switch_of_the_kernels_opens_for_writing() {
    let Some(siege) = Siege::build() else { return };
    for who in [&[][..], &["--network=host"], &["--init=false"], &["--user=1000:1000"], &["--cap-add=SYS_TIME"]] {
        let said = siege.holds(|| siege.house.run_once(who, &["/bin/attacker", "writable", "/proc", "/sys"]));
        let open = said.lines().into_iter().filter(|path| !HARMLESS.iter().any(|prefix| path.starts_with(prefix)));
        // The null device over a masked file swallows what it is given.
        let masked =
            ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"];
        let more = ["/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"];
        let open: Vec<_> = open.filter(|path| !masked.contains(path) && !more.contains(path)).collect();
        assert!(open.is_empty(), "{who:?}: {open:?}");
    }
}

/// The ones that have been ways out, by name, and not only by opening: whoever owns a file may change its mode.
#[test]
fn the_famous_switches_stay_as_they_are() {
    let Some(siege) = Siege::build() else { return };
    let paths = "/proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug \
                 /proc/sys/fs/binfmt_misc/register /proc/sys/vm/panic_on_oom /proc/sys/kernel/ns_last_pid /proc/sys/net/ipv4/ip_forward \
                 /sys/kernel/uevent_helper /sys/kernel/mm/transparent_hugepage/enabled /sys/power/state /sys/fs/cgroup/release_agent \
                 /sys/fs/cgroup/cgroup.procs /sys/block/loop0/uevent /sys/module/kernel/parameters/panic /proc/irq/default_smp_affinity";
    let script = format!(
        "for path in {paths}; do [ -e $path ] || continue; chmod 777 $path 2>/dev/null && echo chmod $path; \
         chown 1:1 $path 2>/dev/null && echo chown $path; (echo h >$path) 2>/dev/null && echo wrote $path; \
         rm -f $path 2>/dev/null && echo removed $path; mv $path /tmp/x 2>/dev/null && echo moved $path; done; \
         mkdir /sys/fs/cgroup/x 2>/dev/null && echo cgroup; echo done"
    );
    for who in [&[][..], &["--network=host"], &["--init=false"], &["--cap-add=SYS_RESOURCE"]] {
        siege.shell(who, &script).says("done\n");
    }
}

/// Calls that act on the whole machine.
#[test]
fn the_machine_is_out_of_reach() {
    let Some(siege) = Siege::build() else { return };
    let calls = [
        "reboot 0xfee1dead 672274793 0x89abcdef 0", // CAD_ON, and off again: the mildest that there is
        "init_module #64 64 @",
        "kexec_load 0 0 0 0x3e0000",
        "settimeofday [1:1] 0",
        "swapon @/bin/busybox 0",
        "iopl 3",
        "syslog 3 #64 64",
        "syslog 5 0 0",
    ];
    for who in [&[][..], &["--network=host"], &["--user=1000:1000"]] {
        siege.refused(who, &calls, &["EPERM", "ENOSYS", "EACCES"]);
    }
}
