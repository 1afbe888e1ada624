//! What a service is handed, or shall say: `listen`, `ready`, `watchdog`.

use super::super::Ready;
use super::errors::{problems, told_of_service};
use super::{accept, words};
use crate::text::duration::Millis;
use std::format;

#[test]
fn what_is_handed_over() {
    let config = accept(
        "[service.web]\nexec = ['x']\nlisten = ['tcp:8080', 'tcp:[::1]:80', 'udp:127.0.0.1:514', 'unix:/run/web.sock']\n\
         ready = 'fd:7'\nwatchdog = '1500ms'\n[service.plain]\nexec = ['x']\n[service.zero]\nexec = ['x']\nwatchdog = 0\n",
    );
    let [web, plain, zero] = &config.services[..] else { panic!() };
    assert_eq!(words(&config, web.listen), ["tcp:8080", "tcp:[::1]:80", "udp:127.0.0.1:514", "unix:/run/web.sock"]);
    assert_eq!((web.ready, web.watchdog), (Ready::Fd(7), Some(Millis(1500))));
    assert_eq!((plain.listen.len(), plain.ready, plain.watchdog), (0, Ready::None, None));
    assert_eq!(zero.watchdog, None);
    for (word, ready) in
        [("none", Ready::None), ("notify", Ready::Notify), ("fd:3", Ready::Fd(3)), ("fd:255", Ready::Fd(255))]
    {
        assert_eq!(accept(&format!("[service.x]\nexec = ['x']\nready = '{word}'\n")).services[0].ready, ready);
    }
}

#[test]
fn what_is_no_address_or_readiness() {
    let write = "is no address; write \"tcp:PORT\", \"udp:PORT\" or \"unix:/PATH\"";
    for word in ["8080", "tcp:0", "tcp:http", "tcp:localhost:80", "udp:[::1:80", "unix:run/web.sock"] {
        let line = format!("listen = ['tcp:80', '{word}']");
        told_of_service(&[(&line, &format!("@21 \"{word}\" {write}"))]);
    }
    let among = "write one of none notify fd:N, N being 3 to 255";
    for word in ["yes", "fd", "fd:N", "fd:2", "fd:256", "fd:03", "fd:"] {
        let expected = format!("@9 ready cannot be \"{word}\"; {among}");
        told_of_service(&[(&format!("ready = '{word}'"), &expected)]);
    }
    told_of_service(&[
        ("listen = 'tcp:80'", "@10 listen is a list of strings; write listen = [\"tcp:80\"]"),
        ("listen = ['']", "@11 listen is empty; write a value, or remove it"),
        ("ready = 3", "@9 ready cannot be \"3\"; write one of none notify fd:N, N being 3 to 255"),
        ("watchdog = 'x'", "@12 \"x\" is no duration; write a number with ms, s, m or h, as watchdog = \"5s\""),
    ]);
}

/// The sockets are at 3 and up.
#[test]
fn readiness_is_no_sockets_number() {
    let service = |ready: &str, count: usize| {
        let listen = "'udp:80',".repeat(count);
        problems(&format!("\n[service.x]\nready = '{ready}'\nexec = ['x']\nlisten = [{listen}]\n"))
    };
    let taken = "2:1 in x ready names the number of a socket of listen; write ready = \"fd:19\"";
    for (ready, count, free) in
        [("fd:3", 0, true), ("fd:3", 1, false), ("fd:4", 1, true), ("fd:18", 16, false), ("fd:19", 16, true)]
    {
        assert_eq!(service(ready, count), &[taken][..usize::from(!free)], "{ready} {count}");
    }
    let many = format!("5:{} in x too many addresses; write at most 16 for one service", 11 + 16 * 9);
    assert_eq!(service("none", 17), [many]);
}

#[test]
fn where_they_belong() {
    let under = "does not belong here; write it under [service.x]";
    for line in ["listen = ['tcp:80']", "ready = 'notify'"] {
        let key = line.split(' ').next().unwrap();
        let text = format!("{line}\n[service.x]\nexec = ['x']\n[service.x.container]\nroot = '/'\n{line}\n");
        let top = format!("1:1 {key} {}", under.replace(".x]", ".NAME]"));
        assert_eq!(problems(&text), [top, format!("6:1 in x {key} {under}")]);
    }
    let text = "[service.x]\nexec = ['x']\n[service.x.container]\nroot = '/'\nwatchdog = 5\n";
    assert_eq!(problems(text), [format!("5:1 in x watchdog {under}")]);
}
