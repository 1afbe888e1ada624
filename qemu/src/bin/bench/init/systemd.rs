//! systemd with a default.target of its own: four services, and what it needs to power off.

use anyhow::{Context, Result};

use super::peer::{Image, Peer, SERVICES};

pub fn make(_: &Peer, image: &mut Image) -> Result<()> {
    let package = image.package.context("systemd's package")?;
    for name in ["systemd", "systemd-shutdown", "systemd-executor"] {
        let places = [format!("usr/lib/systemd/{name}"), format!("lib/systemd/{name}")];
        let places = [places[0].as_str(), places[1].as_str()];
        // The last is of newer ones, which start services by it.
        if name != "systemd-executor" || package.file(&places).is_ok() {
            image.program(&format!("/lib/systemd/{name}"), &places)?;
        }
    }
    image.archive.link("/init", "lib/systemd/systemd").link("/usr/lib/systemd", "../../lib/systemd");
    let units = package.directory(&["lib/systemd/system", "usr/lib/systemd/system"])?;
    for name in ["shutdown.target", "umount.target", "final.target", "poweroff.target", "systemd-poweroff.service"] {
        let unit = std::fs::read(units.join(name)).with_context(|| format!("{name}: read it"))?;
        image.archive.file(format!("/lib/systemd/system/{name}"), 0o644, unit);
    }
    for (name, words) in SERVICES {
        // No limit of its own to what the probe does to it.
        let unit = format!(
            "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n\
             [Service]\nExecStart=/probe {words}\nRestart=always\nTasksMax=infinity\n"
        );
        image.archive.file(format!("/etc/systemd/system/{name}.service"), 0o644, unit);
    }
    let wanted = SERVICES.map(|(name, _)| format!("{name}.service")).join(" ");
    let target = format!("[Unit]\nDefaultDependencies=no\nRequires={wanted}\n");
    image.archive.file("/etc/systemd/system/default.target", 0o644, target);
    image.archive.file("/etc/os-release", 0o644, "NAME=bench\nID=bench\n");
    image.archive.file("/etc/machine-id", 0o444, "0123456789abcdef0123456789abcdef\n");
    image.root_user();
    // SIGRTMIN+4: starts poweroff.target.
    image.end("signal 38");
    Ok(())
}
