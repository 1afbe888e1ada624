use std::format;
use std::string::String;
use std::vec::Vec;

use super::read;
use crate::text::put::shown;

/// What is told of `text`, sorted by place.
pub fn problems(text: &str) -> Vec<String> {
    let mut problems = read(text.as_bytes()).2;
    problems.sort_by_key(|problem| {
        let (line, rest) = problem.split_once(':').unwrap();
        let column = rest.split(' ').next().unwrap();
        (line.parse::<u32>().unwrap(), column.parse::<u32>().unwrap())
    });
    problems
}

fn told(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(problems(text), *expected, "{text}");
    }
}

/// One key of a service that is right otherwise.
pub fn told_of_service(table: &[(&str, &str)]) {
    for (line, expected) in table {
        let expected = expected.replace("@", "3:").replacen(' ', " in x ", 1);
        assert_eq!(problems(&format!("[service.x]\nexec = ['x']\n{line}\n")), [expected], "{line}");
    }
}

/// One key of a container that is right otherwise.
pub fn told_of_container(table: &[(&str, &str)]) {
    for (line, expected) in table {
        let expected = expected.replace("@", "5:").replacen(' ', " in x ", 1);
        let text = format!("[service.x]\nexec = ['x']\n[service.x.container]\nroot = '/r'\n{line}\n");
        assert_eq!(problems(&text), [expected], "{line}");
    }
}

#[test]
fn tables() {
    told(&[
        ("[rot]\nsource = '/dev/x'", &["1:1 unknown table [rot]; did you mean [root]"]),
        ("[mounts]", &["1:1 unknown table [mounts]; did you mean [[mount]]"]),
        ("[servcie.x]", &["1:1 unknown table [servcie.x]; did you mean [service.NAME]"]),
        ("[service]", &["1:1 [service] has no name; write [service.NAME]"]),
        (
            "[web]\nexec = 5",
            &["1:1 unknown table [web]; write [root], [[mount]], [service.NAME] or [service.NAME.container]"],
        ),
        ("[root.x]", &["1:1 unknown table [root.x]; did you mean [root]"]),
        ("[service.a.contaner]", &["1:1 unknown table [service.a.contaner]; write [service.a.container]"]),
        ("[service.a.container.b]", &["1:1 unknown table [service.a.container.b]; write [service.a.container]"]),
        (
            "[service.-a]",
            &["1:1 -a is no service name; write at most 32 letters, digits, - and _, a letter or digit first"],
        ),
        (
            "[service._a]",
            &["1:1 _a is no service name; write at most 32 letters, digits, - and _, a letter or digit first"],
        ),
        ("[mount]\nsource = '/dev/x'\ntarget = '/x'", &["1:1 [mount] is one of several; write [[mount]]"]),
        ("[[service.a]]\nexec = ['a']", &["1:1 in a [[service.a]] is only one; write [service.a]"]),
        (
            "[service.a]\nexec = ['a']\n[service.a]\nexec = ['a']",
            &["3:1 in a [service.a] is there twice; write its keys in one table"],
        ),
        (
            "[root]\nsource = '/dev/x'\n[root]\nsource = '/dev/y'",
            &["3:1 [root] is there twice; write [[root]] for each of several"],
        ),
        (
            "[root]\nsource = '/dev/x'\n[[root]]\nsource = '/dev/y'",
            &["3:1 [root] is there twice; write [[root]] for each of several"],
        ),
        (
            "[[root]]\nsource = '/dev/x'\n[root]\nsource = '/dev/y'",
            &["3:1 [root] is there twice; write [[root]] for each of several"],
        ),
        ("[root]", &["1:1 source is missing here; write source = \"/dev/...\""]),
        (
            "\n [[mount]]",
            &[
                "2:2 source is missing here; write source = \"/dev/...\"",
                "2:2 target is missing here; write target = \"/...\"",
            ],
        ),
        ("[service.a]", &["1:1 in a exec is missing here; write exec = [\"/path/of/program\"]"]),
        ("[service.a.container]\nroot = '/'", &["1:1 in a there is no [service.a]; write that too, with its exec"]),
        ("[service.a]\nexec = ['a']\n[service.a.container]", &["3:1 in a root is missing here; write root = \"/...\""]),
    ]);
    let name = "n".repeat(33);
    let expected =
        format!("1:1 {name} is no service name; write at most 32 letters, digits, - and _, a letter or digit first");
    assert_eq!(problems(&format!("[service.{name}]\nexec = ['x']")), [expected]);
}

#[test]
fn an_error_of_the_reader_is_one_of_the_service() {
    told(&[
        ("[service.a]\nexec = ['a']\nuser = root", &["3:8 in a root has no quotes; write \"root\""]),
        ("hostname = root", &["1:12 root has no quotes; write \"root\""]),
        // A table without a name is nobody's.
        (
            "[service.a]\nexec = ['a']\n[service.\"b\"]\nexec = 5\n",
            &["3:1 in a quoted name in [service.\"b\"]; write letters, digits, - and _ without quotes"],
        ),
    ]);
    assert!(!read(b"[service.a]\nexec = ['a']\n[service.\"b\"]\n").1.usable);
}

#[test]
fn keys() {
    told(&[
        ("hostnmae = 'x'", &["1:1 unknown key hostnmae; did you mean hostname"]),
        (
            "xyz = 'x'",
            &[
                "1:1 unknown key xyz; write one of hostname modules sysctl on-failure watchdog watchdog-stop ip random-seed",
            ],
        ),
        ("hostname = 'a'\nhostname = 'b'", &["2:1 hostname is there twice; write one line"]),
        ("source = 'x'", &["1:1 source does not belong here; write it under [root]"]),
        ("target = '/x'", &["1:1 target does not belong here; write it under [[mount]]"]),
        ("exec = ['x']", &["1:1 exec does not belong here; write it under [service.NAME]"]),
        ("volumes = []", &["1:1 volumes does not belong here; write it under [service.NAME.container]"]),
        (
            "ip = ':::::eth0:dhcp'",
            &[
                "1:6 ip cannot have \"dhcp\"; write ip = \"10.0.0.2::10.0.0.1:255.255.255.0::eth0:off\", or a DHCP client as a service",
            ],
        ),
        (
            "ip = '10.0.0.2::::-box'",
            &[
                "1:6 ip cannot have \"-box\"; write ip = \"10.0.0.2::10.0.0.1:255.255.255.0::eth0:off\", or a DHCP client as a service",
            ],
        ),
        ("random-seed = 'seed'", &["1:15 \"seed\" is no absolute path; write random-seed = \"/seed\""]),
        ("watchdog = 'on'", &["1:12 \"on\" is no duration; write a number with ms, s, m or h, as watchdog = \"5s\""]),
        ("watchdog-stop = 'off'", &["1:17 watchdog-stop cannot be \"off\"; write one of poweroff always never"]),
        (
            "[root]\nsource = '/dev/x'\nwatchdog = 15",
            &["3:1 watchdog does not belong here; move it above the first [table]"],
        ),
        (
            "[root]\nsource = '/dev/x'\nsysctl = []",
            &["3:1 sysctl does not belong here; move it above the first [table]"],
        ),
    ]);
    told_of_service(&[
        ("modules = ['x']", "@1 modules does not belong here; move it above the first [table]"),
        ("volumes = ['/a:/b']", "@1 volumes does not belong here; write it under [service.x.container]"),
        ("hostname = 'x'", "@1 hostname does not belong here; write it under [service.x.container]"),
        ("timeout = '5s'", "@1 unknown key timeout; did you mean stop-timeout"),
        ("read_only = true", "@1 unknown key read_only; did you mean read-only"),
        ("ip = 'x'", "@1 ip does not belong here; move it above the first [table]"),
        ("exec = ['y']", "@1 exec is there twice; write one line"),
    ]);
    told_of_container(&[
        ("user = 'app'", "@1 user does not belong here; write it under [service.x]"),
        ("userns = false", "@10 userns cannot be \"false\"; write one of host auto"),
    ]);
}

#[test]
fn wrong_types() {
    told_of_service(&[
        ("stop = '/bin/stop -f now'", "@8 stop is a list of strings; write stop = [\"/bin/stop\", \"-f\", \"now\"]"),
        ("env = 'A=b c'", "@7 env is a list of strings; write env = [\"A=b c\"]"),
        ("stop = true", "@8 stop is a list of strings; write stop = [\"true\"]"),
        ("env = ['A=b', 5]", "@15 env is a list of strings; write \"5\""),
        ("user = 1000", "@8 user is a string; write user = \"1000\""),
        ("user = ['app', 'b']", "@9 user is a string; write user = \"app\""),
        ("user = []", "@9 user is a string; write user = \"...\""),
        ("ask = 'yes'", "@7 ask is true or false; write ask = true"),
        ("ask = 0", "@7 ask is true or false; write ask = false"),
        ("ask = [true]", "@8 ask is true or false; write ask = true"),
        ("ask = []", "@8 ask is true or false; write ask = true"),
        ("restart = true", "@11 restart cannot be \"true\"; write one of always on-failure never"),
        ("restart = ['never']", "@12 restart is a string; write restart = \"never\""),
        (
            "stop-timeout = 0.5",
            "@16 \"0.5\" is no duration; write a number with ms, s, m or h, as stop-timeout = \"5s\"",
        ),
        ("stop-timeout = -1", "@16 \"-1\" is no duration; write a number with ms, s, m or h, as stop-timeout = \"5s\""),
        ("stop-timeout = [5]", "@17 stop-timeout is a string; write stop-timeout = \"5\""),
    ]);
}

#[test]
fn values_of_a_service() {
    told_of_service(&[
        ("user = ''", "@8 user is empty; write a value, or remove it"),
        ("stop = []", "@9 stop is empty; write stop = [\"/path/of/program\"]"),
        ("stop = ['']", "@9 stop is empty; write a value, or remove it"),
        ("env = ['A=b', '']", "@15 env is empty; write a value, or remove it"),
        ("workdir = 'srv'", "@11 \"srv\" is no absolute path; write workdir = \"/srv\""),
        ("tty = 'ttyS0'", "@7 \"ttyS0\" is no absolute path; write tty = \"/dev/ttyS0\""),
        ("type = 'deamon'", "@8 type cannot be \"deamon\"; write one of daemon oneshot console"),
        ("restart = 'Always'", "@11 restart cannot be \"Always\"; write one of always on-failure never"),
        ("on-exit = 'rescue'", "@11 on-exit cannot be \"rescue\"; write one of none poweroff reboot halt"),
        ("on-failure = 'x'", "@14 on-failure cannot be \"x\"; write one of none rescue reboot poweroff halt panic"),
        (
            "log = 'syslog'",
            "@7 log cannot be \"syslog\"; write one of kmsg console null, service:NAME, or an absolute path",
        ),
        ("log = 'service:l'", "@7 log names \"l\", which is no service; write [service.l] too, or correct the name"),
        ("reload-signal = 'x'", "@17 \"x\" is no signal; write a name of signal(7), as reload-signal = \"TERM\""),
        (
            "stop-timeout = '5 s'",
            "@16 \"5 s\" is no duration; write a number with ms, s, m or h, as stop-timeout = \"5s\"",
        ),
        (
            "stop-timeout = '05s'",
            "@16 \"05s\" is no duration; write a number with ms, s, m or h, as stop-timeout = \"5s\"",
        ),
        ("crash-limit = '5'", "@15 \"5\" is no crash limit; write crash-limit = \"5 in 60s\""),
        ("crash-limit = '0 in 5s'", "@15 \"0 in 5s\" is no crash limit; write crash-limit = \"5 in 60s\""),
        ("crash-limit = '5 in 0s'", "@15 \"5 in 0s\" is no crash limit; write crash-limit = \"5 in 60s\""),
        ("stop-signal = 'TREM'", "@15 \"TREM\" is not known in stop-signal; did you mean \"TERM\""),
        ("stop-signal = '15'", "@15 \"15\" is no signal; write a name of signal(7), as stop-signal = \"TERM\""),
        ("user = 'a:b:c'", "@8 \"a:b:c\" is no user; write USER or USER:GROUP, names or numbers"),
        ("user = '-a'", "@8 \"-a\" is no user; write USER or USER:GROUP, names or numbers"),
        ("user = '4294967295'", "@8 \"4294967295\" is no user; write USER or USER:GROUP, names or numbers"),
        ("user = '007'", "@8 \"007\" is no user; write USER or USER:GROUP, names or numbers"),
        ("user = 'a:'", "@8 \"a:\" is no user; write USER or USER:GROUP, names or numbers"),
        ("env = ['A']", "@8 \"A\" has no value; write \"NAME=VALUE\""),
        ("env = ['=b']", "@8 \"=b\" has no value; write \"NAME=VALUE\""),
    ]);
    let long = "a".repeat(4096);
    told_of_service(&[(&format!("user = '{long}'"), "@8 user is too long; write at most 4095 bytes")]);
}

#[test]
fn names_of_services() {
    let services = "[service.web]\nexec = ['x']\n[service.db]\nexec = ['x']\n";
    let table: [(&str, &[&str]); 9] = [
        ("after = ['dbb']", &["5:10 in db after names \"dbb\", which is no service; did you mean \"db\""]),
        (
            "requires = ['web', 'cache']",
            &[
                "5:20 in db requires names \"cache\", which is no service; write [service.cache] too, or correct the name",
            ],
        ),
        ("after = ['db']", &["3:1 in db services that wait for each other: db; remove one of their after or requires"]),
        ("after = ['']", &["5:10 in db after is empty; write a value, or remove it"]),
        (
            "[service.db.container]\nfrom = 'wbe'",
            &["6:8 in db from names \"wbe\", which is no service; did you mean \"web\""],
        ),
        (
            "[service.db.container]\nfrom = 'web'",
            &["6:8 in db from = \"web\" copies nothing; write [service.web.container]"],
        ),
        ("[service.db.container]\nfrom = 'db'", &["6:8 in db from = \"db\" comes back to itself; write a root there"]),
        (
            "[service.web.container]\n[service.db.container]\nfrom = 'web'",
            &[
                "5:1 in web root is missing here; write root = \"/...\"",
                "7:8 in db from = \"web\" copies what has errors; correct [service.web] first",
            ],
        ),
        (
            "[service.web.container]\nfrom = 'db'\n[service.db.container]\nfrom = 'web'",
            &[
                "6:8 in web from = \"db\" comes back to itself; write a root there",
                "8:8 in db from = \"web\" comes back to itself; write a root there",
            ],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(problems(&format!("{services}{text}\n")), expected, "{text}");
    }
}

/// Who is in a circle is named, in the order of the waiting; who only waits for one of them is not.
#[test]
fn circles() {
    let text = "[service.a]\nexec = ['x']\nafter = ['b']\n[service.b]\nexec = ['x']\nrequires = ['c']\n\
                [service.c]\nexec = ['x']\nafter = ['d', 'b']\n[service.d]\nexec = ['x']\nafter = ['e']\n[service.e]\nexec = ['x']\n\
                [service.f]\nexec = ['x']\nafter = ['g']\n[service.g]\nexec = ['x']\nrequires = ['f']\n";
    let (config, verdict, told) = read(text.as_bytes());
    assert_eq!(
        told,
        [
            "4:1 in b services that wait for each other: b, c; remove one of their after or requires",
            "18:1 in g services that wait for each other: g, f; remove one of their after or requires",
        ]
    );
    assert!(verdict.usable);
    let broken = config.services.iter().filter(|service| service.broken);
    assert_eq!(broken.map(|service| shown(&service.name)).collect::<Vec<_>>(), ["b", "c", "f", "g"]);
}

#[test]
fn too_much() {
    let service = |index: usize| format!("[service.s{index}]\nexec = ['x']\n");
    let many = "too many tables like this; write at most 64 services, 32 mounts and 4 roots";
    assert_eq!(problems(&(0..65).map(service).collect::<String>()), [format!("129:1 {many}")]);
    assert_eq!(problems(&"[[mount]]\nsource = '/dev/x'\ntarget = '/x'\n".repeat(33)), [format!("97:1 {many}")]);
    assert_eq!(problems(&"[[root]]\nsource = '/dev/x'\n".repeat(5)), [format!("9:1 {many}")]);

    let words = "too many items; write at most 256 in a list, 1024 in a file";
    let list = format!("[{}]", "'x',".repeat(257));
    assert_eq!(problems(&format!("modules = {list}")), [format!("1:{} {words}", 11 + 1 + 256 * 4)]);
    let list = format!("[{}]", "'x',".repeat(250));
    let five: String = (0..5).map(|index| format!("[service.s{index}]\nexec = {list}\n")).collect();
    assert_eq!(problems(&five), [format!("10:{} in s4 {words}", 9 + 24 * 4)]);

    let names = "'s0',".repeat(200);
    let text = format!("{}[service.s1]\nexec = ['x']\nafter = [{names}]\nrequires = [{names}]\n", service(0));
    let links = "too many names of services; write at most 256 in all after, requires and from of a file";
    assert_eq!(problems(&text), [format!("6:{} in s1 {links}", 13 + 56 * 5)]);

    let (_, verdict, told) = read("=\n".repeat(30_000).as_bytes());
    assert_eq!((verdict.problems, told.len()), (30_000, 100));
    assert_eq!(told[99], "100:1 more is wrong than is shown; correct this first");
}

/// One service with an error leaves the others and the machine as they are.
#[test]
fn a_broken_service_is_alone() {
    let (config, verdict, told) = read(b"hostname = 'h'\n[service.a]\nexec = 5\n[service.b]\nexec = ['b']\n");
    assert_eq!(told, ["3:8 in a exec is a list of strings; write exec = [\"5\"]"]);
    assert!(verdict.usable && config.services[0].broken && !config.services[1].broken);
    assert!(!read(b"hostname = 5\n[service.b]\nexec = ['b']\n").1.usable);
}

/// What comes from the file is shown so that it cannot break a line.
#[test]
fn foreign_text_is_harmless() {
    let told = problems("hostname = '\u{9b}31m\u{202e}x'\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("1:12 \"\\xc2\\x9b31m\\xe2\\x80\\xaex\" is no host name; "), "{told:?}");
}

/// Every text is asserted above.
#[test]
fn every_error_is_asserted() {
    let files = [
        include_str!("errors.rs"),
        include_str!("containers.rs"),
        include_str!("handed.rs"),
        include_str!("limits.rs"),
        include_str!("machine.rs"),
    ];
    let source = files.concat();
    for line in include_str!("../wrong.rs").lines().filter(|line| line.starts_with("    ") && line.ends_with("\",")) {
        let text = line.split_once(" = \"").unwrap().1.trim_end_matches("\",");
        for piece in text.split('%').flat_map(|piece| piece.split(['[', ']', '"', '\\'])) {
            let shown = piece.trim_start_matches(['1', '2', '3']).trim();
            assert!(source.contains(shown), "{shown:?} of {text:?}");
        }
    }
}
