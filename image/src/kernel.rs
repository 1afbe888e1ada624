//! What the kernel was built with, as far as its config is at hand.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

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

impl Kernel {
    /// The config in `file`; without one, of the kernel whose modules are in `modules`, where distributions and builds
    /// leave it. None there is no error: less is known then.
    pub fn find(file: Option<&Path>, modules: Option<&Path>) -> Result<Kernel> {
        if let Some(file) = file {
            return Kernel::read(file);
        }
        let Some(modules) = modules else { return Ok(Kernel::default()) };
        let version = modules.file_name().unwrap_or_default().to_string_lossy();
        let boot = format!("boot/config-{version}");
        let up = |levels: usize| fs::canonicalize(modules).ok()?.ancestors().nth(levels).map(Path::to_owned);
        // lib/modules/VERSION beside boot, and the same below usr; Fedora's, and that of a kernel's own build.
        let places = [up(3).map(|top| top.join(&boot)), up(4).map(|top| top.join(&boot))];
        let inside = ["config", "build/.config"].map(|name| Some(modules.join(name)));
        match places.into_iter().chain(inside).flatten().find(|place| place.is_file()) {
            Some(place) => Kernel::read(&place),
            None => Ok(Kernel::default()),
        }
    }

    fn read(file: &Path) -> Result<Kernel> {
        let text = fs::read_to_string(file).with_context(|| format!("{}: read the kernel's config", file.display()))?;
        Ok(Kernel { file: file.to_owned(), ..Kernel::parse(&text) })
    }

    pub fn parse(text: &str) -> Kernel {
        let switches = text.lines().filter_map(|line| line.strip_suffix("=y")).map(str::to_owned).collect();
        Kernel { switches: Some(switches), file: PathBuf::new() }
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
    pub fn locks_down_in_secure_boot(&self) -> bool {
        self.has("CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT") || self.has("CONFIG_IMA_ARCH_POLICY")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let error = Kernel::find(Some(Path::new("/none")), None).unwrap_err().to_string();
        assert_eq!(error, "/none: read the kernel's config");
    }
}
