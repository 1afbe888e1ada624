//! System calls. Errors are passed over: a measurement that could not be made prints nothing, and the table has a dash.

use core::{
    arch::asm,
    ffi::{CStr, c_char, c_int},
    mem::MaybeUninit,
    ptr,
};

// The `libc` crate leaves linking it to `std`, which is not here.
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

pub const MILLISECOND: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;
pub const KILL: c_int = libc::SIGKILL;
pub const POWER_OFF: c_int = libc::RB_POWER_OFF;

/// One word of the command line. `words` is what the C library gave main.
pub fn argument(count: c_int, words: *const *const c_char, at: c_int) -> Option<&'static CStr> {
    // SAFETY: `words` holds `count` pointers to C strings, which stay for the life of the process.
    (at < count).then(|| unsafe { CStr::from_ptr(*words.offset(at as isize)) })
}

/// Nanoseconds since the machine began.
pub fn now() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` may be written, and all zeroes are a timespec.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

pub fn sleep(nanoseconds: u64) {
    let time = libc::timespec { tv_sec: (nanoseconds / SECOND) as i64, tv_nsec: (nanoseconds % SECOND) as i64 };
    // SAFETY: `time` may be read; nothing is written.
    unsafe { libc::nanosleep(&time, ptr::null_mut()) };
}

pub fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}

/// The machine's, at once: nothing here has data on a disk.
pub fn end(how: c_int) -> ! {
    // SAFETY: takes a number.
    unsafe { libc::reboot(how) };
    sleep_for_ever()
}

pub fn own_pid() -> u32 {
    // SAFETY: takes nothing.
    unsafe { libc::getpid() }.cast_unsigned()
}

pub fn kill(pid: u32, signal: c_int) {
    // SAFETY: takes numbers.
    unsafe { libc::kill(pid.cast_signed(), signal) };
}

/// Dead and not reaped counts as there.
pub fn exists(pid: i32) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::kill(pid, 0) == 0 }
}

pub fn ignore_term() {
    // SAFETY: SIG_IGN is a disposition.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
}

pub fn open(path: &CStr) -> Option<c_int> {
    open_with(path, libc::O_RDONLY)
}

fn open_with(path: &CStr, flags: c_int) -> Option<c_int> {
    // SAFETY: `path` is a C string.
    let file = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC | libc::O_NOCTTY, 0o644) };
    (file >= 0).then_some(file)
}

fn close(file: c_int) {
    // SAFETY: `file` is ours and used no more.
    unsafe { libc::close(file) };
}

/// As much as fits; empty if the file cannot be opened or read.
pub fn read<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    let Some(file) = open(path) else { return &[] };
    let mut length = 0;
    while let Some(more @ 1..) = read_some(file, &mut buffer[length..]) {
        length += more;
    }
    close(file);
    &buffer[..length]
}

fn read_some(file: c_int, buffer: &mut [u8]) -> Option<usize> {
    // SAFETY: `buffer` may be written for its length.
    let count = unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(count).ok()
}

fn write_some(file: c_int, bytes: &[u8]) {
    // SAFETY: `bytes` may be read for its length.
    unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
}

/// To a device, if it is there. The kernel's log shows a record to its readers only once it ends with a newline.
pub fn log(path: &CStr, line: &[u8]) -> bool {
    let Some(file) = open_with(path, libc::O_WRONLY) else { return false };
    write_some(file, line);
    close(file);
    true
}

/// Over what is there.
pub fn write_whole(path: &CStr, bytes: &[u8]) {
    if let Some(file) = open_with(path, libc::O_WRONLY | libc::O_CREAT) {
        write_some(file, bytes);
        close(file);
    }
}

/// Whether `path` was not there and is now.
pub fn make_new(path: &CStr) -> bool {
    open_with(path, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL).map(close).is_some()
}

pub fn is_there(path: &CStr) -> bool {
    // SAFETY: `path` is a C string.
    unsafe { libc::access(path.as_ptr(), libc::F_OK) == 0 }
}

pub fn change_directory(path: &CStr) {
    // SAFETY: `path` is a C string.
    unsafe { libc::chdir(path.as_ptr()) };
}

pub fn change_root(path: &CStr) {
    // SAFETY: `path` is a C string.
    unsafe { libc::chroot(path.as_ptr()) };
}

/// Takes `file`.
pub fn load_module(file: c_int) {
    let none = c"".as_ptr();
    // SAFETY: takes a number, a C string and flags.
    unsafe { libc::syscall(libc::SYS_finit_module, file, none, 0) };
    close(file);
}

/// The kernel's uevents, from now on (netlink(7), NETLINK_KOBJECT_UEVENT).
pub fn device_events() -> Option<c_int> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    let mut address = MaybeUninit::<libc::sockaddr_nl>::zeroed();
    // SAFETY: all zeroes are such an address; bind(2) reads as many bytes as it has.
    unsafe {
        let socket = libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_KOBJECT_UEVENT);
        let address = address.assume_init_mut();
        address.nl_family = libc::AF_NETLINK as u16;
        address.nl_groups = 1;
        let size = size_of_val(address) as libc::socklen_t;
        (libc::bind(socket, ptr::from_mut(address).cast(), size) == 0).then_some(socket)
    }
}

/// Waits for one message.
pub fn discard(socket: c_int) {
    read_some(socket, &mut [0; 4096]);
}

/// This process goes on as the program at `path`, without words or variables; returns only if it cannot.
pub fn become_program(path: &CStr) {
    let words = [path.as_ptr(), ptr::null()];
    let none = [ptr::null::<c_char>()];
    // SAFETY: C strings, each list ended by a null pointer.
    unsafe { libc::execve(path.as_ptr(), words.as_ptr(), none.as_ptr()) };
}

/// Ticks since the power on. In virtual time one is a nanosecond, and firmware and decompression are in it.
pub fn processor_clock() -> u64 {
    // SAFETY: every x86_64 has it, and reads it from outside the kernel.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// By QEMU's isa-debug-exit, where the machine has one: no need to wait for a power off.
pub fn leave_qemu() {
    const PORT: u16 = 0xf4;
    // SAFETY: takes numbers; the port is that of a device which does nothing else.
    unsafe {
        if libc::ioperm(PORT.into(), 1, 1) == 0 {
            asm!("out dx, al", in("dx") PORT, in("al") 0x10u8, options(nomem, nostack));
        }
    }
}

pub fn make_directory(path: &CStr) {
    // SAFETY: `path` is a C string.
    unsafe { libc::mkdir(path.as_ptr(), 0o755) };
}

pub fn mount(fstype: &CStr, target: &CStr, options: &CStr) {
    mount_from(fstype, fstype, target, 0, options);
}

pub const READ_ONLY: u64 = libc::MS_RDONLY;
pub const MOVE: u64 = libc::MS_MOVE;

/// Whether it is mounted.
pub fn mount_from(source: &CStr, fstype: &CStr, target: &CStr, flags: u64, options: &CStr) -> bool {
    let data = options.as_ptr().cast();
    // SAFETY: C strings all.
    unsafe { libc::mount(source.as_ptr(), target.as_ptr(), fstype.as_ptr(), flags, data) == 0 }
}

/// For an init that mounts nothing.
pub fn mount_proc() {
    if open(c"/proc/self").map(close).is_none() {
        make_directory(c"/proc");
        mount(c"proc", c"/proc", c"");
    }
}

/// The kernel's log, from its oldest record on.
pub struct Log(c_int);

impl Log {
    pub fn open() -> Option<Log> {
        open_with(c"/dev/kmsg", libc::O_RDONLY | libc::O_NONBLOCK).map(Log)
    }

    pub fn next<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        read_some(self.0, buffer).map(|length| &buffer[..length])
    }
}

/// A child leaves as many zombies as there is room for, and dies. Gives the time just before its death.
pub fn leave_orphans(pids: &mut [i32]) -> Option<u64> {
    let mut pipe = [0; 2];
    // SAFETY: `pipe` takes two descriptors; fork in a process of one thread.
    let parent = unsafe {
        libc::pipe(pipe.as_mut_ptr());
        libc::fork()
    };
    if parent == 0 {
        for pid in pids.iter_mut() {
            // SAFETY: as above; the child ends at once.
            unsafe {
                *pid = libc::fork();
                if *pid == 0 {
                    libc::_exit(0);
                }
            }
        }
        sleep(300 * MILLISECOND); // all of them are dead by then
        // SAFETY: a slice of numbers may be read as bytes.
        let bytes = unsafe { core::slice::from_raw_parts(pids.as_ptr().cast(), size_of_val(pids)) };
        write_some(pipe[1], bytes); // below the capacity of a pipe
        write_some(pipe[1], &now().to_ne_bytes());
        // SAFETY: takes a number.
        unsafe { libc::_exit(0) };
    }
    close(pipe[1]);
    // SAFETY: our own child; as a zombie of ours it would be nobody's orphan, but its children are PID 1's all the same.
    unsafe { libc::waitpid(parent, ptr::null_mut(), 0) };
    // SAFETY: any bytes are numbers.
    let bytes = unsafe { core::slice::from_raw_parts_mut(pids.as_mut_ptr().cast(), size_of_val(pids)) };
    let mut time = [0; 8];
    let whole = read_some(pipe[0], bytes) == Some(bytes.len()) && read_some(pipe[0], &mut time) == Some(8);
    (whole && pids.iter().all(|pid| *pid > 0)).then_some(u64::from_ne_bytes(time))
}

/// A command of words, in a child. `line` ends with a byte that may be overwritten.
pub fn execute(line: &mut [u8]) {
    let mut words = [ptr::null::<c_char>(); 16];
    let mut count = 0;
    let mut before = 0;
    for byte in line {
        if matches!(*byte, b' ' | b'\n') {
            *byte = 0;
        }
        if before == 0 && *byte != 0 && count < 15 {
            words[count] = ptr::from_ref(byte).cast();
            count += 1;
        }
        before = *byte;
    }
    // SAFETY: fork in a process of one thread; `words` holds C strings and ends with a null pointer.
    unsafe {
        if libc::fork() == 0 {
            libc::execv(words[0], words.as_ptr());
            libc::_exit(127);
        }
    }
}

/// clone3(2); not in `libc`.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The child shares our memory until it executes, and is born in the cgroup `place`.
pub fn vfork_and_execute(words: [&CStr; 2], place: Option<c_int>) {
    let words: [*const c_char; 3] = [words[0].as_ptr(), words[1].as_ptr(), ptr::null()];
    let none: *const c_char = ptr::null();
    let mut call = libc::clone_args {
        flags: (libc::CLONE_VM | libc::CLONE_VFORK) as u64,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    if let Some(place) = place {
        call.flags |= CLONE_INTO_CGROUP;
        call.cgroup = place as u64;
    }
    // SAFETY: the child, which has our stack, touches no memory before execve, or leaves by _exit; we go on after that.
    unsafe {
        asm!(
            "syscall",
            "test eax, eax",
            "jnz 2f",
            "mov eax, {execve}",
            "mov rdi, {path}",
            "mov rsi, {words}",
            "mov rdx, {environment}",
            "syscall",
            "mov edi, 127",
            "mov eax, {exit}",
            "syscall",
            "2:",
            execve = const libc::SYS_execve,
            exit = const libc::SYS_exit,
            path = in(reg) words[0],
            words = in(reg) words.as_ptr(),
            environment = in(reg) &raw const none,
            inout("rax") libc::SYS_clone3 => _,
            inout("rdi") &raw const call => _,
            inout("rsi") size_of_val(&call) => _,
            out("rdx") _,
            out("rcx") _,
            out("r11") _,
        );
    }
}

/// A system call by its number, and what the kernel answers.
pub fn call(number: u64, arguments: &[u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = *arguments;
    let answer;
    // SAFETY: none, that is what it is for: whoever starts this says which call, and no memory of ours counts afterwards.
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            in("r9") f, lateout("rcx") _, lateout("r11") _);
    }
    answer
}

/// A system call of i386 without arguments.
pub fn call_i386(number: u32) -> i32 {
    let answer;
    // SAFETY: as above. The kernel keeps r8 to r11 since 4.17, and cleared them before.
    unsafe {
        asm!("int 0x80", inlateout("eax") number => answer, lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _);
    }
    answer
}

/// To standard output.
pub fn say(line: &[u8]) {
    // SAFETY: the line may be read.
    unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
}
