//! Who launches, and by which words: each with the same namespaces and mounts, as far as its options go.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Floor,
    /// The floor with one thing more, to know what that costs at least.
    Wall,
    Tinyo,
    /// tinyo with one option that leaves a wall out, or asks for more.
    Price,
    Peer,
}

#[derive(Clone, Copy, Debug)]
pub struct Launcher {
    pub kind: Kind,
    /// The program; what `--only` names.
    pub program: &'static str,
    /// What its row adds to that.
    pub how: &'static str,
    /// Words: ROOT, COMMAND, a fresh ID, STATE (a directory), BUNDLE-SHAPE (a directory with a config.json).
    pub words: &'static str,
    /// Which floor it is compared with: that one's `how`.
    pub floor: &'static str,
    /// So many at once are asked of it.
    pub most: usize,
    /// Debian's package, and where the program is in it.
    pub package: Option<(&'static str, &'static [&'static str])>,
}

/// In a user namespace, by an ordinary user.
pub const ROOTLESS: &str = "rootless";
pub const HOST_NET: &str = "host network";

impl Launcher {
    pub fn name(&self) -> String {
        let comma = if self.how.is_empty() || self.how.starts_with(['-', '+']) { " " } else { ", " };
        format!("{}{comma}{}", self.program, self.how).trim_end().to_owned()
    }

    /// Of a price, only latency and system calls are known.
    pub fn is_price(&self) -> bool {
        matches!(self.kind, Kind::Wall | Kind::Price)
    }

    pub fn rootless(&self) -> bool {
        self.floor == ROOTLESS
    }

    /// Two of its containers cannot have one root.
    pub fn alone(&self) -> bool {
        self.program == "systemd-nspawn"
    }
}

const THOUSAND: usize = 1000;
const HUNDRED: usize = 100;

const fn floor(how: &'static str, words: &'static str, floor: &'static str, most: usize) -> Launcher {
    Launcher { kind: Kind::Floor, program: "floor", how, words, floor, most, package: None }
}

const fn wall(how: &'static str, words: &'static str) -> Launcher {
    Launcher { kind: Kind::Wall, ..floor(how, words, "", 0) }
}

const fn tinyo(how: &'static str, words: &'static str, floor: &'static str, most: usize) -> Launcher {
    Launcher { kind: Kind::Tinyo, program: "tinyo", how, words, floor, most, package: None }
}

const fn price(how: &'static str, words: &'static str) -> Launcher {
    Launcher { kind: Kind::Price, program: "tinyo", how, words, floor: "", most: 0, package: None }
}

type Package = (&'static str, &'static [&'static str]);

const BWRAP: Package = ("bubblewrap", &["usr/bin/bwrap"]);
const CRUN: Package = ("crun", &["usr/bin/crun"]);
const RUNC: Package = ("runc", &["usr/sbin/runc", "usr/bin/runc"]);
const UNSHARE: Package = ("util-linux", &["usr/bin/unshare"]);
const MINIJAIL: Package = ("minijail", &["sbin/minijail0", "usr/bin/minijail0"]);
const NSPAWN: Package = ("systemd-container", &["usr/bin/systemd-nspawn"]);

const fn peer(
    (program, how): (&'static str, &'static str),
    package: Package,
    words: &'static str,
    floor: &'static str,
    most: usize,
) -> Launcher {
    Launcher { kind: Kind::Peer, program, how, words, floor, most, package: Some(package) }
}

/// In the order of the tables. The first is the floor of DESIGN's ratios.
pub const ALL: &[Launcher] = &[
    floor("", "full ROOT COMMAND", "", THOUSAND),
    floor(HOST_NET, "host-net ROOT COMMAND", HOST_NET, THOUSAND),
    floor(ROOTLESS, "rootless ROOT COMMAND", ROOTLESS, 0),
    floor("as --privileged --init=false", "full,links,pts,shm,mqueue,lo ROOT COMMAND", "", 0),
    floor("as tinyo's default", "full,links,pts,shm,mqueue,lo,masks,caps,seccomp,reaper ROOT COMMAND", "", THOUSAND),
    floor(
        "host network, as tinyo's default",
        "host-net,links,pts,shm,mqueue,masks,caps,seccomp,reaper ROOT COMMAND",
        HOST_NET,
        0,
    ),
    floor("rootless, with nodes", "rootless,nodes ROOT COMMAND", ROOTLESS, 0),
    floor(
        "rootless, as tinyo's default",
        "rootless,nodes,links,pts,shm,mqueue,lo,masks,caps,seccomp,reaper ROOT COMMAND",
        ROOTLESS,
        0,
    ),
    wall("+ links", "full,links ROOT COMMAND"),
    wall("+ devpts", "full,pts ROOT COMMAND"),
    wall("+ /dev/shm", "full,shm ROOT COMMAND"),
    wall("+ mqueue", "full,mqueue ROOT COMMAND"),
    wall("+ lo", "full,lo ROOT COMMAND"),
    wall("+ masks", "full,masks ROOT COMMAND"),
    wall("+ capabilities", "full,caps ROOT COMMAND"),
    wall("+ seccomp", "full,seccomp ROOT COMMAND"),
    wall("+ seccomp, one number after the other", "full,linear ROOT COMMAND"),
    wall("+ reaper", "full,reaper ROOT COMMAND"),
    tinyo("--privileged --init=false", "run --privileged --init=false ROOT -- COMMAND", "", THOUSAND),
    tinyo("", "run ROOT -- COMMAND", "", THOUSAND),
    tinyo(
        "--privileged --init=false --network host",
        "run --privileged --init=false --network host ROOT -- COMMAND",
        HOST_NET,
        0,
    ),
    tinyo("--network host", "run --network host ROOT -- COMMAND", HOST_NET, THOUSAND),
    tinyo(ROOTLESS, "run ROOT -- COMMAND", ROOTLESS, 0),
    price("--init=false", "run --init=false ROOT -- COMMAND"),
    price("--seccomp none", "run --seccomp none ROOT -- COMMAND"),
    price("--cap-add ALL", "run --cap-add ALL ROOT -- COMMAND"),
    price("--privileged", "run --privileged ROOT -- COMMAND"),
    price("--read-only", "run --read-only ROOT -- COMMAND"),
    price("--user 1000:1000", "run --user 1000:1000 ROOT -- COMMAND"),
    peer(
        ("bwrap", ""),
        BWRAP,
        "--unshare-pid --unshare-uts --unshare-ipc --unshare-net --hostname box --bind ROOT / --proc /proc --dev /dev \
         --ro-bind /sys /sys -- COMMAND",
        "",
        THOUSAND,
    ),
    peer(("crun", ""), CRUN, "--root STATE --cgroup-manager=disabled run --bundle BUNDLE-bare ID", "", THOUSAND),
    peer(
        ("crun", "with walls but seccomp"),
        CRUN,
        "--root STATE --cgroup-manager=disabled run --bundle BUNDLE-walls ID",
        "",
        0,
    ),
    // A thousand of it are more memory than a machine need have.
    peer(("runc", ""), RUNC, "--root STATE run --bundle BUNDLE-bare ID", "", HUNDRED),
    peer(("runc", "with walls but seccomp"), RUNC, "--root STATE run --bundle BUNDLE-walls ID", "", 0),
    peer(
        ("minijail0", ""),
        MINIJAIL,
        "-T static -v -p -l -e --uts=box -P ROOT --mount-dev -k proc,/proc,proc,0xe -k sysfs,/sys,sysfs,0xf -- COMMAND",
        "",
        THOUSAND,
    ),
    peer(
        ("unshare", "chroot, no /dev, no /sys"),
        UNSHARE,
        "-m -p -u -i -n --fork --root=ROOT --mount-proc=/proc COMMAND",
        "",
        THOUSAND,
    ),
    peer(
        ("systemd-nspawn", ""),
        NSPAWN,
        "-q -D ROOT --private-network --register=no --keep-unit --hostname=box --pipe COMMAND",
        "",
        0,
    ),
    peer(
        ("bwrap", HOST_NET),
        BWRAP,
        "--unshare-pid --unshare-uts --unshare-ipc --hostname box --bind ROOT / --proc /proc --dev /dev --ro-bind /sys \
         /sys -- COMMAND",
        HOST_NET,
        0,
    ),
    peer(
        ("bwrap", ROOTLESS),
        BWRAP,
        "--unshare-user --uid 0 --gid 0 --unshare-pid --unshare-uts --unshare-ipc --unshare-net --hostname box \
         --bind ROOT / --proc /proc --dev /dev --ro-bind /sys /sys -- COMMAND",
        ROOTLESS,
        0,
    ),
    peer(
        ("crun", ROOTLESS),
        CRUN,
        "--root STATE --cgroup-manager=disabled run --bundle BUNDLE-rootless ID",
        ROOTLESS,
        0,
    ),
    peer(
        ("unshare", "rootless, chroot, no /dev, no /sys"),
        UNSHARE,
        "-r -m -p -u -i -n --fork --root=ROOT --mount-proc=/proc COMMAND",
        ROOTLESS,
        0,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_floor_is_there_and_no_row_twice() {
        for launcher in ALL {
            assert!(
                ALL.iter().any(|floor| floor.kind == Kind::Floor && floor.how == launcher.floor),
                "{}: no such floor",
                launcher.name()
            );
            assert_eq!(ALL.iter().filter(|other| other.name() == launcher.name()).count(), 1, "{}", launcher.name());
        }
    }

    #[test]
    fn names_read_well() {
        let names: Vec<_> = ALL.iter().map(Launcher::name).collect();
        for name in ["floor", "floor, rootless", "tinyo --network host", "tinyo", "crun, with walls but seccomp"] {
            assert!(names.iter().any(|one| one == name), "{names:?}");
        }
    }
}
