//! Options of `tinyo run` that set what its process may use and what it is told, as those of a service do.

use std::fs;

use crate::house::{House, ended};

#[test]
fn a_process_is_set_up_as_a_services() {
    let Some(house) = House::build() else { return };
    house.file("etc/group", 0o644, "audio:x:63:\n");
    let limits = "grep -E 'open files|core file' /proc/self/limits | tr -s ' '";
    house
        .shell(&["--ulimit", "nofile=100:200", "--ulimit=core=0"], limits)
        .says("Max core file size 0 0 bytes \nMax open files 100 200 files \n");
    house.shell(&["--umask", "0077"], "umask").says("0077\n");
    house.shell(&[], "umask").says("0022\n");
    house.shell(&["--oom-score-adj=777"], "cat /proc/self/oom_score_adj").says("777\n");
    house.shell(&["--group-add", "audio", "--group-add=7"], "grep Groups /proc/self/status").says("Groups:\t7 63 \n");
    house.run(&["--group-add", "video"], &["/bin/true"]).fails(
        125,
        "run: become user 0:0, with groups video: no such file or directory; is it in the passwd or group file there?",
    );
}

#[test]
fn env_files_are_the_callers() {
    let Some(house) = House::build() else { return };
    fs::write(house.beside("one"), "# comment\nA=file\nB=two words\n").unwrap();
    let script =
        "exec $tinyo run --env-file one --env-file ./one --env-file -absent -e A=option $root /bin/sh -c 'echo $A $B'";
    let mut command = house.host(script);
    command.current_dir(house.beside(""));
    house.clean(|| ended(command)).says("option two words\n");
    house
        .run(&["--env-file", "/absent"], &["/bin/true"])
        .fails(125, "run: read variables of /absent: no such file or directory");
}

/// docker's `-v .:/x`: from where the caller is.
#[test]
fn volumes_are_relative_to_the_caller() {
    let Some(house) = House::build() else { return };
    let inner = house.directory("d").join("x");
    fs::write(&inner, "inner\n").unwrap();
    fs::write(house.beside("x"), "outer\n").unwrap();
    fs::create_dir(house.root().join("mnt")).unwrap();
    for (source, said) in [(".", "outer\n"), ("./d", "inner\n"), ("../d/.", "inner\n"), ("./", "outer\n")] {
        let start = if source.starts_with("..") { "d" } else { "." };
        let mut command = house.host(&format!("cd {start} && exec $tinyo run -iv {source}:/mnt $root /bin/cat /mnt/x"));
        command.current_dir(house.beside(""));
        house.clean(|| ended(command)).says(said);
    }
}

#[test]
fn settings_of_its_own_namespaces_are_set() {
    let Some(house) = House::build() else { return };
    let host = || {
        ["net/ipv4/ip_default_ttl", "kernel/shmmax", "kernel/sem", "fs/mqueue/msg_max"]
            .map(|name| fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default())
    };
    let before = host();
    let options = [
        "--sysctl=net.ipv4.ip_default_ttl=77",
        "--sysctl",
        "kernel/shmmax=77777",
        "--sysctl=kernel.sem=250 32000 100 77",
        "--sysctl=kernel.domainname=there",
    ];
    let script = "cd /proc/sys; cat net/ipv4/ip_default_ttl kernel/shmmax kernel/sem kernel/domainname; echo 1 2>/dev/null >kernel/shmmax || echo read-only";
    house.shell(&options, script).says("77\n77777\n250\t32000\t100\t77\nthere\nread-only\n");
    assert_eq!(host(), before);
    house
        .run(&["--sysctl", "net.nothing=1"], &["/bin/true"])
        .fails(125, "run: set sysctl net.nothing=1: no such file or directory; is it in this kernel?");
    house
        .run(&["--sysctl", "kernel.shmmax=x"], &["/bin/true"])
        .fails(125, "run: set sysctl kernel.shmmax=x: invalid argument");
}

#[test]
fn settings_of_the_machine_are_refused() {
    let Some(house) = House::build() else { return };
    let own = "setting of the container's own: kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*, net.* in a network of its own";
    for word in [
        "kernel.panic=5",
        "vm.swappiness=1",
        "fs.file-max=5",
        "kernel.core_pattern=|/x",
        "net",
        "net.x",
        "net/../kernel/panic=5",
        // Dots become slashes, and slashes dots.
        "net.//.kernel.panic=5",
        "fs.mqueue=1",
    ] {
        house.run(&["--sysctl", word], &["/bin/true"]).fails(125, &format!("run: --sysctl: {word} is no {own}"));
    }
    house
        .run(&["--network=host", "--sysctl", "net.ipv4.ip_default_ttl=7"], &["/bin/true"])
        .fails(125, "run: --sysctl: net.ipv4.ip_default_ttl=7 is of a network that is not the container's own");
}
