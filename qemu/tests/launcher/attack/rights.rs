//! Ways to more rights than were given: namespaces, setuid programs, file capabilities.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use super::Siege;
use crate::house::ended;

const NAMESPACES: [(&str, &str); 8] = [
    ("mnt", "0x20000"),
    ("uts", "0x4000000"),
    ("ipc", "0x8000000"),
    ("user", "0x10000000"),
    ("pid", "0x20000000"),
    ("net", "0x40000000"),
    ("cgroup", "0x2000000"),
    ("time", "0x80"),
];

/// As root inside. A user may make a user namespace where the host lets its users do that: it gives nothing over the host,
/// and the filter of system calls will refuse it.
#[test]
fn no_namespace_is_made_or_entered() {
    let Some(siege) = Siege::build() else { return };
    let mut calls = Vec::new();
    for (name, flag) in NAMESPACES {
        if name != "user" {
            calls.push(format!("unshare {flag}"));
        }
        // To clone(2) the bit of the last is a part of the signal.
        if !matches!(name, "user" | "time") {
            calls.push(format!("clone {flag} 0 0 0 0"));
        }
    }
    let calls: Vec<_> = calls.iter().map(String::as_str).collect();
    for who in [&[][..], &["--network=host"], &["--init=false"]] {
        siege.refused(who, &calls, &["EPERM", "ENOSYS", "EBADF"]);
        for (name, flag) in NAMESPACES {
            let said = siege.calls(who, &format!("open @/proc/self/ns/{name} 0 , setns % {flag} , setns %0 0"));
            let refused = |line: &String| ["EPERM", "ENOSYS", "EINVAL"].iter().any(|errno| line.ends_with(errno));
            assert!(said[1..].iter().all(refused), "{name}: {said:?}");
        }
    }
}

/// The host's network by a file of its own: it is a volume, and still nobody enters it.
#[test]
fn a_namespace_of_the_hosts_cannot_be_entered() {
    let Some(siege) = Siege::build() else { return };
    siege.house.file("netns", 0o644, "");
    let volume = "--volume=/proc/self/ns/net:/netns";
    let said = siege.calls(&[volume], "open @/netns 0 , setns % 0x40000000");
    assert!(said[1].ends_with("EPERM") || said[1].ends_with("ENOSYS"), "{said:?}");
}

/// Busybox under other names, setuid and with capabilities of its own, in the image and in a volume.
#[test]
fn programs_give_no_rights() {
    let Some(siege) = Siege::build() else { return };
    let data = siege.house.directory("data");
    let volume = format!("--volume={}:/mnt", data.display());
    // Under a name like this busybox looks at its words.
    let names = ["busybox-su", "busybox-sg", "busybox-net"];
    let capabilities = "cap_setuid,cap_dac_override,cap_net_raw=eip";
    for (name, mode, capabilities) in [(names[0], 0o4755, ""), (names[1], 0o2755, ""), (names[2], 0o755, capabilities)]
    {
        for path in [siege.house.root().join("bin").join(name), data.join(name)] {
            fs::copy(&siege.house.busybox, &path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            if !capabilities.is_empty() {
                let done = Command::new("/usr/sbin/setcap").arg(capabilities).arg(&path).status();
                assert!(done.is_ok_and(|status| status.success()));
            }
        }
    }
    for program in names.map(|name| format!("/bin/{name}")).into_iter().chain(names.map(|name| format!("/mnt/{name}")))
    {
        let script = format!("exec {program} grep -E '^(Uid|Gid|CapPrm|CapEff|CapAmb)' /proc/self/status");
        let said = siege.shell(&[&volume, "--user=1000:1001"], &script);
        let wanted = "Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\n\
                      CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n";
        assert_eq!(said.out, wanted, "{program}: {said:?}");
        // Root gets no capability that it has not.
        let said = siege.shell(&[&volume, "--cap-drop=ALL"], &script);
        // What a file asks for and the bounding set has not, is an error of execve(2).
        let nothing = said.code == 126 && said.err.contains("not permitted");
        assert!(nothing || said.out.contains("CapEff:\t0000000000000000"), "{program}: {said:?}");
    }
}

/// Nothing of it comes back once it is dropped, by none of the calls that set it.
#[test]
fn rights_do_not_come_back() {
    let Some(siege) = Siege::build() else { return };
    let user = ["setuid 0", "setgid 0", "prctl 8 1 0 0 0 0", "prctl 47 2 21 0 0", "prctl 38 0 0 0 0"];
    siege.refused(&["--user=1000:1000"], &user, &["EPERM", "ENOSYS", "EINVAL", "0"]);
    let said = siege.shell(&["--user=1000:1000"], "attacker call 'setuid 0 , setgid 0' ; id -u; id -g");
    assert!(said.out.ends_with("1000\n1000\n"), "{said:?}");
    // PR_CAPBSET_READ of SYS_ADMIN, PR_CAP_AMBIENT_RAISE of it, PR_SET_NO_NEW_PRIVS off, PR_GET_NO_NEW_PRIVS.
    let said = siege.calls(&[], "prctl 23 21 0 0 0 , prctl 47 2 21 0 0 , prctl 38 0 0 0 0 , prctl 39 0 0 0 0");
    assert_eq!(said, ["prctl 0", "prctl EPERM", "prctl EINVAL", "prctl 1"]);
}

/// What the caller may do is no more than a container gets, and less is less.
#[test]
fn a_caller_with_fewer_rights_gives_no_more() {
    let Some(siege) = Siege::build() else { return };
    let script = "exec /usr/bin/setpriv --bounding-set=-chown,-setuid --inh-caps=-all $tinyo run $root /bin/grep Cap /proc/self/status";
    let said = siege.holds(|| ended(siege.house.host(script)));
    if said.code == 0 {
        let effective = said.out.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
        let set = u64::from_str_radix(effective, 16).unwrap();
        assert_eq!(set & (1 | 1 << 7), 0, "{said:?}");
    } else {
        super::named(&said);
    }
}
