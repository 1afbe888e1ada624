//! What of an ELF file decides whether it can run in the image: elf(5).

use goblin::elf::{
    Elf,
    dynamic::{DT_RPATH, DT_RUNPATH},
    header::{EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64},
};

/// The processor that a program, library or module is for: `e_machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine(u16);

impl Machine {
    /// None: it is no ELF file.
    pub fn of(bytes: &[u8]) -> Option<Machine> {
        let machine = bytes.get(18..20).filter(|_| bytes.starts_with(b"\x7fELF"))?;
        let little = bytes[5] == 1;
        let machine = [machine[0], machine[1]];
        Some(Machine(if little { u16::from_le_bytes(machine) } else { u16::from_be_bytes(machine) }))
    }

    /// A kernel for `self` runs programs for `other`: its own, and those of the processor's 32-bit half.
    pub fn runs(self, other: Machine) -> bool {
        self == other || matches!((self.0, other.0), (EM_X86_64, EM_386) | (EM_AARCH64, EM_ARM))
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.0 {
            EM_X86_64 => f.write_str("x86_64"),
            EM_AARCH64 => f.write_str("aarch64"),
            EM_386 => f.write_str("i386"),
            EM_ARM => f.write_str("arm"),
            EM_RISCV => f.write_str("riscv"),
            other => write!(f, "machine {other} of elf.h"),
        }
    }
}

/// How a program or library is linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linked {
    /// PT_INTERP.
    pub interpreter: Option<String>,
    /// DT_NEEDED.
    pub needed: Vec<String>,
    /// The directories of DT_RUNPATH, else those of DT_RPATH.
    pub path: Vec<String>,
    /// They are those of DT_RPATH, which hold for the libraries' own needs too.
    pub inherited: bool,
}

/// # Errors
/// Why it cannot be read.
pub fn linked(bytes: &[u8]) -> Result<Linked, String> {
    let elf = Elf::parse(bytes).map_err(|error| error.to_string())?;
    let words = |tag: u64| -> Vec<String> {
        let entries = elf.dynamic.iter().flat_map(|dynamic| &dynamic.dyns).filter(|entry| entry.d_tag == tag);
        let texts = entries.filter_map(|entry| elf.dynstrtab.get_at(usize::try_from(entry.d_val).ok()?));
        texts.flat_map(|text| text.split(':')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let own = words(DT_RUNPATH);
    let inherited = own.is_empty();
    Ok(Linked {
        interpreter: elf.interpreter.map(str::to_owned),
        needed: elf.libraries.iter().map(|&name| name.to_owned()).collect(),
        path: if inherited { words(DT_RPATH) } else { own },
        inherited,
    })
}

/// The `NAME=VALUE` words of a module's `.modinfo`, of one name.
pub fn module_info(bytes: &[u8], name: &str) -> Result<Vec<String>, String> {
    let elf = Elf::parse(bytes).map_err(|error| error.to_string())?;
    let section = elf.section_headers.iter().find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(".modinfo"));
    let Some(range) = section.and_then(|header| header.file_range()) else { return Ok(Vec::new()) };
    let info = bytes.get(range).ok_or("its .modinfo lies outside of it")?;
    let words = info.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let values = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
    Ok(values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_linked_as_readelf_says() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let linked = linked(&own).unwrap();
        assert!(linked.interpreter.unwrap().starts_with("/lib"));
        assert!(linked.needed.iter().any(|name| name.starts_with("libc.")), "{:?}", linked.needed);
        assert_eq!(Machine::of(&own).unwrap().to_string(), std::env::consts::ARCH);
    }

    #[test]
    fn a_machine_runs_its_own_and_its_32_bit_half() {
        let [x86, arm64] = [Machine(EM_X86_64), Machine(EM_AARCH64)];
        assert!(x86.runs(x86) && x86.runs(Machine(EM_386)) && arm64.runs(Machine(EM_ARM)));
        assert!(!x86.runs(arm64) && !arm64.runs(Machine(EM_386)) && !Machine(EM_386).runs(x86));
    }

    #[test]
    fn the_order_of_bytes_is_the_files() {
        let mut head = *b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\xb7";
        assert_eq!(Machine::of(&head), Some(Machine(EM_AARCH64)));
        head[5] = 1;
        assert_eq!(Machine::of(&head), Some(Machine(0xb700)));
        assert_eq!(Machine::of(&head[..19]), None);
        assert_eq!(Machine::of(b"#!/bin/sh and more words"), None);
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_no_panic() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let step = own.len() / 50;
        for length in (0..64).chain((64..own.len()).step_by(step)) {
            let _ = (linked(&own[..length]), module_info(&own[..length], "firmware"));
        }
        assert!(linked(&own[..40]).is_err());
    }
}
