//! The inits, and for each the least image in which it mounts proc, sysfs, devtmpfs and a tmpfs on /run, and keeps four
//! services running: the measuring one first, then v1, v2 and v3.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use tinyo_qemu::{cpio::Archive, kit::Kit};

use super::{figures::Boot, systemd};
use crate::{package::Package, probe};

pub struct Peer {
    pub name: String,
    /// Debian's; none: it is here already.
    pub packages: &'static [&'static str],
    /// For the kernel's command line.
    pub words: &'static str,
    does: Does,
    make: fn(&Peer, &mut Image) -> Result<()>,
    /// tinyo: another binary than target/dist's.
    binary: Option<PathBuf>,
}

/// What there is to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Starts one process, and waits.
    Start,
    /// Reaps too: an init for containers, with the measuring service as its only one.
    Reap,
    Supervise,
}

/// An image at work.
pub struct Image<'a> {
    pub archive: Archive,
    pub kit: &'a Kit,
    /// Empty if the peer has no package.
    pub package: Option<&'a Package>,
}

/// (name, the probe's words)
pub const SERVICES: [(&str, &str); 4] =
    [("first", "first"), ("v1", "victim v1"), ("v2", "victim v2"), ("v3", "victim v3")];

/// For those that start programs to mount: file system and place.
const MOUNTS: [(&str, &str); 4] = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run")];

type Make = fn(&Peer, &mut Image) -> Result<()>;

fn peer(name: &str, packages: &'static [&'static str], words: &'static str, does: Does, make: Make) -> Peer {
    Peer { name: name.to_owned(), packages, words, does, make, binary: None }
}

pub fn tinyo(name: String, binary: Option<PathBuf>) -> Peer {
    Peer { binary, ..peer(&name, &[], "", Does::Supervise, make_tinyo) }
}

/// In the order of the table.
pub fn all() -> Vec<Peer> {
    let container =
        |name, package| peer(name, package, "rdinit=/init -- /probe first", Does::Reap, make_container_init);
    vec![
        peer("floor: exec", &[], "rdinit=/probe", Does::Start, |_, _| Ok(())),
        peer("floor: 4 mounts", &[], "rdinit=/floor-mounts", Does::Start, |_, image| image.floor("/floor-mounts")),
        peer("floor: 7 mounts", &[], "rdinit=/floor-all", Does::Start, |_, image| image.floor("/floor-all")),
        tinyo("tinyo".to_owned(), None),
        peer("busybox", &[], "", Does::Supervise, make_busybox),
        peer("runit", &["runit", "runit-init"], "", Does::Supervise, make_runit),
        peer("s6", &["s6"], "", Does::Supervise, make_s6),
        peer("finit", &["finit"], "", Does::Supervise, make_finit),
        peer("sysvinit", &["sysvinit-core"], "", Does::Supervise, make_sysvinit),
        peer("systemd", &["systemd"], "", Does::Supervise, systemd::make),
        container("tini", &["tini"]),
        container("dumb-init", &["dumb-init"]),
        container("catatonit", &["catatonit"]),
    ]
}

impl Peer {
    pub fn can(&self, boot: Boot) -> bool {
        match boot {
            Boot::Start => true,
            Boot::Work => self.does != Does::Start,
            Boot::Obey | Boot::Stubborn => self.does == Does::Supervise,
        }
    }

    /// Debian's, or what the binary says of itself; of tinyo its size, since two of them may have one version.
    pub fn version(&self, kit: &Kit) -> String {
        let said = match self.name.as_str() {
            _ if !self.packages.is_empty() => Package::fetch(self.packages).ok().map(|package| package.version),
            "busybox" => fs::read(&kit.busybox).ok().and_then(|binary| after(&binary, b"BusyBox v")),
            "tinyo" => size(&kit.tinyo),
            _ => self.binary.as_deref().and_then(size),
        };
        said.unwrap_or("-".to_owned())
    }
}

fn size(path: &Path) -> Option<String> {
    fs::metadata(path).ok().map(|data| format!("{} bytes", data.len()))
}

/// The word behind `mark`.
fn after(binary: &[u8], mark: &[u8]) -> Option<String> {
    let at = binary.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let word = binary[at..].split(|byte| !byte.is_ascii_graphic()).next()?;
    Some(String::from_utf8_lossy(word).into_owned())
}

pub fn image(peer: &Peer, kit: &Kit) -> Result<Archive> {
    let package = if peer.packages.is_empty() { None } else { Some(Package::fetch(peer.packages)?) };
    let mut archive = Archive::new();
    archive
        .character("/dev/console", 0o600, 5, 1)
        .character("/dev/null", 0o666, 1, 3)
        .character("/dev/kmsg", 0o644, 1, 11)
        .file("/probe", 0o755, probe()?);
    for place in ["proc", "sys", "run", "tmp", "etc", "root", "var/log", "var/run"] {
        archive.dir(place, 0o755);
    }
    let mut image = Image { archive, kit, package: package.as_ref() };
    (peer.make)(peer, &mut image)?;
    Ok(image.archive)
}

impl Image<'_> {
    fn floor(&mut self, at: &str) -> Result<()> {
        self.archive.file(at, 0o755, probe()?);
        Ok(())
    }

    /// One of the package's programs.
    pub fn program(&mut self, at: &str, places: &[&str]) -> Result<()> {
        let Some(package) = self.package else { return Ok(()) };
        package.program(&mut self.archive, at, places)
    }

    /// Debian's busybox-static: as an init, or as the shell and mount(8) of those that need some.
    fn busybox(&mut self) -> Result<()> {
        self.archive.file("/bin/busybox", 0o755, fs::read(&self.kit.busybox)?);
        for applet in ["sh", "mount", "poweroff"] {
            self.archive.link(format!("/bin/{applet}"), "busybox");
        }
        Ok(())
    }

    pub fn script(&mut self, path: &str, lines: &str) {
        self.archive.file(path, 0o755, format!("#!/bin/sh\n{lines}\n"));
    }

    /// What asks for the power off: `signal N`, or a command. A signal where the init takes one.
    pub fn end(&mut self, how: &str) {
        self.archive.file("/etc/probe.end", 0o644, how);
    }

    pub fn root_user(&mut self) {
        self.archive.file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n");
        self.archive.file("/etc/group", 0o644, "root:x:0:\ntty:x:5:\n");
    }

    /// A directory with a run script per service, for runsvdir and s6-svscan.
    fn service_directories(&mut self) {
        for (name, words) in SERVICES {
            // Both start what they find in the order of the directory, in memory the newest first.
            let place = if name == "first" { "zz-first" } else { name };
            self.script(&format!("/service/{place}/run"), &format!("exec /probe {words}"));
        }
    }
}

fn mount_lines() -> String {
    MOUNTS.map(|(fstype, place)| format!("/bin/mount -t {fstype} {fstype} {place}")).join("\n")
}

const SIGUSR2: &str = "signal 12";
const SIGTERM: &str = "signal 15";

fn make_tinyo(peer: &Peer, image: &mut Image) -> Result<()> {
    let binary = peer.binary.as_ref().unwrap_or(&image.kit.tinyo);
    image.archive.file("/init", 0o755, fs::read(binary)?);
    let services = SERVICES.map(|(name, words)| {
        let words = words.replace(' ', "\", \"");
        format!("[service.{name}]\nexec = [\"/probe\", \"{words}\"]\n")
    });
    image.archive.file("/etc/tinyo.toml", 0o644, services.concat());
    image.end(SIGUSR2);
    Ok(())
}

fn make_busybox(_: &Peer, image: &mut Image) -> Result<()> {
    image.busybox()?;
    image.archive.link("/init", "bin/busybox");
    let mounts = mount_lines().lines().map(|line| format!("::sysinit:{line}\n")).collect::<String>();
    let services = SERVICES.map(|(_, words)| format!("::respawn:/probe {words}\n"));
    image.archive.file("/etc/inittab", 0o644, mounts + &services.concat());
    image.end(SIGUSR2);
    Ok(())
}

fn make_runit(_: &Peer, image: &mut Image) -> Result<()> {
    image.busybox()?;
    for name in ["runsv", "runsvdir", "sv"] {
        image.program(&format!("/usr/bin/{name}"), &[&format!("usr/bin/{name}")])?;
    }
    image.program("/sbin/runit", &["sbin/runit", "usr/sbin/runit"])?;
    image.program("/sbin/init", &["lib/runit/runit-init", "usr/lib/runit/runit-init"])?;
    image.archive.link("/init", "sbin/init");
    image.script("/etc/runit/1", &mount_lines());
    image.script("/etc/runit/2", "PATH=/usr/bin:/bin exec runsvdir -P /service");
    // Its own wait of 7 s, and then KILL.
    image.script("/etc/runit/3", "/usr/bin/sv force-stop /service/*");
    image.service_directories();
    image.end("/sbin/init 0");
    Ok(())
}

fn make_s6(_: &Peer, image: &mut Image) -> Result<()> {
    image.busybox()?;
    for name in ["s6-svscan", "s6-supervise"] {
        image.program(&format!("/usr/bin/{name}"), &[&format!("usr/bin/{name}")])?;
    }
    image.script("/init", &format!("{}\nPATH=/usr/bin:/bin exec s6-svscan /service", mount_lines()));
    image.script("/service/.s6-svscan/finish", "exec /bin/poweroff -f");
    image.service_directories();
    image.end(SIGTERM);
    Ok(())
}

fn make_finit(_: &Peer, image: &mut Image) -> Result<()> {
    image.busybox()?;
    image.program("/init", &["sbin/finit", "usr/sbin/finit"])?;
    for name in ["initctl", "logit", "getty", "sulogin"] {
        image.program(
            &format!("/lib/finit/{name}"),
            &[&format!("lib/finit/{name}"), &format!("usr/lib/finit/{name}")],
        )?;
    }
    let services =
        SERVICES.map(|(name, words)| format!("service [2345] name:{name} :{name} /probe {words} -- {name}\n"));
    image.archive.file("/etc/finit.conf", 0o644, format!("runlevel 2\n{}", services.concat()));
    image.archive.file("/etc/fstab", 0o644, "").dir("/etc/finit.d", 0o755);
    image.root_user();
    image.end(SIGUSR2);
    Ok(())
}

fn make_sysvinit(_: &Peer, image: &mut Image) -> Result<()> {
    image.busybox()?;
    image.program("/sbin/init", &["sbin/init", "usr/sbin/init"])?;
    image.archive.link("/init", "sbin/init");
    let services = SERVICES.map(|(name, words)| format!("{}:2:respawn:/probe {words}\n", &name[..2]));
    let head = "id:2:initdefault:\nsi::sysinit:/etc/rcS\nl0:0:wait:/etc/rc0\n";
    image.archive.file("/etc/inittab", 0o644, format!("{head}{}", services.concat()));
    image.script("/etc/rcS", &mount_lines());
    image.script("/etc/rc0", "exec /bin/poweroff -f");
    image.end("/sbin/init 0");
    Ok(())
}

fn make_container_init(peer: &Peer, image: &mut Image) -> Result<()> {
    let name = &peer.name;
    // tini has a static variant, which is what images without a C library take.
    image.program("/init", &[&format!("usr/bin/{name}-static"), &format!("usr/bin/{name}")])
}
