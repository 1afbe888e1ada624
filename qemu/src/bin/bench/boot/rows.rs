//! Which boots there are, and the images that they share.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use super::{
    init::{Init, Root},
    setup::Board,
};

/// One way to a root.
#[derive(Debug, Clone)]
pub struct Row {
    pub init: Init,
    pub root: Root,
    pub board: Board,
    pub stripped: bool,
}

impl Row {
    pub fn is_usual(&self) -> bool {
        (self.root, self.board, self.stripped) == (Root::Node, Board::Q35, false)
    }

    /// What a root is called makes no difference that this host's clock could tell from its noise, and microvm has no clock
    /// but in virtual time: without one a busy host's guest hangs.
    pub fn has_wall_time(&self) -> bool {
        (self.root, self.board) == (Root::Node, Board::Q35)
    }

    pub fn image(&self) -> Image {
        Image { init: self.init.clone(), board: self.board, stripped: self.stripped }
    }

    pub fn machine(&self) -> String {
        self.image().machine()
    }
}

/// What several rows boot from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub init: Init,
    pub board: Board,
    pub stripped: bool,
}

impl Image {
    pub fn machine(&self) -> String {
        format!("{}{}", self.board.name(), if self.stripped { ", no signatures" } else { "" })
    }
}

/// The floor is always among them: everything is measured against it.
pub fn chosen(only: &[String], binaries: &[PathBuf]) -> Result<Vec<Init>> {
    let mut inits = Init::ALL.to_vec();
    if let Some(name) = only.iter().find(|name| !inits.iter().any(|init| init.name() == **name)) {
        bail!("{name}: no such init; --list names them");
    }
    inits.retain(|init| only.is_empty() || *init == Init::Floor || only.contains(&init.name()));
    for path in binaries {
        let path = fs::canonicalize(path).with_context(|| format!("{}: find it", path.display()))?;
        inits.push(Init::Tinyo(Some(path)));
    }
    Ok(inits)
}

/// In the order of the table: all on q35, then those that can on microvm, then without signatures.
pub fn rows(inits: &[Init]) -> Vec<Row> {
    let row = |init: &Init, root, board, stripped| Row { init: init.clone(), root, board, stripped };
    let mut rows = Vec::new();
    for init in inits {
        rows.extend(init.roots().iter().map(|root| row(init, *root, Board::Q35, false)));
    }
    let any = inits.iter().filter(|init| init.is_ours_to_make());
    rows.extend(any.map(|init| row(init, Root::Node, Board::Microvm, false)));
    let stripped = inits.iter().filter(|init| matches!(init, Init::Floor | Init::Tinyo(_)));
    rows.extend(stripped.map(|init| row(init, Root::Node, Board::Q35, true)));
    rows
}

/// Each image of `rows` once.
pub fn images(rows: &[Row]) -> Vec<Image> {
    let mut images = Vec::new();
    for row in rows {
        if !images.contains(&row.image()) {
            images.push(row.image());
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_made_once_for_all_names_of_a_root() {
        let rows = rows(&chosen(&[], &[]).unwrap());
        let images = images(&rows);
        let of = |init: &Init| images.iter().filter(|image| image.init == *init).count();
        // As it is, on microvm, without signatures.
        assert_eq!((of(&Init::Tinyo(None)), of(&Init::Busybox), of(&Init::Dracut)), (3, 2, 1));
        assert!(rows.iter().all(|row| images.contains(&row.image())));
        assert_eq!(rows.iter().filter(|row| row.is_usual()).count(), Init::ALL.len());
    }

    #[test]
    fn the_floor_is_always_there() {
        let chosen = chosen(&["tinyo".to_owned()], &[]).unwrap();
        assert_eq!(chosen, [Init::Floor, Init::Tinyo(None)]);
        assert!(super::chosen(&["nobody".to_owned()], &[]).is_err());
    }
}
