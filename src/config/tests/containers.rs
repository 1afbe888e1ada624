//! Errors of `[service.NAME.container]`.

use super::errors::{problems, told_of_container};

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
            "volumes = ['data:/b']",
            "@12 \"data:/b\" has no path as its source, and there are no named volumes; write \"/SOURCE:/TARGET\"",
        ),
        ("tmpfs = ['tmp']", "@10 \"tmp\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        // What the root's own mounts would cover, or the container leaves.
        ("tmpfs = ['/']", "@10 \"/\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        ("tmpfs = ['/a/..']", "@10 \"/a/..\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        ("tmpfs = ['//sys/x']", "@10 \"//sys/x\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\""),
        ("cap-add = ['NET_RWA']", "@12 \"NET_RWA\" is not known in cap-add; did you mean \"NET_RAW\""),
        ("cap-drop = ['x']", "@13 \"x\" is no capability; write a name of capabilities(7), or ALL"),
        (
            "hostname = 'a b'",
            "@12 \"a b\" is no host name; write at most 64 letters, digits, - and dots, a letter or digit first",
        ),
    ]);
}
