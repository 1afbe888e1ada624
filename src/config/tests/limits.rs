//! Keys of a service about what its process and its cgroup may use.

use std::format;

use super::super::Limits;
use super::errors::{problems, told_of_service};
use super::{accept, words};

#[test]
fn in_full() {
    let config = accept(
        r#"
        [service.web]
        exec = ["/app/web"]
        group-add = ["audio", "1000", "_x-y.z"]
        env-file = ["/etc/app.env", "-/etc/local.env"]
        umask = "0027"
        ulimit = ["nofile=1024:4096", "core=0", "memlock=unlimited"]
        oom-score = -500
        memory = "64M"
        cpus = 0.5
        pids-limit = 100
        cgroup = ["memory.high=24M", "io.max=8:0 rbps=1", "cpuset.cpus=0-1", "hugetlb.2MB.max=0", "cgroup.max.depth=1"]
        "#,
    );
    let service = &config.services[0];
    assert_eq!(words(&config, service.groups), ["audio", "1000", "_x-y.z"]);
    assert_eq!(words(&config, service.env_files), ["/etc/app.env", "-/etc/local.env"]);
    assert_eq!(words(&config, service.ulimits), ["nofile=1024:4096", "core=0", "memlock=unlimited"]);
    assert_eq!((service.umask, service.oom_score), (0o027, Some(-500)));
    let limits = service.limits;
    assert_eq!((limits.memory, limits.cpus, limits.pids), (64 << 20, 50_000, 100));
    assert_eq!(words(&config, limits.cgroup).len(), 5);
}

#[test]
fn nothing_said_is_no_limit() {
    let config = accept("[service.x]\nexec = ['x']\n");
    let service = &config.services[0];
    assert_eq!((service.umask, service.oom_score, service.limits), (0o022, None, Limits::NONE));
    assert!(service.groups.is_empty() && service.env_files.is_empty() && service.ulimits.is_empty());
}

#[test]
fn numbers_in_every_form() {
    let limits = |line: &str| accept(&format!("[service.x]\nexec = ['x']\n{line}\n")).services[0].limits;
    for (line, bytes) in
        [("'64m'", 64 << 20), ("'4096'", 4096), ("65_536", 65536), ("'2G'", 2 << 30), ("'4096B'", 4096), ("'4k'", 4096)]
    {
        assert_eq!(limits(&format!("memory = {line}")).memory, bytes, "{line}");
    }
    for (line, cpus) in
        [("2", 200_000), ("1_0", 1_000_000), ("1.5", 150_000), ("0.01", 1000), ("42949.67295", u32::MAX)]
    {
        assert_eq!(limits(&format!("cpus = {line}")).cpus, cpus, "{line}");
    }
    for (line, pids) in [("1", 1), ("+5", 5), ("4194304", 4_194_304)] {
        assert_eq!(limits(&format!("pids-limit = {line}")).pids, pids, "{line}");
    }
    let service = |line: &str| accept(&format!("[service.x]\nexec = ['x']\n{line}\n")).services[0];
    for (line, score) in [("0", 0), ("-1000", -1000), ("1000", 1000)] {
        assert_eq!(service(&format!("oom-score = {line}")).oom_score, Some(score));
    }
    for (text, mask) in [("0", 0), ("0777", 0o777), ("77", 0o77), ("000", 0), ("0002", 2)] {
        assert_eq!(service(&format!("umask = '{text}'")).umask, mask, "{text}");
    }
}

#[test]
fn wrong_numbers() {
    let memory = "memory is a size of 4k or more, with b, k, m or g; write memory = \"64M\"";
    let cpus = "cpus is a number of CPUs from 0.01 on, to five places; write cpus = 0.5";
    let pids = "pids-limit is a number of processes up to 4194304; write pids-limit = 100";
    let score = "oom-score is a number from -1000 to 1000; write oom-score = -500";
    let umask = "umask is an octal number up to 0777 in quotes; write umask = \"0027\"";
    for (key, text, values) in [
        ("memory", memory, &["true", "64", "-1", "0.5", "'64MB'", "'64 M'", "'max'", "'4095'", "'17179869184G'"][..]),
        ("cpus", cpus, &["'0.5'", "0", "0.009", "-1", "+0.5", "1.000001", "1_0.5", "true", "42949.67296", "42950"]),
        ("pids-limit", pids, &["'100'", "0", "-1", "1.5", "4194305", "false", "'max'"]),
        ("oom-score", score, &["'-500'", "-1001", "1001", "0.5", "true"]),
        ("umask", umask, &["'0o27'", "'1777'", "'00027'", "'028'", "'-1'", "'u=rwx'", "true"]),
    ] {
        for value in values {
            told_of_service(&[(&format!("{key} = {value}"), &format!("@{} {text}", key.len() + 4))]);
        }
    }
    told_of_service(&[
        ("memory = ['64M']", &format!("@11 {memory}")),
        ("memory = []", &format!("@11 {memory}")),
        ("memory = ''", "@10 memory is empty; write a value, or remove it"),
        ("pids-limit = []", &format!("@15 {pids}")),
        ("pids-limit = [100]", &format!("@15 {pids}")),
        ("umask = 27", &format!("@9 {umask}")),
        ("umask = 0027", "@9 0027 begins with 0; write it without"),
        ("oom-score-adj = 5", "@1 unknown key oom-score-adj; did you mean oom-score"),
    ]);
}

#[test]
fn wrong_items() {
    let ulimit =
        "is no ulimit; write \"NAME=SOFT:HARD\" of setrlimit(2), as \"nofile=1024:4096\" or \"core=unlimited\"";
    let cgroup = "is no setting of a cgroup; write \"NAME=VALUE\" with a controller's file, as \"memory.high=24M\"";
    let group = "is no group; write its name or number";
    for (key, text, items) in [
        ("ulimit", ulimit, &["nofile", "nofiles=5", "nofile=5:4", "core=-1", "core="][..]),
        (
            "cgroup",
            cgroup,
            &[
                "memory.high",
                "memory=5",
                "memory.high=",
                "../memory.max=5",
                "memory/x.max=5",
                ".x=5",
                "x.=5",
                "=5",
                "cgroup.procs=1",
                "cgroup.threads=1",
                "cgroup.kill=1",
                "cgroup.freeze=1",
                "cgroup.type=threaded",
                "cgroup.subtree_control=+cpu",
            ],
        ),
        ("group-add", group, &["-a", "a:b", "01", "4294967295", "a b"]),
    ] {
        for item in items {
            told_of_service(&[(&format!("{key} = ['{item}']"), &format!("@{} \"{item}\" {text}", key.len() + 5))]);
        }
    }
    told_of_service(&[
        (
            "env-file = ['app.env']",
            "@13 \"app.env\" is no absolute path; write \"/app.env\", or \"-/PATH\" for what may be missing",
        ),
        (
            "env-file = ['--/a']",
            "@13 \"--/a\" is no absolute path; write \"/--/a\", or \"-/PATH\" for what may be missing",
        ),
        ("ulimit = 'core=0'", "@10 ulimit is a list of strings; write ulimit = [\"core=0\"]"),
        ("group-add = [5]", "@14 group-add is a list of strings; write \"5\""),
    ]);
    let text = "[service.x]\nexec = ['x']\n[service.x.container]\nroot = '/'\nmemory = '64M'\n";
    assert_eq!(problems(text), ["5:1 in x memory does not belong here; write it under [service.x]"]);
}
