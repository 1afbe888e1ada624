//! What a machine has of its own beside its disks and its services: its address, its clock, its random seed.

use std::sync::LazyLock;

use tinyo_qemu::{
    expect::End,
    image,
    kit::Arch,
    suite::{Shared, guest},
};

const END: &str = "\n[service.end]\nexec = [\"/check\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n";

/// QEMU's own network, with the host at 10.0.2.2.
const CARD: [&str; 4] = ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net"];

const ADDRESS: &str = r#"
ip -4 addr; ip route; cat /run/tinyo/resolv.conf
for i in lo eth0; do check $i-is-up sh -c "ip link show $i | grep -q '[<,]UP[,>]'"; done
check address sh -c "ip -4 addr show eth0 | grep -q 'inet 10.0.2.15/24 brd 10.0.2.255'"
check way-out test "$(ip route | grep '^default')" = "default via 10.0.2.2 dev eth0 "
check the-host-answers ping -c 1 -W 5 10.0.2.2
check lo-answers ping -c 1 -W 5 127.0.0.1
check name test "$(hostname)" = fromip
check name-servers test "$(cat /run/tinyo/resolv.conf)" = "nameserver 10.0.2.3"
"#;

static FROM_THE_LINE: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        image::add_modules(&mut boot.archive, &boot.kit.modules, &["virtio_pci", "virtio_net"])?;
        let modules = "modules = [\"virtio_pci\", \"virtio_net\"]\n";
        boot.config(&format!("{modules}ip = \"10.9.9.9\"\n{END}")).script("/check", ADDRESS).hardware(&CARD);
        // The last of several counts.
        boot.append("ip=10.8.8.8 ip=10.0.2.15::10.0.2.2:255.255.255.0:fromip::off:10.0.2.3").run()
    })
});

#[test]
fn the_first_card_gets_the_address_of_the_line() {
    let Some(guest) = FROM_THE_LINE.outcome() else { return };
    guest.held("lo-is-up").held("eth0-is-up").held("address").held("way-out").held("name").held("name-servers");
    guest.held("the-host-answers").held("lo-answers").ends(End::PowerOff);
}
