//! The folder that several files are opened in, one after the other: each is then looked up by its name alone, and not by the way
//! to it from the root or the current folder, which is a tenth of what a small file costs.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// At most one folder, held open.
#[derive(Default)]
pub(crate) struct Folder {
    /// Up to the last slash, and with it.
    way: Vec<u8>,
    file: Option<OwnedFd>,
}

impl Folder {
    /// Holds the folder of this file open if the next one is in it too; any other is closed.
    pub(crate) fn enter(&mut self, path: &Path, next: Option<&Path>) {
        let (way, _) = split(path);
        if self.file.is_some() && self.way == way {
            return;
        }
        self.leave();
        if !way.is_empty() && next.is_some_and(|next| split(next).0 == way) {
            self.way.clear();
            self.way.extend_from_slice(way);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            // Where that fails, the file is opened by its whole path.
            self.file = rustix::fs::open(self.way.as_slice(), flags, Mode::empty()).ok();
        }
    }

    /// Opens a file that is in it; `None` if it is not, or cannot be opened: why, opening it by its path tells. Then the folder is
    /// closed, for it may be the file that is one too many.
    pub(crate) fn open(&mut self, path: &Path, flags: OFlags) -> Option<File> {
        let folder = self.file.as_ref()?;
        let (way, name) = split(path);
        let opened = (way == self.way).then(|| rustix::fs::openat(folder, name, flags, Mode::empty()));
        if !matches!(opened, Some(Ok(_))) {
            self.leave();
        }
        opened?.ok().map(File::from)
    }

    fn leave(&mut self) {
        self.file = None;
    }
}

/// The way to a file, with the last slash, and its name.
fn split(path: &Path) -> (&[u8], &[u8]) {
    let bytes = path.as_os_str().as_bytes();
    let name = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    bytes.split_at(name)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_folder_is_entered_for_two_files_and_left_for_another() {
        let place = tempfile::tempdir().unwrap();
        for (folder, name) in [("a", "1"), ("a", "2"), ("b", "3")] {
            std::fs::create_dir_all(place.path().join(folder)).unwrap();
            std::fs::write(place.path().join(folder).join(name), name).unwrap();
        }
        let [one, two, three] = ["a/1", "a/2", "b/3"].map(|name| place.path().join(name));
        let mut folder = Folder::default();
        let text = |folder: &mut Folder, path: &Path| {
            let mut text = String::new();
            folder.open(path, OFlags::RDONLY)?.read_to_string(&mut text).unwrap();
            Some(text)
        };
        folder.enter(&one, Some(&three));
        assert_eq!(text(&mut folder, &one), None, "not for one file");
        folder.enter(&one, Some(&two));
        assert_eq!(text(&mut folder, &one).unwrap(), "1");
        folder.enter(&two, Some(&three));
        assert_eq!(text(&mut folder, &two).unwrap(), "2", "it is open already");
        folder.enter(&three, None);
        assert_eq!(text(&mut folder, &three), None);
        folder.enter(&one, Some(&two));
        assert_eq!(text(&mut folder, &place.path().join("a/none")), None);
        assert!(folder.file.is_none(), "it must not be the file that is one too many");
        folder.enter(Path::new("x"), Some(Path::new("y")));
        assert_eq!(text(&mut folder, Path::new("x")), None);
    }
}
