//! What the kernel was built with, as far as its config is at hand.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{compress, elf::Machine, findings::Findings};

/// The switches that are `=y` in a kernel's config.
#[derive(Debug, Clone, Default)]
pub struct Kernel {
    switches: Option<BTreeSet<String>>,
    /// The file that says so.
    pub file: PathBuf,
}

/// Each makes the kernel refuse a module without a signature, whatever its command line says.
const ENFORCING: [&str; 3] = [
    "CONFIG_MODULE_SIG_FORCE",
    "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY",
    "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
];

/// What says which processor a kernel is for.
const PROCESSORS: [&str; 5] = ["CONFIG_X86_64", "CONFIG_X86_32", "CONFIG_ARM64", "CONFIG_ARM", "CONFIG_RISCV"];

impl Kernel {
    /// The config in `file`; without one, of the kernel whose modules are in `modules`, where distributions and builds
    /// leave it. None there is no error: less is known then.
    pub fn find(file: Option<&Path>, modules: Option<&Path>) -> Result<Kernel> {
        if let Some(file) = file {
            return Kernel::read(file);
        }
        let Some(modules) = modules.and_then(|modules| fs::canonicalize(modules).ok()) else {
            return Ok(Kernel::default());
        };
        let version = modules.file_name().unwrap_or_default().to_string_lossy();
        let boot = format!("boot/config-{version}");
        // lib/modules/VERSION beside boot, and the same below usr; Fedora's, and that of a kernel's own build.
        let places = [3, 4].map(|levels| Some(modules.ancestors().nth(levels)?.join(&boot)));
        let inside = ["config", "build/.config"].map(|name| Some(modules.join(name)));
        match places.into_iter().chain(inside).flatten().find(|place| place.is_file()) {
            Some(place) => Kernel::read(&place),
            None => Ok(Kernel::default()),
        }
    }

    /// Packed as /proc/config.gz is, or not.
    fn read(file: &Path) -> Result<Kernel> {
        let bytes = fs::read(file).with_context(|| format!("{}: read the kernel's config", file.display()))?;
        let text = compress::unpack(&file.to_string_lossy(), bytes)?;
        let kernel = Kernel::parse(&String::from_utf8_lossy(&text));
        let shown = file.display();
        let any = kernel.switches.as_ref().is_some_and(|switches| !switches.is_empty());
        ensure!(any, "{shown}: no kernel's config; it has no line CONFIG_NAME=y");
        Ok(Kernel { file: file.to_owned(), ..kernel })
    }

    pub fn parse(text: &str) -> Kernel {
        let switches = text.lines().filter_map(|line| line.strip_suffix("=y")).map(str::to_owned).collect();
        Kernel { switches: Some(switches), file: PathBuf::new() }
    }

    /// Whether it can be the config of a kernel that boots this image.
    pub fn check(&self, machine: Machine, findings: &mut Findings) {
        let file = self.file.display();
        let own = match machine.to_string().as_str() {
            "x86_64" => "CONFIG_X86_64",
            "aarch64" => "CONFIG_ARM64",
            _ => return,
        };
        if let Some(other) = PROCESSORS.into_iter().find(|switch| *switch != own && self.has(switch)) {
            findings.error(format!(
                "--kernel-config: {file} is of a kernel for another processor ({other}); tinyo is for {machine}"
            ));
        } else if self.has(own) && !self.has("CONFIG_BLK_DEV_INITRD") {
            findings.error(format!(
                "--kernel-config: the kernel boots no initramfs (CONFIG_BLK_DEV_INITRD is not set in {file})"
            ));
        }
    }

    pub fn is_known(&self) -> bool {
        self.switches.is_some()
    }

    pub fn has(&self, switch: &str) -> bool {
        self.switches.as_ref().is_some_and(|switches| switches.contains(switch))
    }

    /// The switch that makes it refuse modules without a signature.
    pub fn enforces_signatures(&self) -> Option<&'static str> {
        ENFORCING.into_iter().find(|switch| self.has(switch))
    }

    /// Debian's, Fedora's and others' patch: under Secure Boot as if locked down.
    fn locks_down_in_secure_boot(&self) -> bool {
        self.has("CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT") || self.has("CONFIG_IMA_ARCH_POLICY")
    }

    /// Whether modules may lose their signatures, and what that means.
    pub fn may_strip(&self, findings: &mut Findings) {
        let file = self.file.display();
        if let Some(switch) = self.enforces_signatures() {
            findings.error(format!(
                "--strip-signatures: the kernel loads no module without one ({switch} in {file}); leave it out"
            ));
            return;
        }
        findings.note(
            "--strip-signatures: the kernel says `module verification failed` and is tainted (E) from the first module on; with \
             module.sig_enforce or lockdown= on its command line it loads none at all",
        );
        if !self.is_known() {
            findings.note(
                "--strip-signatures: the kernel's config is not known (--kernel-config FILE); see that CONFIG_MODULE_SIG_FORCE and \
                 CONFIG_LOCK_DOWN_KERNEL_FORCE_* are not set, or it loads no module at all",
            );
        } else if self.locks_down_in_secure_boot() {
            findings.note(format!(
                "--strip-signatures: where Secure Boot is on, this kernel is locked down and loads no module without one ({file})"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::Compress;
    use std::io::Write;

    #[test]
    fn a_switch_is_on_when_it_is_y() {
        let kernel = Kernel::parse("CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"=y\"\n");
        assert!(kernel.is_known() && kernel.has("CONFIG_A"));
        assert!(!["CONFIG_B", "CONFIG_C", "CONFIG_D", "CONFIG_"].iter().any(|name| kernel.has(name)));
        assert!(!Kernel::default().is_known());
    }

    #[test]
    fn what_enforces_signatures_is_named() {
        for switch in ENFORCING {
            assert_eq!(Kernel::parse(&format!("{switch}=y\n")).enforces_signatures(), Some(switch));
        }
        assert_eq!(Kernel::parse("CONFIG_MODULE_SIG=y\n").enforces_signatures(), None);
    }

    #[test]
    fn a_config_of_another_processor_or_without_an_initramfs_is_an_error() {
        let x86 = Machine::of(&crate::specimen::elf(crate::specimen::X86_64, None, &[], None)).unwrap();
        let errors = |kernel: &Kernel| {
            let mut findings = Findings::default();
            kernel.check(x86, &mut findings);
            findings.errors.concat()
        };
        assert_eq!(errors(&Kernel::default()), "");
        assert_eq!(errors(&Kernel::parse("CONFIG_X86_64=y\nCONFIG_BLK_DEV_INITRD=y\n")), "");
        assert!(errors(&Kernel::parse("CONFIG_ARM64=y\nCONFIG_BLK_DEV_INITRD=y\n")).contains("for another processor"));
        assert!(errors(&Kernel::parse("CONFIG_X86_64=y\n")).contains("CONFIG_BLK_DEV_INITRD is not set"));
    }

    #[test]
    fn it_is_found_where_it_is_left() {
        for place in ["boot/config-6.1", "lib/modules/6.1/config", "lib/modules/6.1/build/.config"] {
            let top = tempfile::tempdir().unwrap();
            let (file, modules) = (top.path().join(place), top.path().join("lib/modules/6.1"));
            fs::create_dir_all(&modules).unwrap();
            assert!(!Kernel::find(None, Some(&modules)).unwrap().is_known());
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "CONFIG_X=y\n").unwrap();
            assert!(Kernel::find(None, Some(&modules)).unwrap().has("CONFIG_X"), "{place}");
        }
        let error = |path: &Path| Kernel::find(Some(path), None).unwrap_err().to_string();
        assert_eq!(error(Path::new("/none")), "/none: read the kernel's config");
        let top = tempfile::tempdir().unwrap();
        let [text, packed] = ["text", "config.gz"].map(|name| top.path().join(name));
        fs::write(&text, "no words of a kernel\n").unwrap();
        assert!(error(&text).ends_with("text: no kernel's config; it has no line CONFIG_NAME=y"));
        let gzip = |out: &mut dyn Write| Ok(out.write_all(b"CONFIG_X=y\n")?);
        Compress::Gzip.through(&mut fs::File::create(&packed).unwrap(), gzip).unwrap();
        assert!(Kernel::find(Some(&packed), None).unwrap().has("CONFIG_X"));
    }
}
