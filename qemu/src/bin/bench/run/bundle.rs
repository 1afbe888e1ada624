//! Bundles for the launchers that take one: a config.json as runtime-spec's config.md has it.

/// What a bundle's container is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// The floor's namespaces and mounts, all capabilities.
    Bare,
    /// Docker's capabilities, no_new_privs, masked and read-only paths, and its mounts in /dev.
    Walls,
    /// Bare, in a user namespace of this id.
    Rootless(u32),
}

/// By number (capabilities(7)).
const CAPABILITIES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE \
                            NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO \
                            SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME \
                            SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP";

/// Docker's, without MKNOD, as tinyo's.
const KEPT: &str = "CHOWN DAC_OVERRIDE FSETID FOWNER NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL \
                    AUDIT_WRITE";

const MASKED: &str = "/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list \
                      /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap";
const READ_ONLY: &str = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger";

const CLOSED: &[&str] = &["nosuid", "noexec", "nodev"];

/// `held` are the capabilities that there are to give, as bits: a root may have less than all.
pub fn config(root: &str, command: &[String], shape: Shape, held: u64) -> String {
    let given = |(number, name): &(usize, &str)| {
        held >> number & 1 == 1 && (shape != Shape::Walls || KEPT.split_whitespace().any(|kept| kept == *name))
    };
    let given = CAPABILITIES.split_whitespace().enumerate().filter(given);
    let capabilities = list(given.map(|(_, name)| format!("CAP_{name}")));
    let sets = ["bounding", "effective", "permitted"].map(|set| format!("\"{set}\": {capabilities}")).join(", ");
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "mode=755"]),
        mount("/sys", "sysfs", "sysfs", &[CLOSED, &["ro"]].concat()),
    ];
    let mut walls = String::new();
    let mut namespaces = vec!["pid", "network", "ipc", "uts", "mount"];
    let mut maps = String::new();
    match shape {
        Shape::Bare => {}
        Shape::Walls => {
            mounts.push(mount("/dev/pts", "devpts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666"]));
            mounts.push(mount("/dev/shm", "tmpfs", "shm", &[CLOSED, &["mode=1777", "size=64m"]].concat()));
            mounts.push(mount("/dev/mqueue", "mqueue", "mqueue", CLOSED));
            let paths = |paths: &str| list(paths.split_whitespace().map(str::to_owned));
            walls = format!(", \"maskedPaths\": {}, \"readonlyPaths\": {}", paths(MASKED), paths(READ_ONLY));
        }
        Shape::Rootless(id) => {
            namespaces.push("user");
            let map = format!("[{{\"containerID\": 0, \"hostID\": {id}, \"size\": 1}}]");
            maps = format!(", \"uidMappings\": {map}, \"gidMappings\": {map}");
        }
    }
    let namespaces = namespaces.iter().map(|kind| format!("{{\"type\": \"{kind}\"}}")).collect::<Vec<_>>().join(", ");
    format!(
        "{{\"ociVersion\": \"1.0.2\", \"hostname\": \"box\", \"root\": {{\"path\": \"{root}\"}}, \"process\": \
         {{\"terminal\": false, \"user\": {{\"uid\": 0, \"gid\": 0}}, \"args\": {}, \"env\": [\"PATH=/bin\"], \
         \"cwd\": \"/\", \"noNewPrivileges\": {}, \"capabilities\": {{{sets}}}}}, \"mounts\": [{}], \
         \"linux\": {{\"namespaces\": [{namespaces}]{maps}{walls}}}}}",
        list(command.iter().cloned()),
        shape == Shape::Walls,
        mounts.join(", "),
    )
}

fn list(words: impl Iterator<Item = String>) -> String {
    format!("[{}]", words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
}

fn mount(place: &str, kind: &str, source: &str, options: &[&str]) -> String {
    let options = list(options.iter().map(|option| (*option).to_owned()));
    format!("{{\"destination\": \"{place}\", \"type\": \"{kind}\", \"source\": \"{source}\", \"options\": {options}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_what_its_shape_has() {
        let text = |shape| config("/root", &["/bin/x".to_owned(), "y".to_owned()], shape, !(1 << 22));
        let (bare, walls, rootless) = (text(Shape::Bare), text(Shape::Walls), text(Shape::Rootless(7)));
        for text in [&bare, &walls, &rootless] {
            assert!(text.contains("\"args\": [\"/bin/x\", \"y\"]"), "{text}");
            assert_eq!(text.matches(['{', '[']).count(), text.matches(['}', ']']).count(), "{text}");
        }
        assert!(bare.contains("CAP_SYS_ADMIN") && !walls.contains("CAP_SYS_ADMIN"));
        assert!(walls.contains("CAP_SETFCAP") && !bare.contains("CAP_SYS_BOOT"), "{bare}");
        assert!(!bare.contains("maskedPaths") && walls.contains("\"/proc/keys\""));
        assert!(!bare.contains("hostID") && rootless.contains("\"hostID\": 7"));
    }
}
