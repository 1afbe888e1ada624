//! Whether a value can be what its key wants, as far as that can be told without a machine.

use super::keys::{Item, Type, words};
use super::{CrashLimit, wrong};
use crate::limits;
use crate::text::duration::{self, Millis};
use crate::text::{capability, number, signal};

/// What is wrong with it, or the number that it becomes: of a word its place among [`words`].
pub fn check(kind: Type, text: &[u8]) -> Result<u64, &'static str> {
    let rule = |holds: bool, what| if holds { Ok(0) } else { Err(what) };
    if text.is_empty() {
        return Err(wrong::EMPTY);
    }
    if text.len() >= limits::PATH_BYTES {
        return Err(wrong::LONG);
    }
    match kind {
        Type::Path => rule(is_path(text), wrong::PATH),
        Type::Terminal => rule(is_path(text), wrong::TERMINAL),
        Type::Init => rule(text == b"tinyo" || is_path(text), wrong::PATH),
        Type::Source => rule(is_source(text), wrong::SOURCE),
        Type::HostName => rule(is_host_name(text), wrong::HOST),
        Type::User => rule(is_user(text), wrong::USER),
        Type::Signal => signal::parse(text).map(u64::from).ok_or(wrong::SIGNAL),
        Type::Wait if text == b"forever" => Ok(u64::MAX),
        Type::Wait | Type::Time => duration::parse(text).map(|time| time.0).ok_or(wrong::TIME),
        Type::CrashLimit => rule(crash_limit(text).is_some(), wrong::CRASH_LIMIT),
        Type::Log if is_path(text) => Ok(u64::MAX),
        Type::Log | Type::Kind | Type::Restart | Type::Network | Type::OnFailure | Type::OnExit => {
            let index = words(kind).split(' ').position(|word| word.as_bytes() == text);
            let later = text.starts_with(b"service:") || text.starts_with(b"netns:");
            let what = if kind == Type::Log { wrong::LOG } else { wrong::CHOICE };
            index.map(|index| index as u64).ok_or(if later { wrong::LATER } else { what })
        }
        Type::Boolean | Type::Text | Type::Name | Type::NotYet | Type::List(_) => Ok(0),
    }
}

/// What is wrong with an item of a list.
pub fn check_item(kind: Item, first: bool, text: &[u8]) -> Result<(), &'static str> {
    let rule = |holds: bool, what| if holds { Ok(()) } else { Err(what) };
    if text.is_empty() && (first || kind != Item::Command) {
        return Err(wrong::EMPTY_ITEM);
    }
    match kind {
        Item::Command | Item::Names => Ok(()),
        Item::Module if text == b"auto" => Err(wrong::LATER),
        Item::Module => {
            rule(text.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), wrong::MODULE)
        }
        Item::Setting => rule(is_setting(text), wrong::SETTING),
        Item::Variable => {
            rule(text.iter().skip(1).any(|&byte| byte == b'=') && !text.starts_with(b"="), wrong::VARIABLE)
        }
        Item::Volume => match volume(text) {
            Some(_) => Ok(()),
            None if text.starts_with(b"/") || text.starts_with(b".") => Err(wrong::VOLUME),
            None => Err(wrong::NAMED_VOLUME),
        },
        Item::Tmpfs => rule(tmpfs(text).is_some(), wrong::TMPFS),
        Item::Capability => rule(capability::parse(text).is_some(), wrong::CAPABILITY),
    }
}

/// A directory of outside in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume<'a> {
    pub source: &'a [u8],
    pub target: &'a [u8],
    pub read_only: bool,
}

/// `SRC:DST[:ro|:rw]`: the source with a `/` or a `.` first, the target absolute and below the root.
pub fn volume(text: &[u8]) -> Option<Volume<'_>> {
    let mut parts = text.split(|&byte| byte == b':');
    let (source, target, mode) = (parts.next()?, parts.next()?, parts.next());
    let read_only = match mode {
        None | Some(b"rw") => false,
        Some(b"ro") => true,
        _ => return None,
    };
    let below = target.starts_with(b"/") && target.iter().any(|&byte| byte != b'/');
    let possible = matches!(source, [b'/' | b'.', ..]) && below && parts.next().is_none();
    possible.then_some(Volume { source, target, read_only })
}

/// `PATH[:OPTIONS]`: an absolute path and the options of the tmpfs on it.
pub fn tmpfs(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = text.splitn(2, |&byte| byte == b':');
    let (path, options) = (parts.next()?, parts.next().unwrap_or_default());
    is_path(path).then_some((path, options))
}

/// `5 in 60s`.
pub fn crash_limit(text: &[u8]) -> Option<CrashLimit> {
    let mut words = text.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let count = u16::try_from(number::decimal(words.next()?)?).ok().filter(|&count| count > 0)?;
    let (Some(b"in"), Some(within), None) = (words.next(), words.next(), words.next()) else { return None };
    let within = duration::parse(within).filter(|&within| within > Millis(0))?;
    Some(CrashLimit { count, within })
}

pub fn is_path(text: &[u8]) -> bool {
    text.first() == Some(&b'/')
}

/// What may be behind `hostname =`: what a DNS label may have, dots and `_`, within sethostname(2)'s 64 bytes.
pub fn is_host_name(text: &[u8]) -> bool {
    let known = text.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    known && text.len() <= 64 && text.first().is_some_and(u8::is_ascii_alphanumeric)
}

/// A name of a device (or, with a type like 9p, of whatever that wants): with a `=` only the tags that are known.
fn is_source(text: &[u8]) -> bool {
    let mut parts = text.splitn(2, |&byte| byte == b'=');
    match (parts.next(), parts.next()) {
        (Some(b"UUID" | b"LABEL" | b"PARTUUID" | b"PARTLABEL"), Some(value)) => !value.is_empty(),
        (_, Some(_)) => is_path(text),
        _ => true,
    }
}

/// `USER[:GROUP]`, names or numbers.
pub fn is_user(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b':');
    let possible = |name: &[u8]| match name {
        [b'0'..=b'9', ..] => number::decimal(name).is_some_and(|id| id < u64::from(u32::MAX)),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
            name.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-_.$".contains(&byte))
        }
        _ => false,
    };
    parts.next().is_some_and(possible) && parts.next().is_none_or(possible) && parts.next().is_none()
}

/// `NAME=VALUE` with a name below /proc/sys.
fn is_setting(text: &[u8]) -> bool {
    let end = text.iter().position(|&byte| byte == b'=');
    let name = end.and_then(|end| text.get(..end)).unwrap_or_default();
    let known = name.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    let out = name.windows(2).any(|two| two == b"..") || is_path(name);
    !name.is_empty() && known && !out
}
