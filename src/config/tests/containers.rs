//! Errors of `[service.NAME.container]`.

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

#[test]
fn values_of_a_container() {
    told_of_container(&[
        ("network = 'bridge'", "@11 network cannot be \"bridge\"; write one of none host"),
        (
            "network = 'netns:/x'",
            "@11 network cannot be \"netns:/x\" in this version of tinyo; write another value, or remove it",
        ),
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
            "volumes = ['data:/b']",
            "@12 \"data:/b\" has no path as its source, and there are no named volumes; write \"/SOURCE:/TARGET\"",
        ),
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
