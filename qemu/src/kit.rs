//! Where the things a guest is made of lie: KERNEL=, MODULES=, BUSYBOX=, QEMU= and TINYO= name them, else what
//! `scripts/setup.sh` put under target/vm and `scripts/build.sh` under target/dist.

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail, ensure};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        })
    }
}

#[derive(Debug, Clone)]
pub struct Kit {
    pub arch: Arch,
    pub qemu: PathBuf,
    pub kernel: PathBuf,
    /// lib/modules/VERSION of that kernel, with its modules.dep
    pub modules: PathBuf,
    pub busybox: PathBuf,
    pub tinyo: PathBuf,
}

impl Kit {
    /// Every part found, or an error that names those that are not and how to get them.
    pub fn find(arch: Arch) -> Result<Kit> {
        Kit::find_with_kernel(arch, None)
    }

    /// With Debian's usual kernel, whatever KERNEL= and MODULES= say: it has drivers for what no cloud has.
    pub fn with_full_kernel(arch: Arch) -> Result<Kit> {
        let full = target().join(format!("vm/{arch}-full"));
        let kit = Kit { kernel: full.join("vmlinuz"), modules: only_child(full.join("modules")), ..Kit::find(arch)? };
        ensure!(kit.modules.exists(), "not there: {} (scripts/setup.sh --tests)", full.display());
        Ok(kit)
    }

    pub fn find_with_kernel(arch: Arch, kernel: Option<PathBuf>) -> Result<Kit> {
        let vm = target().join("vm").join(arch.to_string());
        let kit = Kit {
            arch,
            qemu: given("QEMU").unwrap_or_else(|| format!("qemu-system-{arch}").into()),
            kernel: kernel.or(given("KERNEL")).unwrap_or_else(|| vm.join("vmlinuz")),
            modules: given("MODULES").unwrap_or_else(|| only_child(vm.join("modules"))),
            busybox: given("BUSYBOX").unwrap_or_else(|| vm.join("busybox")),
            tinyo: given("TINYO").unwrap_or_else(|| target().join(format!("dist/tinyo-{arch}"))),
        };
        let mut missing = Vec::new();
        for (variable, path, source) in [
            ("KERNEL", &kit.kernel, "setup.sh"),
            ("MODULES", &kit.modules, "setup.sh"),
            ("BUSYBOX", &kit.busybox, "setup.sh"),
            ("TINYO", &kit.tinyo, "build.sh"),
        ] {
            if !path.exists() {
                missing.push(format!("{} ({variable}=, else scripts/{source})", path.display()));
            }
        }
        if !on_path(&kit.qemu) {
            missing.push(format!("{} (QEMU=, else scripts/setup.sh)", kit.qemu.display()));
        }
        if !missing.is_empty() {
            bail!("not there: {}", missing.join(", "));
        }
        Ok(kit)
    }
}

/// Cargo's output directory, where the scripts put theirs too.
pub fn target() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join("target")
}

fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// setup.sh keeps the kernel's version in the name of the one directory there.
fn only_child(parent: PathBuf) -> PathBuf {
    let child = parent.read_dir().ok().and_then(|mut list| list.next());
    child.and_then(Result::ok).map_or(parent.join("VERSION"), |c| c.path())
}

fn on_path(program: &PathBuf) -> bool {
    if program.components().count() > 1 {
        return program.exists();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).exists())
}
