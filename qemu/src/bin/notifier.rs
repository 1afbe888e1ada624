//! A service under test: says each of its words to NOTIFY_SOCKET (sd_notify(3)), or does what a word without `=` names:
//! `sleep:SECONDS`, `children` (the next word is said by a child), `print:NAME` (a variable of its environment), `stay`.

use std::{env, os::unix::net::UnixDatagram, process::Command, thread, time::Duration};

fn main() {
    let socket = UnixDatagram::unbound().expect("a socket");
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.split_once(':') {
            Some(("sleep", seconds)) => thread::sleep(Duration::from_secs_f64(seconds.parse().expect("seconds"))),
            Some(("print", name)) => println!("{name}={}", env::var(name).unwrap_or_default()),
            _ if word == "stay" => loop {
                thread::park();
            },
            _ if word == "child" => {
                let word = words.next().expect("what the child says");
                // It lives until its word was heard: who has ended cannot be asked who it was.
                let mut child = Command::new(env::current_exe().expect("my name")).args([&word, "sleep:0.5"]).spawn();
                child.as_mut().expect("a child").wait().expect("its end");
            }
            _ => drop(socket.send_to(word.as_bytes(), env::var("NOTIFY_SOCKET").expect("NOTIFY_SOCKET"))),
        }
    }
}
