//! Every capacity, in one place, with its derivation. Running over one is an error that names it, never a truncation.

/// Bytes of a config file. The demo is 1 KB; 64 services of 20 lines each are 40 KB.
pub const CONFIG_BYTES: usize = 64 * 1024;
/// Bytes of the kernel command line: `COMMAND_LINE_SIZE` is 2048 on x86 and arm64, 4096 on s390 and the largest anywhere.
pub const CMDLINE_BYTES: usize = 4096;
/// Services. Sets of services are one `u64`.
pub const SERVICES: usize = 64;
/// Longest service name: it becomes a cgroup name, a host name (64 bytes at most, sethostname(2)) and a log prefix.
pub const NAME_BYTES: usize = 32;
/// `[[mount]]` tables.
pub const MOUNTS: usize = 32;
/// `[[root]]` tables: a disk, its fallback, a recovery partition, and one to spare.
pub const ROOTS: usize = 4;
/// Words of all lists of a config together (`exec`, `env`, `volumes`...): 16 for each of 64 services.
pub const WORDS: usize = 1024;
/// Words of one list: the longest `exec` or `env`.
pub const LIST: usize = 256;
/// Bytes of all the `env-file`s of a service, comments too: 256 variables of 128 bytes. A line's number fits into what a
/// child reports above the errnos, which end at 4095.
pub const ENV_FILE_BYTES: usize = 32 * 1024;
/// An array of words for execve(2): all that a config can give, a LIST from `env-file`s, PATH, HOME and TERM, the six about
/// what is handed over, and the null pointer behind them. 10 KiB of stack, touched as far as it is filled.
pub const EXEC_WORDS: usize = WORDS + LIST + 10;
/// Listening sockets of a service: a few ports, and as many Unix sockets. With 64 such services PID 1 would meet its limit of
/// open files (1,024), which is an error of the service that does.
pub const SOCKETS: usize = 16;
/// The path of a Unix socket with its NUL: `sun_path` (unix(7)).
pub const SOCKET_PATH_BYTES: usize = 108;
/// Bytes of an image's table of users, or of groups, that are read: 100,000 lines of 160 bytes.
pub const TABLE_BYTES: usize = 16 * 1024 * 1024;
/// Words of the command after `--` on the kernel command line: every second byte of the longest line could be a
/// word; the kernel itself panics past 32 words that it hands to init.
pub const COMMAND_WORDS: usize = 64;
/// Words of the kernel command line with a dot, which are for modules. Desktop distributions write a dozen.
pub const MODULE_WORDS: usize = 64;
/// Bytes of a path with its NUL: `PATH_MAX`.
pub const PATH_BYTES: usize = 4096;
/// Steps of one plan: 29 of a hardened container, 16 masked and read-only paths, 64 volumes and tmpfs mounts; the
/// machine: 12 early mounts, 32 modules, 32 sysctls, 32 mounts.
pub const STEPS: usize = 128;
/// Bytes of one log line: up to Linux 6.2 the kernel refuses /dev/kmsg records (EINVAL) that with the longest prefix it could
/// print before them (PREFIX_MAX, 48) are over 1,024.
pub const LINE_BYTES: usize = 1024 - 48;
/// Bytes of a service's last lines that PID 1 keeps: two dozen lines, half a page.
pub const RING_BYTES: usize = 2048;
/// Connections to the control socket at once: a person at each of two terminals, a few scripts, and followers of logs.
pub const CLIENTS: usize = 16;
/// Bytes of the status text of a service (sd_notify(3) STATUS=): what fits on a line beside its name. More is cut.
pub const STATUS_BYTES: usize = 80;
/// Lines of one service that go to the kernel's log within ten seconds: more would push everybody else's out
/// of it (a kernel keeps 128 to 256 KiB), and a serial console prints a hundred a second.
pub const FLOOD_LINES: u16 = 1000;
