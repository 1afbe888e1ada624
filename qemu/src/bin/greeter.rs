//! A service under test: takes the socket that it was handed as descriptor 3 (busybox cannot accept(2)), greets one
//! connection with its pid, and crashes.

use std::{io::Write, net::TcpListener, os::fd::FromRawFd, process};

fn main() {
    // SAFETY: whoever starts this hands a listening socket over, and nothing else here knows its number.
    let listener = unsafe { TcpListener::from_raw_fd(3) };
    let (mut connection, _) = listener.accept().expect("descriptor 3 listens");
    // A client that only looked whether somebody is there has gone.
    let _ = writeln!(connection, "{}", process::id());
    process::exit(9);
}
