//! Networks of containers: kept over restarts, shared between services, or somebody else's at a path.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::{
    house::{House, ended, soon},
    scene::Scene,
};

/// A service in a container of the image; `$N` in the script is the count of its starts.
fn container(name: &str, keys: &str, network: &str, script: &str) -> String {
    format!(
        "[service.{name}]\nexec = [\"/bin/sh\", \"-c\", \"{script}\"]\n{keys}\n\
         [service.{name}.container]\nroot = \"@root\"\nnetwork = \"{network}\"\n"
    )
}

const STAY: &str = "sleep 100000";

impl Scene {
    /// The number of `what` in /proc, of the process of a service, outside.
    fn process(&self, name: &str) -> u32 {
        let inside: u32 = self.word(&format!("status  {name}"))[0].split('|').nth(3).unwrap().parse().unwrap();
        // Its pid namespace has that of the test as its parent: the last number of NSpid but those of deeper ones.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid)).unwrap();
        let is_it = |pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("NSpid:")).unwrap_or_default().to_owned();
            line.split_whitespace().nth(2) == Some(&inside.to_string())
        };
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_it).unwrap()
    }

    fn network(&self, name: &str) -> u64 {
        fs::metadata(format!("/proc/{}/ns/net", self.process(name))).unwrap().ino()
    }

    /// What `script` says in the network and root of a service.
    fn inside(&self, name: &str, script: &str) -> String {
        let pid = self.process(name);
        let said = ended(self.house.host(&format!("nsenter -t {pid} -n -m /bin/sh -c '{script}'")));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        said.out
    }

    fn does(&self, words: &str) {
        assert_eq!(self.word(words).last().unwrap(), "end|0|", "{words}: {}", self.said());
    }
}

#[test]
fn a_restart_keeps_the_network() {
    let Some(scene) = Scene::start(&container("web", "", "none", STAY)) else { return };
    scene.becomes("web", "ready");
    let before = scene.network("web");
    scene.inside("web", "ip addr add 10.1.2.3/32 dev lo");
    // Whoever wants the restart.
    scene.does("restart wait web");
    let kept = |scene: &Scene| {
        assert_eq!(scene.network("web"), before);
        let said = scene.inside("web", "ip -o addr show lo; ls /sys/class/net; ip link | head -n 1");
        assert!(said.contains("10.1.2.3/32") && said.contains("127.0.0.1/8") && said.contains("LOOPBACK,UP"), "{said}");
    };
    kept(&scene);
    let first = scene.process("web");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first.cast_signed()), nix::sys::signal::Signal::SIGKILL).unwrap();
    soon("it is up again", || scene.state("web") == "ready" && scene.process("web") != first);
    // The one state may have been the old one's, and the new one on its way.
    scene.becomes("web", "ready");
    kept(&scene);
    // Stopped for good, it is forgotten.
    scene.does("stop wait web");
    scene.does("start wait web");
    assert!(!scene.inside("web", "ip -o addr show lo").contains("10.1.2.3"));
    assert!(scene.inside("web", "ip -o addr show lo").contains("127.0.0.1/8"));
}

#[test]
fn services_that_share_a_network_talk_over_lo() {
    let serve = "mkdir -p /tmp/www && echo hello >/tmp/www/x && exec httpd -f -p 127.0.0.1:8080 -h /tmp/www";
    let config = container("client", "", "service:server", STAY) + &container("server", "", "none", serve);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("client", "ready");
    let ask = |scene: &Scene| {
        let fetch = "i=0; until busybox wget -q -O - http://127.0.0.1:8080/x 2>/dev/null; do i=$((i+1)); [ $i -lt 500 ] || exit 1; usleep 10000; done";
        assert_eq!(scene.inside("client", fetch), "hello\n");
        assert_eq!(scene.network("client"), scene.network("server"));
        // sysfs is that of the network.
        assert_eq!(scene.inside("client", "ls /sys/class/net"), scene.inside("server", "ls /sys/class/net"));
    };
    ask(&scene);
    let before = scene.network("server");
    for words in ["restart wait server", "restart wait client"] {
        scene.does(words);
        ask(&scene);
    }
    // Stopped and started, it comes back to the one who stayed.
    scene.does("stop wait server");
    scene.becomes("client", "ready");
    scene.does("start wait server");
    ask(&scene);
    assert_eq!(scene.network("server"), before);
    // So does one that a reload changes.
    let changed =
        container("client", "", "service:server", STAY) + &container("server", "umask = '077'", "none", serve);
    scene.write(&changed.replace("@root", &scene.house.root().display().to_string()));
    let said = scene.reload();
    assert_eq!(said, ["say|server: changed|", "end|0|"]);
    soon("it is up", || scene.state("server") == "ready");
    ask(&scene);
    assert_eq!(scene.network("server"), before);
    // Nobody is left in it.
    scene.does("stop wait client server");
    scene.does("start wait client server");
    ask(&scene);
}

/// A oneshot may make the network that others are in.
#[test]
fn what_is_done_leaves_its_network() {
    let make = container("make", "type = \"oneshot\"", "none", "ip addr add 10.7.7.7/32 dev lo")
        .replace("@root\"\n", "@root\"\ncap-add = [\"NET_ADMIN\"]\n");
    let Some(scene) = Scene::start(&(container("web", "", "service:make", STAY) + &make)) else { return };
    scene.becomes("web", "ready");
    assert_eq!(scene.state("make"), "done");
    assert!(scene.inside("web", "ip -o addr show lo").contains("10.7.7.7/32"));
}

#[test]
fn a_network_that_is_not_there_is_named() {
    let config = container("web", "restart = \"never\"", "service:db", STAY)
        + &container("db", "autostart = false", "none", STAY)
        + &container("far", "restart = \"never\"", "netns:/run/netns/absent", STAY);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "failed");
    scene.becomes("far", "failed");
    let said = scene.said();
    let line = "tinyo: web: join the network of service db: it has none now; is it running?\n";
    assert!(said.contains(line), "{said}");
    let line = "tinyo: far: join network namespace /run/netns/absent: no such file or directory; is it a network \
                namespace? ip netns add NAME makes /run/netns/NAME\n";
    assert!(said.contains(line), "{said}");
    scene.does("start wait db");
    scene.does("start wait web");
    assert_eq!(scene.network("web"), scene.network("db"));
}

/// A network namespace at a path, in a mount namespace of the script's own: nothing is left behind.
fn with_netns(house: &House, script: &str) -> crate::house::Ended {
    let inner = "mount -t tmpfs none /run && mkdir /run/netns && touch /run/netns/a && \
                 unshare -n mount --bind /proc/self/ns/net /run/netns/a && mkfifo /run/fifo && $script";
    house.clean(|| {
        ended(house.host(&format!("script='{script}'; exec unshare -m sh -c '{inner}'").replace("$script", script)))
    })
}

#[test]
fn a_network_at_a_path_is_joined() {
    let Some(house) = House::build() else { return };
    let script = "nsenter --net=/run/netns/a ip addr add 10.9.9.9/32 dev lo && \
                  exec $tinyo run --network netns:/run/netns/a $root /bin/sh -c \"ip -o addr show lo; ls /sys/class/net\"";
    let said = with_netns(&house, script);
    assert!(said.code == 0 && said.out.contains("10.9.9.9/32") && said.out.ends_with("lo\n"), "{said:?}");
}

#[test]
fn what_is_no_network_is_named() {
    let Some(house) = House::build() else { return };
    let hint = "is it a network namespace? ip netns add NAME makes /run/netns/NAME";
    for (path, reason) in [
        ("/run/netns/b", "no such file or directory"),
        ("/proc/self/ns/uts", "invalid argument"),
        ("/etc/passwd", "invalid argument"),
        ("/etc", "invalid argument"),
        ("/run/fifo", "invalid argument"),
        ("/etc/passwd/x", "not a directory"),
    ] {
        let said = with_netns(&house, &format!("exec $tinyo run --network netns:{path} $root /bin/true"));
        said.fails(125, &format!("run: join network namespace {path}: {reason}; {hint}"));
    }
}

/// `--network service:NAME` asks PID 1.
#[test]
fn run_joins_the_network_of_a_service() {
    let Some(house) = House::build() else { return };
    if !Path::new("/run/tinyo/control").exists() {
        let said = house.run(&["--network", "service:web"], &["/bin/true"]);
        said.fails(125, "run: connect to /run/tinyo/control: no such file or directory; is tinyo PID 1 here?");
    }
    drop(house);
    let config = container("web", "", "none", STAY)
        + &container("host", "", "host", STAY)
        + &container("off", "autostart = false", "none", STAY);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    scene.becomes("host", "ready");
    let run = |name: &str| {
        let script =
            "exec nsenter -t $pid -m -p $tinyo run --network service:$name $root /bin/readlink /proc/self/ns/net";
        ended(scene.house.host(&script.replace("$pid", &scene.pid.to_string()).replace("$name", name)))
    };
    run("web").says(&format!("net:[{}]\n", scene.network("web")));
    run("wbe").fails(125, "run: wbe: no such service; did you mean web");
    run("off").fails(125, "run: this service is not running; try tinyo status");
    let line = "run: join the network of service host: it has no network of its own; write --network host";
    run("host").fails(125, line);
}
