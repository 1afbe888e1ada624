//! The role, by the place and the words. Pure.

/// Where this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    FirstOfMachine,
    /// PID 1 of a container.
    FirstOfNamespace,
    NotFirst,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// PID 1 of the machine: boot, then supervise.
    Machine,
    /// PID 1 of a container, without a word: supervise there.
    Supervisor,
    Run,
    /// tini's work; the command starts at this word.
    Init(usize),
    Check,
    Plan,
    Help,
    Version,
    Unknown,
}

/// PID 1 of the machine never reads its words: the kernel hands what it does not know of its command line to it.
pub fn choose(place: Place, name: &[u8], word: &[u8]) -> Role {
    if place == Place::FirstOfMachine {
        return Role::Machine;
    }
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if matches!(name, b"tini" | b"docker-init") {
        return Role::Init(1);
    }
    match word {
        b"run" => Role::Run,
        b"init" => Role::Init(2),
        b"check" => Role::Check,
        b"plan" => Role::Plan,
        b"version" | b"--version" | b"-V" => Role::Version,
        b"" if place == Place::FirstOfNamespace => Role::Supervisor,
        b"" | b"help" | b"--help" | b"-h" => Role::Help,
        _ => Role::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_and_word_has_one_role() {
        use Place::*;
        let cases = [
            (FirstOfMachine, "/init", "", Role::Machine),
            (FirstOfMachine, "/init", "run", Role::Machine),
            (FirstOfMachine, "tini", "help", Role::Machine),
            (FirstOfNamespace, "/init", "", Role::Supervisor),
            (FirstOfNamespace, "", "", Role::Supervisor),
            (FirstOfNamespace, "/init", "init", Role::Init(2)),
            (FirstOfNamespace, "/sbin/tini", "--", Role::Init(1)),
            (FirstOfNamespace, "/init", "single", Role::Unknown),
            (NotFirst, "tinyo", "", Role::Help),
            (NotFirst, "tinyo", "run", Role::Run),
            (NotFirst, "/usr/bin/tini", "sh", Role::Init(1)),
            (NotFirst, "docker-init", "--", Role::Init(1)),
            (NotFirst, "tinyo", "check", Role::Check),
            (NotFirst, "tinyo", "plan", Role::Plan),
            (NotFirst, "tinyo", "--version", Role::Version),
            (NotFirst, "tinyo", "-h", Role::Help),
            (NotFirst, "tinyo", "Run", Role::Unknown),
            (NotFirst, "/sbin/init", "6", Role::Unknown),
        ];
        for (place, name, word, role) in cases {
            assert_eq!(choose(place, name.as_bytes(), word.as_bytes()), role, "{place:?} {name} {word}");
        }
    }
}
