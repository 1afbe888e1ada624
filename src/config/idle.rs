//! Keys and tables that nothing would come of where they are.

use super::file::Parser;
use super::keys::{Field, Table};
use super::wrong::Wrong;
use crate::text::options;
use crate::text::source::{self, Source};

/// What of a root is about its source: the first two about the device, all of them about what lies on it.
const OF_SOURCE: [(Field, &str); 4] =
    [(Field::RootWait, "wait"), (Field::RootFsck, "fsck"), (Field::RootType, "type"), (Field::RootOptions, "options")];

impl Parser<'_, '_> {
    /// Tells of the keys of `table`, which ends here, that say something of what is not there.
    #[inline(never)]
    pub(super) fn tell_idle(&mut self, table: Table) {
        let seen = self.seen;
        let has = |field: Field| seen & field.bit() != 0;
        let root = table == Table::Root;
        let (source, fstype, options) = match (self.config.roots.last(), self.config.mounts.last()) {
            (Some(own), _) if root => (own.source, own.fstype, own.options),
            (_, Some(own)) if table == Table::Mount => (own.source, own.fstype, own.options),
            _ => return,
        };
        let (source, options) = (source.to_bytes(), options.unwrap_or_default().to_bytes());
        let parsed = source::parse(source);
        let device = parsed.is_device() || parsed == Source::GptAuto;
        // A root has others behind it instead, and a mount nobody who would make it later.
        let idle: &[u8] = if root { b"nofail" } else { b"noauto" };
        if options::has(options, idle) {
            self.wrong(Wrong::IdleOption, &[], idle);
        }
        let known = !root && options::parse(options, &mut options::Data::new()).is_none_or(|it| it.is_of_another());
        let file = matches!(parsed, Source::Path(_));
        if fstype.is_none() && !(device || known || source.is_empty() || file && !root) {
            self.wrong(if file { Wrong::SourceFile } else { Wrong::SourceWithoutType }, &[], source);
        }
        if !root {
            if !known && self.config.mounts.last().is_some_and(|mount| mount.target == c"/") {
                self.wrong(Wrong::MountOnRoot, &[], &[]);
            }
            return;
        }
        if has(Field::RootOverlay) && has(Field::RootReadOnly) {
            self.wrong(Wrong::UnderOverlay, &[], &[]);
        }
        let idle = match device {
            true => 0,
            false if has(Field::RootSource) => 2,
            false => 4,
        };
        for (_, name) in OF_SOURCE.iter().take(idle).filter(|(field, _)| has(*field)) {
            self.wrong(Wrong::OfSource, name.as_bytes(), &[]);
        }
    }

    /// Tells of what only the init of a root would do that is handed over to, whichever root it is.
    #[inline(never)]
    pub(super) fn tell_handed_over(&mut self) {
        let roots = &self.config.roots;
        if roots.is_empty() || roots.iter().any(|root| root.init.is_none()) {
            return;
        }
        if !self.config.mounts.is_empty() {
            self.service = None;
            self.here = self.root;
            self.wrong(Wrong::HandedOver, b"[[mount]]", &[]);
        }
        for index in 0..self.config.services.len() {
            self.at_service(index);
            self.wrong(Wrong::HandedOver, b"a service", &[]);
        }
    }
}
