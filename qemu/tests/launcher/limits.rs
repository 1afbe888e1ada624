//! What a service's process may use, whom it belongs to and what it is told, with and without a container.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    first::{config, played_with},
    house::{Ended, House, ended},
};

const LAST: &str = "type = \"oneshot\"\non-exit = \"poweroff\"\n";

/// One service that runs `script` with these keys, and ends it all. `@` is the directory beside the image.
fn run(house: &House, keys: &str, script: &str) -> Ended {
    let keys = keys.replace("@/", &house.beside("").display().to_string());
    let config = config(house, &[("web", &format!("{LAST}{keys}"), script)]);
    // None of the host's, but for one name.
    let run = played_with(house, &config, "$busybox echo audio:x:63:nobody >/etc/group &&");
    let _ = fs::remove_file(house.beside("config"));
    run
}

/// What `script` says, run so.
#[track_caller]
fn said(house: &House, keys: &str, script: &str) -> String {
    fs::write(house.beside("said"), "").unwrap();
    fs::set_permissions(house.beside("said"), fs::Permissions::from_mode(0o666)).unwrap();
    let ended = run(house, keys, &format!("( {script} ) >@/said"));
    assert_eq!(ended.code, 0, "{keys}: {ended:?}");
    fs::read_to_string(house.beside("said")).unwrap()
}

/// The same in a container of the image, whose /tmp says it.
#[track_caller]
fn said_inside(house: &House, keys: &str, script: &str) -> String {
    let keys = keys.replace("@/", &house.beside("").display().to_string());
    let (root, out) = (house.root(), house.directory("out"));
    fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).unwrap();
    let text = format!(
        "[service.web]\nexec = [\"/bin/sh\", \"-c\", \"( {script} ) >/out/said\"]\n{LAST}{keys}\n\
         [service.web.container]\nroot = \"{}\"\nvolumes = [\"{}:/out\"]\n",
        root.display(),
        out.display()
    );
    fs::create_dir_all(root.join("out")).unwrap();
    let ended = played_with(house, &text, "");
    assert_eq!(ended.code, 0, "{keys}: {ended:?}");
    let said = fs::read_to_string(out.join("said")).unwrap();
    fs::remove_dir_all(out).unwrap();
    said
}

#[test]
fn umask_is_the_services_own() {
    let Some(house) = House::build() else { return };
    assert_eq!(said(&house, "", "umask"), "0022\n");
    assert_eq!(said(&house, "umask = \"0027\"", "umask"), "0027\n");
    assert_eq!(said(&house, "umask = \"0\"", "umask"), "0000\n");
    assert_eq!(said_inside(&house, "umask = \"0077\"", "umask"), "0077\n");
}

const LIMITS: &str = "grep -E 'open files|core file|locked|Max processes' /proc/self/limits | tr -s ' '";

#[test]
fn ulimits_are_soft_and_hard() {
    let Some(house) = House::build() else { return };
    let keys = "ulimit = [\"nofile=100:200\", \"core=0\", \"memlock=4096:8192\", \"nproc=77\"]\n";
    let wanted = "Max core file size 0 0 bytes \nMax processes 77 77 processes \nMax open files 100 200 files \n\
                  Max locked memory 4096 8192 bytes \n";
    assert_eq!(said(&house, keys, LIMITS), wanted);
    assert_eq!(said_inside(&house, keys, LIMITS), wanted);
    // Raised by root, before it becomes somebody else.
    assert_eq!(said(&house, &format!("{keys}user = \"5:6\""), LIMITS), wanted);
    assert_eq!(said_inside(&house, &format!("{keys}user = \"0:6\""), LIMITS), wanted);
}

#[test]
fn an_ulimit_that_the_kernel_refuses_is_named() {
    let Some(house) = House::build() else { return };
    let hint = "operation not permitted; is it over the hard limit, or over fs.nr_open?";
    let ended = run(&house, "ulimit = [\"nofile=unlimited\"]", "true");
    assert_eq!(ended.code, 125, "{ended:?}");
    assert!(ended.err.contains(&format!("tinyo: web: set ulimit nofile=unlimited: {hint}\n")), "{ended:?}");
}

#[test]
fn the_oom_score_is_written_while_it_may_be() {
    let Some(house) = House::build() else { return };
    let script = "cat /proc/self/oom_score_adj";
    assert_eq!(said(&house, "oom-score = 500", script), "500\n");
    assert_eq!(said(&house, "oom-score = 1000\nuser = \"5:6\"", script), "1000\n");
    assert_eq!(said_inside(&house, "oom-score = 7", script), "7\n");
    assert_eq!(said_inside(&house, "oom-score = 7\nuser = \"5:6\"", script), "7\n");
    // Lowered only where this host lets its root do that.
    let ended = run(&house, "oom-score = -500", &format!("{script} >@/said"));
    match ended.code {
        0 => assert_eq!(fs::read_to_string(house.beside("said")).unwrap(), "-500\n"),
        _ => {
            let line = "tinyo: web: set oom score -500: permission denied; lowering it needs CAP_SYS_RESOURCE\n";
            assert!(ended.code == 125 && ended.err.contains(line), "{ended:?}");
        }
    }
}

const WHO: &str = "grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -s '\\\\t ' ' '";

#[test]
fn groups_are_added() {
    let Some(house) = House::build() else { return };
    // Without a user, to those that are there.
    let keys = format!("{LAST}group-add = [\"audio\", \"1000\"]");
    let config = config(&house, &[("web", &keys, &format!("( {WHO} ) >@/said"))]);
    let setpriv = "$busybox echo audio:x:63:nobody >/etc/group && exec /usr/bin/setpriv --groups 12,13 $tinyo;";
    let ended = played_with(&house, &config, setpriv);
    assert_eq!(ended.code, 0, "{ended:?}");
    let who = fs::read_to_string(house.beside("said")).unwrap();
    assert_eq!(who.trim_end(), "Uid: 0 0 0 0\nGid: 0 0 0 0\nGroups: 12 13 63 1000");

    let who = said(&house, "user = \"5:6\"\ngroup-add = [\"audio\"]", WHO);
    assert_eq!(who.trim_end(), "Uid: 5 5 5 5\nGid: 6 6 6 6\nGroups: 63");
    let ended = run(&house, "group-add = [\"video\"]", "true");
    assert_eq!(ended.code, 125);
    let line = "tinyo: web: join groups video: no such file or directory; is it in the passwd or group file there?\n";
    assert!(ended.err.contains(line), "{ended:?}");
    let many: Vec<_> = (0..65).map(|group| format!("\"{group}\"")).collect();
    let ended = run(&house, &format!("user = \"5:6\"\ngroup-add = [{}]", many.join(", ")), "true");
    assert!(ended.code == 125 && ended.err.contains(": argument list too long; at most 64 groups\n"), "{ended:?}");
}

/// In a container names are the image's, and what it says does not crowd them out.
#[test]
fn groups_inside_are_the_images() {
    let Some(house) = House::build() else { return };
    house.file("etc/passwd", 0o644, "app:x:1000:1001::/home:\n");
    let many: String = (2000..2100).map(|gid| format!("g{gid}:x:{gid}:app\n")).collect();
    house.file("etc/group", 0o644, format!("{many}audio:x:29:\naudio:x:30:\n"));
    let who = said_inside(&house, "group-add = [\"audio\", \"7\"]", WHO);
    assert_eq!(who.trim_end(), "Uid: 0 0 0 0\nGid: 0 0 0 0\nGroups: 7 29");
    let who = said_inside(&house, "user = \"app\"\ngroup-add = [\"audio\", \"7\"]", WHO);
    assert!(who.contains("Gid: 1001 1001 1001 1001\nGroups: 7 29 2000 2001 "), "{who}");
}

const ENV: &str = "env | grep -vE '^(SHLVL|PWD|OLDPWD|_)=' | sort";

#[test]
fn variables_come_from_files() {
    let Some(house) = House::build() else { return };
    fs::write(house.beside("one"), "# comment\n\nA=file\n  B=two words \r\nC=\"q\"\nPATH=/first\n").unwrap();
    fs::write(house.beside("two"), "\u{feff}B=later\nD=last=one").unwrap();
    let keys = "env-file = [\"@/one\", \"-@/absent\", \"-@/two\"]\nenv = [\"A=key\", \"E=\"]";
    let wanted = "A=key\nB=later\nC=\"q\"\nD=last=one\nE=\nHOME=/\nPATH=/first\n";
    let env = ENV.replace("env |", "/bin/env |").replace("grep", "/bin/grep").replace("sort", "/bin/sort");
    assert_eq!(said_inside(&house, keys, &env), wanted);
    let shell = format!("busybox={}; ", house.busybox.display());
    let outside =
        ENV.replace("env |", "$busybox env |").replace("grep", "$busybox grep").replace("sort", "$busybox sort");
    assert_eq!(said(&house, keys, &format!("{shell}{outside}")), wanted);
}

#[test]
fn the_program_is_looked_up_in_the_path_of_the_last() {
    let Some(house) = House::build() else { return };
    fs::write(house.beside("path"), format!("PATH={}\n", house.beside("").display())).unwrap();
    let config = format!(
        "[service.web]\nexec = [\"busybox\", \"true\"]\n{LAST}env-file = [\"{0}\"]\n",
        house.beside("path").display()
    );
    assert_eq!(played_with(&house, &config, "").code, 0);
    let other = format!("{config}env = [\"PATH=/nowhere\"]\n");
    assert_eq!(played_with(&house, &other, "").code, 127);
}

#[test]
fn a_file_without_variables_is_named_with_its_line() {
    let Some(house) = House::build() else { return };
    let path = house.beside("vars").display().to_string();
    let keys = "env-file = [\"@/vars\"]";
    let fails = |reason: &str| {
        let ended = run(&house, keys, "true");
        let line = format!("tinyo: web: read variables of {path}{reason}\n");
        assert!(ended.code == 125 && ended.err.contains(&line), "{reason}: {ended:?}");
    };
    fails(": no such file or directory");
    for (text, line) in [("A=b\n\nNAME\n", 3), ("=b", 1), ("# c\nA b=c\n", 2), ("A=b\nB=\0\n", 2)] {
        fs::write(&path, text).unwrap();
        fails(&format!(":{line}: no variable; write NAME=VALUE"));
    }
    fs::write(&path, "\n".repeat(32_000) + "x").unwrap();
    fails(":32001: no variable; write NAME=VALUE");
    fs::write(&path, "#".repeat(32 << 10)).unwrap();
    fails(": file too large; at most 256 variables and 32 KiB in all files");
    fs::write(&path, "A=b\n".repeat(257)).unwrap();
    fails(": argument list too long; at most 256 variables and 32 KiB in all files");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fails(": is a directory");
    fs::remove_dir(&path).unwrap();
    // Neither waited for, nor anything in it.
    ended(house.host(&format!("exec $busybox mkfifo {path}"))).says("");
    assert_eq!(run(&house, keys, "true").code, 0);
}

#[test]
fn as_many_variables_as_there_may_be() {
    let Some(house) = House::build() else { return };
    let all: String = (0..256).map(|number| format!("V{number}={}\n", "x".repeat(100))).collect();
    fs::write(house.beside("vars"), &all).unwrap();
    let shell = format!("{} env | {} grep -c ^V", house.busybox.display(), house.busybox.display());
    assert_eq!(said(&house, "env-file = [\"@/vars\"]", &shell), "256\n");
}

/// There is no cgroup of ours in a container: what is asked for and not to be had fails that service.
#[test]
fn a_limit_without_a_cgroup_is_named() {
    let Some(house) = House::build() else { return };
    for (key, shown) in [
        ("memory = \"64M\"", "memory 64M"),
        ("cpus = 0.25", "cpus 0.25"),
        ("pids-limit = 5", "pids-limit 5"),
        ("cgroup = [\"io.weight=50\"]", "cgroup io.weight=50"),
    ] {
        let ended = run(&house, key, "true");
        assert_eq!(ended.code, 125, "{ended:?}");
        let line = format!("tinyo: web: {shown}: limits are for the machine; whoever made this container sets them\n");
        assert!(ended.err.contains(&line), "{ended:?}");
    }
}
