//! Lines of modules.dep(5): `PATH: DEPENDENCY...`, all of them, the one to load first at the end.

use crate::text::bytes::cut;

/// A module and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Below the directory of modules.dep, or absolute.
    pub path: &'a [u8],
    needs: &'a [u8],
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Option<Module<'_>> {
    let (path, needs) = cut(line, b':');
    let needs = needs?;
    (!path.is_empty() && !line.contains(&0)).then_some(Module { path, needs })
}

impl<'a> Module<'a> {
    /// Whether this is the module called `name`: `-` and `_` are the same in it.
    pub fn is(&self, name: &[u8]) -> bool {
        let own = module_name(self.path);
        own.len() == name.len() && own.iter().zip(name).all(|(a, b)| a == b || is_dash(*a) && is_dash(*b))
    }

    /// The files to load, in order: what it needs from right to left, then itself.
    pub fn files(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let needs = self.needs.rsplit(|&byte| byte == b' ').filter(|path| !path.is_empty());
        needs.chain(core::iter::once(self.path))
    }
}

/// The name of a module's file, without `.ko` and how it is packed.
pub fn module_name(path: &[u8]) -> &[u8] {
    let file = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    cut(file, b'.').0
}

fn is_dash(byte: u8) -> bool {
    matches!(byte, b'-' | b'_')
}
