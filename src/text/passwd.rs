//! Lines of passwd(5) and group(5). In a container's root they are hostile input: a line that is not as it should be is
//! nobody's, and a number that is not quite one is none.

use super::bytes::{cut, has};
use super::number::decimal;

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    pub name: &'a [u8],
    pub uid: u32,
    pub gid: u32,
    pub home: &'a [u8],
}

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    pub name: &'a [u8],
    pub gid: u32,
    /// Names of users, with commas between.
    members: &'a [u8],
}

/// `name:password:uid:gid:comment:home:shell`.
pub fn user(line: &[u8]) -> Option<User<'_>> {
    let mut fields = [&[] as &[u8]; 7];
    split(line, &mut fields)?;
    let [name, _, uid, gid, _, home, _] = fields;
    Some(User { name, uid: id(uid)?, gid: id(gid)?, home })
}

/// `name:password:gid:members`.
pub fn group(line: &[u8]) -> Option<Group<'_>> {
    let mut fields = [&[] as &[u8]; 4];
    split(line, &mut fields)?;
    let [name, _, gid, members] = fields;
    Some(Group { name, gid: id(gid)?, members })
}

impl User<'_> {
    /// Whether this is who is called `who`, a name or a number.
    pub fn is(&self, who: &[u8]) -> bool {
        self.name == who || id(who) == Some(self.uid)
    }
}

impl Group<'_> {
    /// Whether this is what is called `what`, a name or a number.
    pub fn is(&self, what: &[u8]) -> bool {
        self.name == what || id(what) == Some(self.gid)
    }

    pub fn has_member(&self, user: &[u8]) -> bool {
        let mut rest = Some(self.members);
        while let Some((member, more)) = rest.map(|rest| cut(rest, b',')) {
            if member == user && !user.is_empty() {
                return true;
            }
            rest = more;
        }
        false
    }
}

/// A user or group id. The last one means "unchanged" to setresuid(2): it is nobody's.
pub fn id(text: &[u8]) -> Option<u32> {
    u32::try_from(decimal(text)?).ok().filter(|&id| id != u32::MAX)
}

/// Exactly as many fields as there are places, the first with something in it.
#[inline(never)]
fn split<'l>(line: &'l [u8], fields: &mut [&'l [u8]]) -> Option<()> {
    let mut rest = Some(line);
    for field in &mut *fields {
        (*field, rest) = cut(rest?, b':');
    }
    let named = fields.first().is_some_and(|name| !name.is_empty());
    if named && rest.is_none() && !has(line, 0) { Some(()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_users() {
        let root = User { name: b"root", uid: 0, gid: 0, home: b"/root" };
        assert_eq!(user(b"root:x:0:0:root:/root:/bin/sh"), Some(root));
        let app = user(b"app::1000:100::/home/app:").unwrap();
        assert_eq!(app, User { name: b"app", uid: 1000, gid: 100, home: b"/home/app" });
        assert!(
            app.is(b"app") && app.is(b"1000") && !app.is(b"01000") && !app.is(b"100") && !app.is(b"") && !app.is(b"ap")
        );
    }

    #[test]
    fn reads_groups() {
        let group = group(b"audio:x:29:app,pulse,").unwrap();
        assert!(group.is(b"audio") && group.is(b"29") && !group.is(b"x") && group.gid == 29);
        assert!(
            group.has_member(b"app")
                && group.has_member(b"pulse")
                && !group.has_member(b"")
                && !group.has_member(b"pul")
        );
        assert!(!super::group(b"none:x:5:").unwrap().has_member(b""));
    }

    #[test]
    fn what_is_not_right_is_nobodys() {
        let users = [
            "",
            ":",
            "root",
            "root:x:0:0:root:/root",
            "root:x:0:0:root:/root:/bin/sh:more",
            ":x:0:0::/:/bin/sh",
            "a:x:-1:0::/:",
            "a:x:+1:0::/:",
            "a:x:00:0::/:",
            "a:x: 1:0::/:",
            "a:x:1::::",
            "a:x:4294967295:0::/:",
            "a:x:0:4294967295::/:",
            "a:x:4294967296:0::/:",
            "a:x:0x0:0::/:",
            "a\0:x:0:0::/:",
            "a:x:0:0::/\0:",
        ];
        for line in users {
            assert_eq!(user(line.as_bytes()), None, "{line:?}");
        }
        for line in ["", "a:x:0", "a:x:0::", ":x:0:", "a:x:x:", "a:x:4294967295:", "a:x:0:b\0"] {
            assert_eq!(group(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(
            (id(b"0"), id(b"4294967294"), id(b"4294967295"), id(b"")),
            (Some(0), Some(u32::MAX - 1), None, None)
        );
    }

    proptest! {
        #[test]
        fn as_its_naive_twin(line in "[ab0-9:]{0,16}") {
            let fields: std::vec::Vec<_> = line.split(':').collect();
            let number = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text && *number != u32::MAX);
            use std::string::ToString;
            let twin = match fields[..] {
                [name, _, uid, gid, _, home, _] if !name.is_empty() => number(uid).zip(number(gid)).map(|(uid, gid)| (name, uid, gid, home)),
                _ => None,
            };
            let found = user(line.as_bytes());
            prop_assert_eq!(found, twin.map(|(name, uid, gid, home)| User { name: name.as_bytes(), uid, gid, home: home.as_bytes() }));
        }
    }
}
