//! Lines of passwd(5) and group(5). In a container's root they are hostile input: a line that is not as it should be is
//! nobody's, and a number that is not quite one is none.

use super::bytes::cut;
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
    let [name, _, uid, gid, _, home, _] = fields(line)?;
    Some(User { name, uid: id(uid)?, gid: id(gid)?, home })
}

/// `name:password:gid:members`.
pub fn group(line: &[u8]) -> Option<Group<'_>> {
    let [name, _, gid, members] = fields(line)?;
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

/// Exactly `N` fields, the first with something in it.
fn fields<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let mut fields = [&[] as &[u8]; N];
    let mut rest = Some(line);
    for field in &mut fields {
        (*field, rest) = cut(rest?, b':');
    }
    let named = fields.first().is_some_and(|name| !name.is_empty());
    (named && rest.is_none() && !line.contains(&0)).then_some(fields)
}
