//! Sockets that PID 1 of a machine opens, on a kernel without IPv6; the rest is tested in `launcher/listen.rs`.

use tinyo_qemu::{expect::End, kit::Arch, suite::guest};

const CONFIG: &str = r#"
[service.web]
exec = ["/bin/sleep", "1000"]
listen = ["tcp:5140", "unix:/run/web.sock"]

[service.six]
exec = ["/bin/touch", "/run/six-ran"]
listen = ["tcp:[::1]:80"]
crash-limit = "1 in 60s"

[service.checker]
exec = ["/check"]
type = "oneshot"
on-exit = "poweroff"
"#;

const CHECK: &str = r#"
soon 'pidof sleep >/dev/null'
check no-ipv6 test ! -e /proc/net/if_inet6
check mode test "$(stat -c %a /run/web.sock)" = 666
check ipv4-instead grep -q ': 00000000:1414 00000000:0000 0A' /proc/net/tcp
check no-family test ! -e /run/six-ran
"#;

#[test]
fn both_families_are_one_where_the_kernel_has_one() {
    let run = guest(Arch::X86_64, |boot| boot.append("ipv6.disable=1").config(CONFIG).script("/check", CHECK).run());
    let Some(guest) = run.outcome() else { return };
    for name in ["no-ipv6", "mode", "ipv4-instead", "no-family"] {
        guest.held(name);
    }
    guest
        .says(r"tinyo: six: listen tcp:\[::1\]:80: address family not supported; is it in this kernel\?")
        .ends(End::PowerOff);
}
