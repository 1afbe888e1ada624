//! `scripts/bench.sh boot` in its shortest form: whether it measures, not what.

use std::process::Command;

use tinyo_qemu::{
    kit::{Arch, target},
    suite::{Slot, skip},
};

#[test]
fn a_boot_is_measured_beside_the_floor() {
    if skip(Arch::X86_64) {
        return;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "-q", "--release", "-p", "tinyo-probe", "--target", "x86_64-unknown-linux-musl"]);
    assert!(cargo.current_dir(target().parent().unwrap()).status().unwrap().success());
    let _slot = Slot::take();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    let run =
        bench.args(["boot", "--brief", "--rounds", "1", "--jobs", "1", "--only", "floor,tinyo"]).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    let time = |init: &str| -> f64 {
        let row = text.lines().find(|line| line.starts_with(&format!("| {init} | /dev/vda1 | q35 |"))).unwrap();
        row.split(" | ").nth(3).unwrap().parse().unwrap_or_else(|_| panic!("{row}"))
    };
    // Milliseconds of virtual time. Either has the same modules to load; ten times that would be a wait for something.
    let (floor, tinyo) = (time("floor"), time("tinyo"));
    assert!(floor > 1.0 && tinyo > floor && tinyo < 10.0 * floor, "{floor} {tinyo}");
}
