use super::super::{
    Container, CrashLimit, Kind, List, Log, Mount, Network, OnExit, OnFailure, Ready, Restart, Root, Seccomp, Service,
    Set, Wait,
};
use super::{accept, words};
use crate::text::duration::Millis;

#[test]
fn an_empty_file_is_an_empty_config() {
    for text in ["", "\n", "# nothing yet\r\n"] {
        let config = accept(text);
        assert!(config.hostname.is_none() && config.modules.is_empty() && config.sysctl.is_empty(), "{text:?}");
        assert_eq!(config.on_failure, OnFailure::Unset);
        assert!(config.roots.is_empty() && config.mounts.is_empty() && config.services.is_empty());
    }
}

#[test]
fn the_machine() {
    let config = accept(
        r#"
        hostname = "gateway"
        ip = "10.0.2.15::10.0.2.2::other:eth0"
        random-seed = "/var/lib/seed"
        modules = ["i2c-dev", "ext4"]
        sysctl = ["kernel.panic=5", "net/ipv4/ip_forward=1", "vm.empty="]
        on-failure = "reboot"
        [[root]]
        source = "/dev/disk/by-partlabel/rootfs"
        type = "ext4"
        options = "noatime"
        read-only = true
        wait = "1500ms"
        init = "/sbin/init"
        [[root]]
        source = "/dev/sda1"
        [[mount]]
        source = "/dev/sdb"
        target = "/data"
        type = "ext4"
        options = "noatime,nofail"
        [[mount]]
        source = "tag"
        target = "/tag"
        type = "9p"
        "#,
    );
    assert_eq!(config.hostname, Some(c"gateway"));
    assert_eq!(config.ip, Some(c"10.0.2.15::10.0.2.2::other:eth0"));
    assert_eq!(config.random_seed, Some(c"/var/lib/seed"));
    assert_eq!(words(&config, config.modules), ["i2c-dev", "ext4"]);
    assert_eq!(words(&config, config.sysctl), ["kernel.panic=5", "net/ipv4/ip_forward=1", "vm.empty="]);
    assert_eq!(config.on_failure, OnFailure::Reboot);
    let first = Root {
        image: None,
        fsck: false,
        source: c"/dev/disk/by-partlabel/rootfs",
        fstype: Some(c"ext4"),
        options: Some(c"noatime"),
        read_only: true,
        wait: Wait::For(Millis(1500)),
        init: Some(c"/sbin/init"),
        overlay: None,
    };
    assert_eq!(config.roots, [first, Root::new(c"/dev/sda1")]);
    let data = Mount { source: c"/dev/sdb", target: c"/data", fstype: Some(c"ext4"), options: Some(c"noatime,nofail") };
    assert_eq!(config.mounts, [data, Mount { fstype: Some(c"9p"), ..Mount::new(c"tag", c"/tag") }]);
    assert!(config.services.is_empty());
}

#[test]
fn one_root_needs_no_brackets() {
    let config = accept("[root]\nsource = \"/dev/vda\"\nwait = 10\ninit = \"tinyo\"\n");
    assert_eq!(config.roots[0].source, c"/dev/vda");
    assert_eq!(config.roots[0].wait, Wait::For(Millis(10_000)));
    assert_eq!(config.roots[0].init, Some(c"tinyo"));
}

#[test]
fn waits() {
    for (text, wait) in [
        ("\"forever\"", Wait::Forever),
        ("0", Wait::For(Millis(0))),
        ("\"2m\"", Wait::For(Millis(120_000))),
        ("\"1H\"", Wait::For(Millis(3_600_000))),
        ("\"7\"", Wait::For(Millis(7000))),
    ] {
        let config = accept(&std::format!("[root]\nsource = \"/dev/vda\"\nwait = {text}\n"));
        assert_eq!(config.roots[0].wait, wait, "{text}");
    }
}

#[test]
fn sources() {
    for source in ["/dev/vda", "/dev/disk/a=b", "rootfs", "10.0.0.1:/x"] {
        let config = accept(&std::format!("[root]\nsource = \"{source}\"\ntype = \"9p\"\n"));
        assert_eq!(config.roots[0].source.to_str(), Ok(source));
    }
}

#[test]
fn a_service_has_defaults() {
    let config = accept("[service.web]\nexec = [\"/app/web\", \"\"]\n");
    let service = &config.services[0];
    assert_eq!(words(&config, service.exec), ["/app/web", ""]);
    assert_eq!(
        std::format!("{service:?}"),
        std::format!("{:?}", Service { exec: service.exec, ..Service::new("web") })
    );
    assert_eq!(service.kind, Kind::Daemon);
    assert_eq!(service.restart, Restart::Always);
    assert!(service.autostart && service.ask && !service.broken && service.container.is_none());
    assert_eq!((service.stop_signal, service.stop_timeout), (15, Millis(5000)));
    assert_eq!((service.log, service.on_failure, service.on_exit), (Log::Kmsg, OnFailure::Unset, OnExit::None));
}

#[test]
fn what_is_not_said_follows_the_type() {
    for (kind, restart) in [("daemon", Restart::Always), ("console", Restart::Always), ("oneshot", Restart::Never)] {
        let config = accept(&std::format!("[service.x]\nexec = [\"x\"]\ntype = \"{kind}\"\n"));
        assert_eq!(config.services[0].restart, restart, "{kind}");
        let config =
            accept(&std::format!("[service.x]\nrestart = \"on-failure\"\nexec = [\"x\"]\ntype = \"{kind}\"\n"));
        assert_eq!(config.services[0].restart, Restart::OnFailure, "{kind}");
    }
}

#[test]
fn a_service_in_full() {
    let config = accept(
        r#"
        [service.db]
        exec = ["db"]
        [service.web]
        exec = ["/app/web", "-v"]
        stop = ["/app/web", "stop"]
        type = "console"
        tty = "/dev/ttyS0"
        ask = false
        restart = "never"
        after = ["db", "late"]
        requires = ["late"]
        autostart = false
        env = ["A=b", "EMPTY=", "X=a=b"]
        user = "app:1000"
        workdir = "/srv"
        log = "/data/web.log"
        stop-signal = "SIGint"
        stop-timeout = "250ms"
        crash-limit = "5 in 60s"
        on-failure = "none"
        on-exit = "halt"
        [service.late]
        exec = ["late"]
        "#,
    );
    let service = &config.services[1];
    assert_eq!(service.name.as_bytes(), b"web");
    assert_eq!(words(&config, service.exec), ["/app/web", "-v"]);
    assert_eq!(words(&config, service.stop), ["/app/web", "stop"]);
    assert_eq!((service.kind, service.tty, service.ask), (Kind::Console, Some(c"/dev/ttyS0"), false));
    assert_eq!((service.restart, service.autostart), (Restart::Never, false));
    assert_eq!((service.after, service.requires), (Set(0b101), Set(0b100)));
    assert_eq!(words(&config, service.env), ["A=b", "EMPTY=", "X=a=b"]);
    assert_eq!((service.user, service.workdir), (Some(c"app:1000"), Some(c"/srv")));
    assert_eq!(service.log, Log::Path(c"/data/web.log"));
    assert_eq!((service.stop_signal, service.stop_timeout), (2, Millis(250)));
    assert_eq!(service.crash_limit, Some(CrashLimit { count: 5, within: Millis(60_000) }));
    assert_eq!((service.on_failure, service.on_exit), (OnFailure::None, OnExit::Halt));
}

#[test]
fn every_word_of_a_choice() {
    let service = |line: &str| accept(&std::format!("[service.x]\nexec = [\"x\"]\n{line}\n")).services[0];
    let on_failure = [
        ("none", OnFailure::None),
        ("rescue", OnFailure::Rescue),
        ("reboot", OnFailure::Reboot),
        ("poweroff", OnFailure::Poweroff),
        ("halt", OnFailure::Halt),
        ("panic", OnFailure::Panic),
    ];
    for (word, value) in on_failure {
        assert_eq!(service(&std::format!("on-failure = '{word}'")).on_failure, value);
        assert_eq!(accept(&std::format!("on-failure = '{word}'")).on_failure, value);
    }
    for (word, value) in
        [("none", OnExit::None), ("poweroff", OnExit::Poweroff), ("reboot", OnExit::Reboot), ("halt", OnExit::Halt)]
    {
        assert_eq!(service(&std::format!("on-exit = '{word}'")).on_exit, value);
    }
    for (word, value) in [("always", Restart::Always), ("on-failure", Restart::OnFailure), ("never", Restart::Never)] {
        assert_eq!(service(&std::format!("restart = '{word}'")).restart, value);
    }
    for (word, value) in [("daemon", Kind::Daemon), ("oneshot", Kind::Oneshot), ("console", Kind::Console)] {
        assert_eq!(service(&std::format!("type = '{word}'")).kind, value);
    }
    for (word, value) in [("kmsg", Log::Kmsg), ("console", Log::Console), ("null", Log::Null), ("/x", Log::Path(c"/x"))]
    {
        assert_eq!(service(&std::format!("log = '{word}'")).log, value);
    }
    for (word, value) in
        [("none", Network::None), ("host", Network::Host), ("netns:/run/netns/a", Network::Netns(c"/run/netns/a"))]
    {
        let service = service(&std::format!("[service.x.container]\nroot = '/'\nnetwork = '{word}'"));
        assert_eq!(service.container.unwrap().network, value);
    }
}

#[test]
fn a_container_has_defaults() {
    let config = accept("[service.x]\nexec = ['x']\n[service.x.container]\nroot = '/srv'\n");
    let container = config.services[0].container.unwrap();
    assert_eq!(std::format!("{container:?}"), std::format!("{:?}", Container::new(c"/srv")));
    assert!(!container.read_only && container.init && !container.privileged && container.network == Network::None);
}

/// Who shares a network comes after whose it is, a copy too.
#[test]
fn a_network_of_another() {
    let table =
        |name: &str, keys: &str| std::format!("[service.{name}]\nexec = ['x']\n[service.{name}.container]\n{keys}\n");
    let config = accept(
        &(table("web", "root = '/srv'\nnetwork = 'service:db'")
            + &table("copy", "from = 'web'")
            + &table("db", "root = '/'")),
    );
    for index in [0, 1] {
        let service = &config.services[index];
        assert_eq!((service.after, service.requires), (Set(0b100), Set::EMPTY));
        assert_eq!(service.container.unwrap().network, Network::Service(c"db"));
        assert_eq!(config.shares(index), Some(b"db".as_slice()));
    }
    assert_eq!((config.shares(2), config.shares(3)), (None, None));
}

/// In whatever order the tables come, and over several steps.
#[test]
fn a_container_from_another() {
    let config = accept(
        r#"
        [service.c.container]
        from = "b"
        network = "none"
        volumes = []
        [service.b.container]
        from = "a"
        read-only = false
        hostname = "b"
        [service.a.container]
        root = "/a"
        read-only = true
        overlay = "tmpfs:4k"
        volumes = ["/data:/data", "/x:/y:ro", "/z:/z:rw,idmap"]
        tmpfs = ["/tmp", "/run:size=1m,noexec"]
        network = "host"
        init = false
        privileged = true
        cap-add = ["NET_ADMIN", "cap_sys_time"]
        cap-drop = ["ALL"]
        seccomp = "none"
        [service.a]
        exec = ["a"]
        [service.b]
        exec = ["b"]
        [service.c]
        exec = ["c"]
        "#,
    );
    let container = |name: &[u8]| config.services[config.service(name).unwrap()].container.unwrap();
    let (a, b, c) = (container(b"a"), container(b"b"), container(b"c"));
    assert_eq!([a.overlay, b.overlay, c.overlay], [Some(c"tmpfs:4k"); 3]);
    assert_eq!(words(&config, a.volumes), ["/data:/data", "/x:/y:ro", "/z:/z:rw,idmap"]);
    assert_eq!(words(&config, a.tmpfs), ["/tmp", "/run:size=1m,noexec"]);
    assert_eq!(words(&config, a.cap_add), ["NET_ADMIN", "cap_sys_time"]);
    assert_eq!(words(&config, a.cap_drop), ["ALL"]);
    assert!(a.read_only && !a.init && a.privileged && a.network == Network::Host && a.seccomp == Seccomp::None);
    assert_eq!(std::format!("{b:?}"), std::format!("{:?}", Container { read_only: false, hostname: Some(c"b"), ..a }));
    let changed = Container { network: Network::None, volumes: List { len: 0, ..c.volumes }, ..b };
    assert_eq!(std::format!("{c:?}"), std::format!("{changed:?}"));
}

/// Each key of its own wins, one by one.
#[test]
fn own_keys_replace_the_copied() {
    let model = "[service.a]\nexec = ['a']\n[service.a.container]\nroot = '/a'\n";
    let keys = [
        "root = '/b'",
        "read-only = true",
        "volumes = ['/a:/b']",
        "tmpfs = ['/t']",
        "hostname = 'h'",
        "network = 'host'",
        "init = false",
        "privileged = true",
        "cap-add = ['KILL']",
        "cap-drop = ['ALL']",
        "cap-ambient = ['KILL']",
        "no-new-privileges = false",
        "unmask = true",
        "seccomp = 'none'",
    ];
    for key in keys {
        let own = "[service.b]\nexec = ['b']\n[service.b.container]\n";
        let copied = accept(&std::format!("{own}{key}\nfrom = 'a'\n{model}"));
        let root = if key.starts_with("root") { "" } else { "root = '/a'\n" };
        let written = accept(&std::format!("{own}{key}\n{root}{model}"));
        let show = |config: &super::super::Config<'static>| {
            let container = config.services[0].container.unwrap();
            let lists =
                [container.volumes, container.tmpfs, container.cap_add, container.cap_drop, container.cap_ambient];
            let lists = lists.map(|list| words(config, list).join(" "));
            let Container { root, read_only, hostname, network, init, privileged, seccomp, .. } = container;
            let Container { new_privileges, unmask, .. } = container;
            std::format!(
                "{root:?} {read_only} {hostname:?} {network:?} {init} {privileged} {seccomp:?} {new_privileges} {unmask} \
                 {lists:?}"
            )
        };
        assert_eq!(show(&copied), show(&written), "{key}");
    }
}

#[test]
fn as_much_as_fits() {
    use std::fmt::Write;
    let mut text = std::string::String::new();
    for index in 0..64 {
        let _ = writeln!(
            text,
            "[service.s{index:031}]\nexec = ['x']\nafter = [{}]",
            "\"s0000000000000000000000000000000\", ".repeat(3 * usize::from(index > 0)).trim_end()
        );
    }
    for _ in 0..32 {
        text += "[[mount]]\nsource = '/dev/x'\ntarget = '/x'\n";
    }
    for _ in 0..4 {
        text += "[[root]]\nsource = '/dev/x'\n";
    }
    let config = accept(&text);
    assert_eq!((config.services.len(), config.mounts.len(), config.roots.len()), (64, 32, 4));
    assert_eq!(config.services[63].after, Set(1));

    let long = "a".repeat(4094);
    let list = "'x', ".repeat(256);
    let config = accept(&std::format!(
        "hostname = '{}'\n[service.x]\nworkdir = '/{long}'\nexec = [{list}]\nenv = ['A={long}']\n",
        "h".repeat(64)
    ));
    assert_eq!(words(&config, config.services[0].exec).len(), 256);
    assert_eq!(config.services[0].workdir.unwrap().to_bytes().len(), 4095);
}

#[test]
fn who_says_when_it_is_ready_has_a_time_for_it() {
    let service = |lines: &str| {
        let config = accept(&std::format!("[service.x]\nexec = [\"x\"]\n{lines}\n[service.l]\nexec = [\"l\"]\n"));
        config.services[0]
    };
    assert_eq!(service("").start_timeout, None);
    let notify = service("ready = \"notify\"\nwatchdog = \"10s\"");
    assert_eq!((notify.ready, notify.start_timeout), (Ready::Notify, Some(Millis(60_000))));
    assert_eq!(notify.watchdog, Some(Millis(10_000)));
    let fd = service("start-timeout = 5\nready = \"fd:4\"\nreload-signal = \"HUP\"");
    assert_eq!((fd.ready, fd.start_timeout, fd.reload_signal), (Ready::Fd(4), Some(Millis(5_000)), Some(1)));
    let logger = service("log = \"service:l\"");
    assert_eq!(logger.log, Log::Service(c"l"));
    assert!(logger.after.contains(1), "who reads the lines is there first");
}

#[test]
fn what_a_root_is_under() {
    for (written, overlay) in [
        ("tmpfs", c"tmpfs"),
        ("tmpfs:64M", c"tmpfs:64M"),
        ("/dev/vdb1", c"/dev/vdb1"),
        ("LABEL=state", c"LABEL=state"),
        ("/dev/disk/by-partlabel/state", c"/dev/disk/by-partlabel/state"),
        ("8:17", c"8:17"),
    ] {
        let text = std::format!("[root]\nsource = '/dev/vda'\noverlay = '{written}'\n");
        let root = accept(&text).roots[0];
        assert_eq!((root.overlay, root.read_only, root.is_read_only()), (Some(overlay), false, true));
    }
}
