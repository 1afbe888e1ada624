//! Containers that want everything there is: their limits are met by them, and by nobody else.

use std::{fs, os::unix::fs::PermissionsExt};

use nix::sys::signal::{Signal, kill};

use super::Siege;
use crate::{house::soon, scene::Scene};

/// What needs no cgroup, which a test's supervisor has not: processes by RLIMIT_NPROC, memory by RLIMIT_AS. (The limits of
/// cgroups are tested in QEMU: `cgroups.rs`.) The supervisor still answers, and its end is the end of all.
#[test]
fn hogs_are_held_to_their_limits() {
    let Some(siege) = Siege::build() else { return };
    let root = siege.house.root().display().to_string();
    let service = |name: &str, words: &str, keys: &str| {
        format!(
            "[service.{name}]\nexec = [{words}]\n{keys}\n[service.{name}.container]\nroot = \"{root}\"\nvolumes = [\"{}:/out\"]\n",
            siege.house.beside("out").display()
        )
    };
    fs::set_permissions(siege.house.directory("out"), fs::Permissions::from_mode(0o777)).unwrap();
    let config = service(
        "bomb",
        "\"/bin/sh\", \"-c\", \"attacker bomb >/out/bomb; exec sleep 100000\"",
        "user = \"7777:7777\"\nulimit = [\"nproc=40\"]",
    ) + &service(
        "eater",
        "\"/bin/sh\", \"-c\", \"attacker eat; echo $? >/out/eater; exec sleep 100000\"",
        "ulimit = [\"as=67108864\"]",
    ) + &service(
        "storm",
        "\"/bin/sh\", \"-c\", \"i=0; while [ $i -lt 500 ]; do (usleep 1 &); i=$((i+1)); done; echo done >/out/storm; exec sleep 100000\"",
        "",
    ) + &service(
        "chatter",
        "\"/bin/sh\", \"-c\", \"yes 'a line without an end' | head -c 3000000; echo done >/out/chatter; exec sleep 100000\"",
        "log = \"null\"",
    );
    let Some(scene) = Scene::start(&config) else { return };
    let read = |name: &str| fs::read_to_string(siege.house.beside("out").join(name)).unwrap_or_default();
    for name in ["bomb", "eater", "storm", "chatter"] {
        soon(&format!("{name} has met its limit"), || read(name).ends_with('\n'));
    }
    let bomb = read("bomb");
    let count: usize = bomb.split(' ').next().unwrap().parse().unwrap();
    assert!(bomb.ends_with("EAGAIN\n") && (30..=40).contains(&count), "{bomb}");
    // Killed by its own abort, when the allocator got no more.
    assert_eq!(read("eater"), "134\n");
    for name in ["bomb", "eater", "storm", "chatter"] {
        scene.becomes(name, "ready");
    }
    kill(scene.pid, Signal::SIGTERM).unwrap();
    soon("all is over", || !scene.lives());
}
