//! The role, by the place and the words. Pure.

use crate::text::{bytes, names};
use crate::wire::Verb;

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
    /// PID 1 of the machine too, which another init gives back for its end; this word says which.
    End,
    /// PID 1 of a container, without a word: supervise there.
    Supervisor,
    Run,
    Exec,
    /// tini's work; the command starts at this word.
    Init(usize),
    /// Something for PID 1; what it is about starts at this word.
    Ask(Verb, usize),
    Check,
    Plan,
    Help,
    Version,
    Unknown,
}

/// PID 1 of the machine never reads its words: the kernel hands what it does not know of its command line to it. Only who is
/// executed as `/shutdown` was not executed by the kernel.
pub fn choose(place: Place, name: &[u8], word: &[u8]) -> Role {
    if place == Place::FirstOfMachine {
        return if name == b"/shutdown" && !word.is_empty() { Role::End } else { Role::Machine };
    }
    let name = bytes::last_part(name);
    if names::position("tini docker-init", name).is_some() {
        return Role::Init(1);
    }
    if names::position("poweroff reboot halt", name).is_some()
        && let Some(verb) = Verb::parse(name)
    {
        return Role::Ask(verb, 1);
    }
    if let Some(verb) = Verb::parse(word) {
        return Role::Ask(verb, 2);
    }
    match names::position("run init check plan exec version --version -V help --help -h", word) {
        Some(0) => Role::Run,
        Some(1) => Role::Init(2),
        Some(2) => Role::Check,
        Some(3) => Role::Plan,
        Some(4) => Role::Exec,
        Some(5..=7) => Role::Version,
        Some(_) => Role::Help,
        None if !word.is_empty() => Role::Unknown,
        None if place == Place::FirstOfNamespace => Role::Supervisor,
        None => Role::Help,
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
            (FirstOfMachine, "/shutdown", "poweroff", Role::End),
            (FirstOfMachine, "/shutdown", "", Role::Machine),
            (FirstOfNamespace, "/shutdown", "poweroff", Role::Ask(Verb::Poweroff, 2)),
            (FirstOfNamespace, "/init", "", Role::Supervisor),
            (FirstOfNamespace, "", "", Role::Supervisor),
            (FirstOfNamespace, "/init", "init", Role::Init(2)),
            (FirstOfNamespace, "/sbin/tini", "--", Role::Init(1)),
            (FirstOfNamespace, "/init", "single", Role::Unknown),
            (NotFirst, "tinyo", "", Role::Help),
            (NotFirst, "tinyo", "run", Role::Run),
            (NotFirst, "/usr/bin/tini", "sh", Role::Init(1)),
            (NotFirst, "docker-init", "--", Role::Init(1)),
            (NotFirst, "/sbin/poweroff", "", Role::Ask(Verb::Poweroff, 1)),
            (NotFirst, "halt", "-f", Role::Ask(Verb::Halt, 1)),
            (NotFirst, "tinyo", "reboot", Role::Ask(Verb::Reboot, 2)),
            (NotFirst, "tinyo", "status", Role::Ask(Verb::Status, 2)),
            (FirstOfNamespace, "tinyo", "log", Role::Ask(Verb::Log, 2)),
            (FirstOfMachine, "reboot", "reboot", Role::Machine),
            (NotFirst, "tinyo", "check", Role::Check),
            (NotFirst, "tinyo", "plan", Role::Plan),
            (NotFirst, "tinyo", "exec", Role::Exec),
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
