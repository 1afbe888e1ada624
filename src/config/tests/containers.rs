//! Errors of `[service.NAME.container]`.

use std::format;

use super::errors::{problems, told_of_container};
use crate::config::value;

#[test]
fn a_oneshot_is_never_ready() {
    let text = "[service.x]\nexec = [\"x\"]\ntype = \"oneshot\"\nready = \"notify\"\n";
    let expected = "1:1 in x ready does not go with type = \"oneshot\", which is done when it has ended; remove it";
    assert_eq!(problems(text), [expected]);
}

#[test]
fn a_stop_command_cannot_enter_a_container() {
    let text = "[service.web]\nexec = ['x']\nstop = ['y']\n[service.web.container]\nroot = '/r'\n";
    let expected = "1:1 in web stop does not go with a container in this version of tinyo; remove it";
    assert_eq!(problems(text), [expected]);
}

/// Those of namespaces are a container's; in a network that it shares they would be others' too.
#[test]
fn settings_are_of_its_own_namespaces() {
    let machines =
        |word: &str| format!("@11 \"{word}\" is the whole machine's; write it under sysctl at the top of the file");
    for word in ["kernel.panic=5", "vm.swappiness=1", "a=b", "fs.mqueue=1", "netx=1", "kernel/panic=1"] {
        told_of_container(&[(&format!("sysctl = ['{word}']"), &machines(word))]);
    }
    for word in ["net", "net/../kernel/panic=5", "net.//.kernel.panic=5", "=x", "/net=1"] {
        let expected = format!("@11 \"{word}\" is no setting; write \"NAME=VALUE\", as \"kernel.panic=5\"");
        told_of_container(&[(&format!("sysctl = ['{word}']"), &expected)]);
    }
    let text = |network: &str| {
        format!(
            "[service.x]\nexec = ['x']\n[service.x.container]\nroot = '/r'\nnetwork = '{network}'\n\
             sysctl = ['kernel.shmmax=1', 'fs/mqueue/msg_max=2', 'kernel.sem=1 2', 'net/ipv4/conf/eth0.5/forwarding=1']\n"
        )
    };
    assert_eq!(problems(&text("none")), [""; 0]);
    let word = "net/ipv4/conf/eth0.5/forwarding=1";
    let expected =
        format!("1:1 in x \"{word}\" is of a network that is not the container's own; write it where that is made");
    assert_eq!(problems(&text("host")), [expected]);
}

#[test]
fn values_of_a_container() {
    told_of_container(&[
        (
            "network = 'bridge'",
            "@11 network cannot be \"bridge\"; write one of none host, service:NAME, or netns:/PATH",
        ),
        (
            "network = 'netns:x'",
            "@11 network cannot be \"netns:x\"; write one of none host, service:NAME, or netns:/PATH",
        ),
        (
            "network = 'service:bd'",
            "@11 network names \"bd\", which is no service; write [service.bd] too, or correct the name",
        ),
        ("userns = 'keep-id'", "@10 userns cannot be \"keep-id\"; write one of host auto"),
        ("userns = true", "@10 userns cannot be \"true\"; write one of host auto"),
        ("volumes = ['/a']", "@12 \"/a\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only"),
        (
            "volumes = ['/a:b']",
            "@12 \"/a:b\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only",
        ),
        (
            "volumes = ['/a://']",
            "@12 \"/a://\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only",
        ),
        (
            "volumes = ['/a:/b:z']",
            "@12 \"/a:/b:z\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only",
        ),
        (
            "volumes = ['/a:/b:ro,']",
            "@12 \"/a:/b:ro,\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only",
        ),
        (
            "volumes = ['data:/b']",
            "@12 \"data:/b\" has no path as its source, and there are no named volumes; write \"/SOURCE:/TARGET\"",
        ),
        (
            "volumes = ['./data:/b']",
            "@12 \"./data:/b\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only",
        ),
        (
            "overlay = 'tmpfs:'",
            "@11 \"tmpfs:\" is no overlay; write overlay = \"tmpfs:64M\", or the path of a directory",
        ),
        ("overlay = 'up'", "@11 \"up\" is no overlay; write overlay = \"tmpfs:64M\", or the path of a directory"),
        ("tmpfs = ['tmp']", "@10 \"tmp\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        // What the root's own mounts would cover, or the container leaves.
        ("tmpfs = ['/']", "@10 \"/\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        ("tmpfs = ['/a/..']", "@10 \"/a/..\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        ("tmpfs = ['//sys/x']", "@10 \"//sys/x\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        ("devices = ['null']", "@12 \"null\" is no device; write \"/dev/NAME\" or \"/SOURCE:/dev/TARGET\""),
        ("devices = ['/dev/a:z']", "@12 \"/dev/a:z\" is no device; write \"/dev/NAME\" or \"/SOURCE:/dev/TARGET\""),
        ("devices = ['/dev/a:']", "@12 \"/dev/a:\" is no device; write \"/dev/NAME\" or \"/SOURCE:/dev/TARGET\""),
        (
            "devices = ['/dev/a:/b']",
            "@12 \"/dev/a:/b\" is not below /dev in the container; write \"/SOURCE:/dev/TARGET\"",
        ),
        ("devices = ['/srv/a']", "@12 \"/srv/a\" is not below /dev in the container; write \"/SOURCE:/dev/TARGET\""),
        (
            "devices = ['/dev/../b']",
            "@12 \"/dev/../b\" is not below /dev in the container; write \"/SOURCE:/dev/TARGET\"",
        ),
        ("devices = ['/dev/']", "@12 \"/dev/\" is not below /dev in the container; write \"/SOURCE:/dev/TARGET\""),
        (
            "devices = ['/dev/a:r']",
            "@12 \"/dev/a:r\" wants a device cgroup, which this version of tinyo has not; write :rw",
        ),
        ("cap-add = ['NET_RWA']", "@12 \"NET_RWA\" is not known in cap-add; did you mean \"NET_RAW\""),
        ("seccomp = 'unconfined'", "@11 seccomp cannot be \"unconfined\"; write one of default none"),
        ("seccomp = false", "@11 seccomp cannot be \"false\"; write one of default none"),
        ("cap-drop = ['x']", "@13 \"x\" is no capability; write a name of capabilities(7), or ALL"),
        (
            "hostname = 'a b'",
            "@12 \"a b\" is no host name; write at most 64 letters, digits, - and dots, a letter or digit first",
        ),
    ]);
}

#[test]
fn devices_as_docker_has_them() {
    for (text, source, target) in [
        ("/dev/ttyUSB0", "/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("/dev/ttyUSB0:rw", "/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("/dev/a:/dev/b", "/dev/a", "/dev/b"),
        ("/x/a:/dev/snd/b:rwm", "/x/a", "/dev/snd/b"),
    ] {
        let wanted = value::Device { source: source.as_bytes(), target: target.as_bytes() };
        assert_eq!(value::device(text.as_bytes()), Ok(wanted), "{text}");
    }
}

/// Only a container with a network of its own has one to share.
#[test]
fn networks_of_services() {
    let joiner = "[service.web]\nexec = ['x']\n[service.web.container]\nroot = '/r'\nnetwork = 'service:db'\n";
    let none = "5:11 in web network names \"db\", which has no network of its own; write network = \"none\" in [service.db.container]";
    let db = "[service.db]\nexec = ['x']\n";
    let container = |network: &str| format!("{db}[service.db.container]\nroot = '/r'\nnetwork = '{network}'\n");
    assert_eq!(problems(&format!("{joiner}{}", container("none"))), [] as [&str; 0]);
    assert_eq!(problems(&format!("{joiner}{db}")), [none]);
    assert_eq!(problems(&format!("{joiner}{}", container("host"))), [none]);
    assert_eq!(problems(&format!("{joiner}{}", container("netns:/x"))), [none]);
    let range = joiner.replace("'service:db'", "'service:db'\nuserns = 'auto'");
    let other = "5:11 in web network names \"db\", but a user namespace of its own joins no other's; leave userns out";
    assert_eq!(problems(&format!("{range}{}", container("none"))), [other]);
    let near = "5:11 in web network names \"db\", which is no service; did you mean \"dbb\"";
    assert_eq!(problems(&format!("{joiner}[service.dbb]\nexec = ['x']\n")), [near]);
    // Once is enough for a copy.
    let copy = "[service.copy]\nexec = ['x']\n[service.copy.container]\nfrom = 'web'\n";
    assert_eq!(problems(&format!("{joiner}{copy}{db}")), [none]);
    // Each has the other's: nobody has one.
    let told = problems(&format!("{joiner}{}", container("service:web")));
    assert_eq!(told.len(), 3, "{told:?}");
    let circle = "1:1 in web services that wait for each other: web, db; remove one of their after or requires";
    assert!(told.iter().any(|line| line == circle), "{told:?}");
}
