//! lib/modules/VERSION: which modules there are, and what each needs. The lines of modules.dep are read by what reads them
//! at the boot.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use glob::Pattern;
use tinyo::probe::modules;

use super::wanted::Wanted;
use crate::{cpio::Archive, view::View};

/// A module's line of modules.dep.
#[derive(Debug, Clone)]
pub struct Module {
    /// Below the folder.
    pub file: String,
    /// The files that it needs, the one to load first at the end.
    pub needs: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Folder {
    pub path: PathBuf,
    pub version: String,
    pub modules: BTreeMap<String, Module>,
    /// Pattern and module, as modules.alias has them.
    pub aliases: Vec<(String, String)>,
    /// Whole lines of modules.softdep, by module.
    pub soft: BTreeMap<String, Vec<String>>,
    /// What each may ask the kernel for later, when it runs: modules.weakdep, of kmod 33. Nobody loads them for it.
    pub weak: BTreeMap<String, Vec<String>>,
    pub built_in: BTreeSet<String>,
    /// Other names of those, as `fs-ext3`.
    pub built_in_aliases: BTreeSet<String>,
    /// modules.builtin as it is.
    pub built_in_text: Option<String>,
}

/// kernel/drivers/char/hw_random/virtio-rng.ko.xz is the module virtio_rng.
pub fn name_of(file: &str) -> String {
    String::from_utf8_lossy(modules::module_name(file.as_bytes())).replace('-', "_")
}

impl Folder {
    pub fn open(path: &Path) -> Result<Folder> {
        // The version is its real name: lib/modules is often reached by a link.
        let real = fs::canonicalize(path).with_context(|| format!("{}: open the folder of modules", path.display()))?;
        let version = real.file_name().and_then(|name| name.to_str());
        let version = version.with_context(|| format!("{}: ends in no kernel version", path.display()))?;
        ensure!(
            real.is_dir(),
            "{}: no directory; write lib/modules/VERSION of the kernel that will boot",
            path.display()
        );
        let folder = Folder::parse(path.to_owned(), version, &|name| optional(path, name))?;
        folder.with_context(|| {
            let hint = match meant(path) {
                Some(meant) => format!("did you mean {}", meant.display()),
                None => {
                    format!("depmod {version} writes it (of DIR/lib/modules/{version}: depmod -b DIR {version})")
                }
            };
            format!("{}: no modules.dep there; {hint}", path.display())
        })
    }

    /// Those that an image has already: of each kernel in its lib/modules.
    pub fn inside(archive: &Archive) -> Result<Vec<Folder>> {
        let view = View::new(archive);
        let versions = view.list(b"/lib/modules").into_iter().filter_map(|name| String::from_utf8(name).ok());
        let folders = versions.map(|version| {
            let path = Path::new("/lib/modules").join(&version);
            let read = |name: &str| view.read(path.join(name).as_os_str().as_bytes());
            let text = |name: &str| Ok(read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
            Folder::parse(path.clone(), &version, &text)
        });
        folders.filter_map(Result::transpose).collect()
    }

    /// None: it has no modules.dep. `read` gives its texts; the others may be missing, as in a folder made by hand.
    pub fn parse(
        path: PathBuf,
        version: &str,
        read: &dyn Fn(&str) -> Result<Option<String>>,
    ) -> Result<Option<Folder>> {
        let Some(text) = read("modules.dep")? else { return Ok(None) };
        let built_in_text = read("modules.builtin")?;
        let mut folder = Folder { path, version: version.to_owned(), ..Folder::default() };
        for line in text.lines() {
            if let Some(module) = modules::parse(line.as_bytes()) {
                let mut files: Vec<_> = module.files().map(|file| String::from_utf8_lossy(file).into_owned()).collect();
                let Some(file) = files.pop() else { continue };
                files.reverse();
                folder.modules.entry(name_of(&file)).or_insert(Module { file, needs: files });
            }
        }
        for line in read("modules.alias")?.unwrap_or_default().lines() {
            if let ["alias", pattern, module] = line.split_whitespace().collect::<Vec<_>>()[..] {
                folder.aliases.push((pattern.to_owned(), module.to_owned()));
            }
        }
        for line in read("modules.softdep")?.unwrap_or_default().lines() {
            if let Some(["softdep", module, ..]) = line.split_whitespace().collect::<Vec<_>>().get(..2) {
                folder.soft.entry(module.replace('-', "_")).or_default().push(line.to_owned());
            }
        }
        for line in read("modules.weakdep")?.unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            if let (Some("weakdep"), Some(module)) = (words.next(), words.next()) {
                folder.weak.entry(module.replace('-', "_")).or_default().extend(words.map(str::to_owned));
            }
        }
        // MODULE.alias=NAME and other words about what is built in, each ended by NUL.
        let about = read("modules.builtin.modinfo")?.unwrap_or_default();
        let aliases = about.split('\0').filter_map(|word| word.split_once('.')?.1.strip_prefix("alias="));
        folder.built_in_aliases = aliases.map(str::to_owned).collect();
        folder.built_in = built_in_text.iter().flat_map(|text| text.lines()).map(name_of).collect();
        folder.built_in_text = built_in_text;
        Ok(Some(folder))
    }

    /// The modules that `name` stands for: its own, or those that have it as an alias.
    pub fn named(&self, name: &str) -> Vec<&str> {
        let own = name.replace('-', "_");
        if let Some((own, _)) = self.modules.get_key_value(&own) {
            return vec![own];
        }
        let fits = |pattern: &str| Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name));
        let aliases = self.aliases.iter().filter(|(pattern, _)| fits(pattern)).map(|(_, module)| module.as_str());
        aliases.filter(|module| self.modules.contains_key(*module)).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.modules.contains_key(&name.replace('-', "_"))
    }

    pub fn is_built_in(&self, name: &str) -> bool {
        self.built_in.contains(&name.replace('-', "_")) || self.built_in_aliases.contains(name)
    }

    /// The name most like `name`, for a message.
    pub fn near(&self, name: &str) -> Option<&str> {
        let squeezed = |name: &str| name.replace(['_', '-'], "").to_lowercase();
        let wanted = squeezed(name);
        let all = self.modules.keys().chain(&self.built_in);
        let scored = all.map(|other| (distance(&wanted, &squeezed(other)), other.as_str()));
        scored.min().filter(|(distance, _)| *distance <= 2 && *distance < wanted.len()).map(|(_, other)| other)
    }

    /// What is to be loaded before or after `name` where it is there: modprobe.d(5). Without `pre:` or `post:` before it a
    /// word means nothing.
    fn soft_needs(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.soft.get(name).into_iter().flatten();
        let words = lines.flat_map(|line| line.split_whitespace().skip(2).skip_while(|word| !word.ends_with(':')));
        words.filter(|word| !word.ends_with(':'))
    }

    /// Adds `name`, all that it needs and all that these ask for to `wanted`, each with the reason.
    pub fn close(&self, name: &str, why: &str, wanted: &mut Wanted) {
        let mut rest = vec![(name.to_owned(), why.to_owned())];
        while let Some((name, why)) = rest.pop() {
            let Some(module) = self.modules.get(&name).filter(|_| !wanted.contains_key(&name)) else { continue };
            rest.extend(module.needs.iter().map(|file| (name_of(file), format!("needed by {name}"))));
            for soft in self.soft_needs(&name) {
                let named = self.named(soft).into_iter();
                rest.extend(named.map(|module| (module.to_owned(), format!("softdep of {name}"))));
            }
            for weak in self.weak.get(&name).into_iter().flatten() {
                let named = self.named(weak).into_iter();
                rest.extend(named.map(|module| (module.to_owned(), format!("weakdep of {name}"))));
            }
            wanted.insert(name, why);
        }
    }
}

/// The folder of modules that is meant by one above or below it.
fn meant(path: &Path) -> Option<PathBuf> {
    let is = |path: &Path| path.join("modules.dep").is_file();
    let mut below: Vec<_> = path.read_dir().ok()?.flatten().map(|item| item.path()).filter(|path| is(path)).collect();
    below.sort();
    below.pop().or_else(|| path.ancestors().skip(1).find(|path| is(path)).map(Path::to_owned))
}

/// None: it is not there.
fn optional(folder: &Path, name: &str) -> Result<Option<String>> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}: read it", path.display())),
    }
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let best = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(dep: &str, soft: &str, alias: &str) -> Folder {
        let host = tempfile::tempdir().unwrap();
        let path = host.path().join("6.1.0");
        fs::create_dir(&path).unwrap();
        for (name, text) in [("dep", dep), ("softdep", soft), ("alias", alias), ("builtin", "kernel/fs/ext4/ext4.ko\n")]
        {
            fs::write(path.join(format!("modules.{name}")), text).unwrap();
        }
        Folder::open(&path).unwrap()
    }

    fn closed(folder: &Folder, name: &str) -> Vec<(String, String)> {
        let mut wanted = Wanted::new();
        folder.close(name, "config", &mut wanted);
        wanted.into_iter().collect()
    }

    fn names(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, why)| (name.to_string(), why.to_string())).collect()
    }

    #[test]
    fn needs_and_softdeps_come_along_with_their_own() {
        let folder = folder(
            "k/a.ko.xz: k/b-c.ko.xz k/d.ko\nk/b-c.ko.xz: k/d.ko\nk/d.ko:\nk/e.ko:\nk/f.ko:\nk/g.ko:\nk/h.ko:\n",
            "# words\nsoftdep a g pre: e crypto-f\nsoftdep b-c post: none h\n",
            "alias crypto-* f\n",
        );
        let expected = [
            ("a", "config"),
            ("b_c", "needed by a"),
            ("d", "needed by b_c"),
            ("e", "softdep of a"),
            ("f", "softdep of a"),
            ("h", "softdep of b_c"),
        ];
        let mut found = closed(&folder, "a");
        // Which of the two brings d in is a matter of taste.
        found.iter_mut().filter(|(name, _)| name == "d").for_each(|(_, why)| *why = "needed by b_c".into());
        assert_eq!(found, names(&expected));
    }

    #[test]
    fn weak_needs_come_along_and_what_is_built_in_has_other_names_too() {
        let texts = |name: &str| {
            Ok(match name {
                "modules.dep" => Some("a.ko:\nb-c.ko:\nd.ko: e.ko\ne.ko:\n".to_owned()),
                "modules.weakdep" => Some("# words\nweakdep a b-c crypto-d none\nweakdep b-c\n".into()),
                "modules.alias" => Some("alias crypto-d d\n".into()),
                "modules.builtin.modinfo" => Some("ext4.license=GPL\0ext4.alias=fs-ext3\0x\0".into()),
                _ => None,
            })
        };
        let folder = Folder::parse("/m".into(), "6.1", &texts).unwrap().unwrap();
        let expected = [("a", "config"), ("b_c", "weakdep of a"), ("d", "weakdep of a"), ("e", "needed by d")];
        assert_eq!(closed(&folder, "a"), names(&expected));
        assert!(folder.is_built_in("fs-ext3") && !folder.is_built_in("ext3") && !folder.is_built_in("GPL"));
    }

    #[test]
    fn a_circle_of_softdeps_comes_to_an_end() {
        let folder = folder("a.ko:\nb.ko:\n", "softdep a pre: b\nsoftdep b pre: a\n", "");
        assert_eq!(closed(&folder, "b"), names(&[("a", "softdep of b"), ("b", "config")]));
        assert_eq!(closed(&folder, "none"), []);
    }

    #[test]
    fn the_folder_that_is_meant_is_told() {
        let host = tempfile::tempdir().unwrap();
        let path = |name: &str| host.path().join(name);
        fs::create_dir_all(path("m/6.1/kernel/fs")).unwrap();
        let error = |name: &str| Folder::open(&path(name)).unwrap_err().to_string();
        assert!(
            error("m").ends_with("m: no modules.dep there; depmod m writes it (of DIR/lib/modules/m: depmod -b DIR m)")
        );
        fs::write(path("m/6.1/modules.dep"), "").unwrap();
        for wrong in ["m", "m/6.1/kernel", "m/6.1/kernel/fs"] {
            let expected = format!(": no modules.dep there; did you mean {}", path("m/6.1").display());
            assert!(error(wrong).ends_with(&expected), "{}", error(wrong));
        }
        assert!(error("m/6.1/modules.dep").contains("no directory; write lib/modules/VERSION"));
    }

    #[test]
    fn names_are_found_with_either_dash_and_by_alias() {
        let folder = folder("k/i2c-dev.ko.gz:\n", "", "alias char-major-89-* i2c_dev\nalias broken\nalias [ i2c_dev\n");
        assert!(folder.has("i2c-dev") && folder.has("i2c_dev") && !folder.has("i2c"));
        assert_eq!(folder.named("char-major-89-1"), ["i2c_dev"]);
        assert_eq!(folder.near("i2cdev"), Some("i2c_dev"));
        assert_eq!(folder.near("ext3"), Some("ext4"));
        assert_eq!(folder.near("vfat"), None);
        assert!(folder.is_built_in("ext4") && !folder.is_built_in("ext2"));
    }
}
