//! Paths that stay in a folder: the folder is opened once, and its files are reached through that handle. It must never
//! know what a file is for.
//!
//! A link in such a folder that leads out of it is refused, by the kernel where it can (`openat2`): between a look at a
//! path and its use, another process could put a link in its place.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, File, Metadata, OpenOptions};

/// A folder that is opened at its first use, and never again.
#[derive(Debug)]
pub struct RootFolder {
    path: PathBuf,
    handle: OnceLock<Dir>,
}

/// A path in a folder that is opened once.
#[derive(Clone, Debug)]
pub struct FilePath {
    root: Arc<RootFolder>,
    whole: PathBuf,
}

/// What files are named by: a [`FilePath`] stays in its folder, a [`Path`] is one that a user named and leads wherever
/// its links lead.
pub trait AsFilePath: core::fmt::Debug {
    /// The whole path.
    fn whole(&self) -> &Path;

    /// The folder that it must not leave.
    fn root_folder(&self) -> Option<&RootFolder>;
}

impl RootFolder {
    fn handle(&self) -> io::Result<&Dir> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle);
        }
        let opened = open_named_folder(&self.path)?;
        // Of two threads that open it at once one handle is kept, and both use it.
        Ok(self.handle.get_or_init(|| opened))
    }
}

impl FilePath {
    /// The folder at `path`, which a user named: it may be a link itself, and may not exist yet.
    #[must_use]
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        let whole = path.into();
        let root = RootFolder {
            path: whole.clone(),
            handle: OnceLock::new(),
        };
        Self {
            root: Arc::new(root),
            whole,
        }
    }

    /// What a user named: it may not exist yet, and stays in the folder that holds it, which may be reached by links.
    #[must_use]
    pub fn named(path: impl Into<PathBuf>) -> Self {
        let whole = path.into();
        let above = whole.parent().unwrap_or(Path::new(""));
        Self::folder(above).moved(whole)
    }

    /// A path below this one.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Self {
        self.moved(self.whole.join(name))
    }

    /// The folder that holds it; `None` for the folder that was opened.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let above = self.whole.parent()?;
        let is_inside = self.whole != self.root.path;
        is_inside.then(|| self.moved(above.to_path_buf()))
    }

    /// The same with another ending.
    #[must_use]
    pub fn with_extension(&self, ending: &str) -> Self {
        self.moved(self.whole.with_extension(ending))
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> Option<&OsStr> {
        self.whole.file_name()
    }

    /// The path for people, and for programs that take no handle. Files are not to be opened by it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.whole
    }

    /// The path in messages.
    #[must_use]
    pub fn display(&self) -> std::path::Display<'_> {
        self.whole.display()
    }

    /// Where it is without links, for comparisons.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if it is not there.
    pub fn real(&self) -> io::Result<PathBuf> {
        self.whole.canonicalize()
    }

    /// Opens the folder now, for a process that cannot do so any more when it has confined itself.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if it cannot be opened.
    pub fn open_root(&self) -> io::Result<&Dir> {
        self.root.handle()
    }

    fn moved(&self, whole: PathBuf) -> Self {
        Self {
            root: Arc::clone(&self.root),
            whole,
        }
    }
}

impl PartialEq for FilePath {
    fn eq(&self, other: &Self) -> bool {
        self.whole == other.whole
    }
}

impl Eq for FilePath {}

impl PartialOrd for FilePath {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FilePath {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.whole.cmp(&other.whole)
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.whole
    }
}

impl AsFilePath for FilePath {
    fn whole(&self) -> &Path {
        &self.whole
    }

    fn root_folder(&self) -> Option<&RootFolder> {
        Some(&self.root)
    }
}

impl AsFilePath for Path {
    fn whole(&self) -> &Path {
        self
    }

    fn root_folder(&self) -> Option<&RootFolder> {
        None
    }
}

impl AsFilePath for PathBuf {
    fn whole(&self) -> &Path {
        self
    }

    fn root_folder(&self) -> Option<&RootFolder> {
        None
    }
}

impl<T: AsFilePath + ?Sized> AsFilePath for &T {
    fn whole(&self) -> &Path {
        (**self).whole()
    }

    fn root_folder(&self) -> Option<&RootFolder> {
        (**self).root_folder()
    }
}

/// A folder that stays open, for a library that takes a path and no handle.
#[derive(Debug)]
pub struct OpenedFolder {
    _handle: Dir,
    path: PathBuf,
}

impl OpenedFolder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if it cannot be opened.
    pub fn open(path: &(impl AsFilePath + ?Sized)) -> io::Result<Self> {
        let handle = open_folder(path)?;
        // The kernel's name of the handle: whatever takes the folder's place meanwhile is not reached by it.
        let own = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
        let path = if own.exists() {
            own
        } else {
            path.whole().to_path_buf()
        };
        Ok(Self {
            _handle: handle,
            path,
        })
    }

    /// The path that leads to it while this value lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A path that is reached from the handle of its folder.
struct HeldPath<'a> {
    root: &'a RootFolder,
    handle: &'a Dir,
    /// Below the folder; a dot for the folder itself.
    inside: &'a Path,
}

impl HeldPath<'_> {
    /// The error with a reason that names the link, where a link led out of the folder.
    fn explain(&self, error: io::Error) -> io::Error {
        let leads_out = |error: &io::Error| {
            error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none()
        };
        if !leads_out(&error) {
            return error;
        }
        let is_link = |path: &Path| {
            let found = self.handle.symlink_metadata(path);
            found.is_ok_and(|found| found.is_symlink())
                && self
                    .handle
                    .metadata(path)
                    .is_err_and(|error| leads_out(&error))
        };
        let mut above: Vec<_> = self.inside.ancestors().collect();
        above.reverse();
        let link = above.into_iter().find(|path| is_link(path));
        let link = self.root.path.join(link.unwrap_or(self.inside));
        let (link, root) = (link.display(), self.root.path.display());
        io::Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "{link} is a link that leads out of {root}, and is not followed; replace it by what it leads to, or \
                 mount that folder in its place"
            ),
        )
    }
}

/// The path below its folder's handle; `None` for a path that a user named.
fn held<P: AsFilePath + ?Sized>(path: &P) -> io::Result<Option<HeldPath<'_>>> {
    let Some(root) = path.root_folder() else {
        return Ok(None);
    };
    let inside = path.whole().strip_prefix(&root.path).map_err(|_| {
        let why = format!("it is not below {}", root.path.display());
        io::Error::new(ErrorKind::PermissionDenied, why)
    })?;
    Ok(Some(HeldPath {
        root,
        handle: root.handle()?,
        inside: if inside.as_os_str().is_empty() {
            Path::new(".")
        } else {
            inside
        },
    }))
}

/// Opens a file.
pub(crate) fn open<P: AsFilePath + ?Sized>(
    path: &P,
    options: &OpenOptions,
) -> io::Result<std::fs::File> {
    let file = match held(path)? {
        Some(held) => {
            let opened = held.handle.open_with(held.inside, options);
            opened.map_err(|error| held.explain(error))?
        }
        None => File::open_ambient_with(path.whole(), options, ambient_authority())?,
    };
    Ok(file.into_std())
}

/// Opens a folder.
pub(crate) fn open_folder<P: AsFilePath + ?Sized>(path: &P) -> io::Result<Dir> {
    match held(path)? {
        Some(held) => {
            let opened = held.handle.open_dir(held.inside);
            opened.map_err(|error| held.explain(error))
        }
        None => open_named_folder(path.whole()),
    }
}

fn open_named_folder(path: &Path) -> io::Result<Dir> {
    // The parent of a bare name is empty, which no call accepts for the current folder.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    Dir::open_ambient_dir(path, ambient_authority())
}

/// The folder of a file, opened, and the file's name in it. Nothing that is done to this name follows a link.
pub(crate) fn open_parent<P: AsFilePath + ?Sized>(path: &P) -> io::Result<(Dir, OsString)> {
    let whole = path.whole();
    let name = whole.file_name().ok_or(ErrorKind::InvalidInput)?;
    let folder = match held(path)? {
        Some(held) => {
            let above = held.inside.parent().unwrap_or(Path::new(""));
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            let opened = held.handle.open_dir(above);
            opened.map_err(|error| held.explain(error))?
        }
        None => open_folder(whole.parent().unwrap_or(Path::new("")))?,
    };
    Ok((folder, name.to_os_string()))
}

/// What is at a path, behind its links.
pub(crate) fn metadata<P: AsFilePath + ?Sized>(path: &P) -> io::Result<Metadata> {
    match held(path)? {
        Some(held) => {
            let found = held.handle.metadata(held.inside);
            found.map_err(|error| held.explain(error))
        }
        None => std::fs::metadata(path.whole()).map(Metadata::from_just_metadata),
    }
}

/// What is at a path; of a link, the link itself.
pub(crate) fn link_metadata<P: AsFilePath + ?Sized>(path: &P) -> io::Result<Metadata> {
    match held(path)? {
        Some(held) => {
            let found = held.handle.symlink_metadata(held.inside);
            found.map_err(|error| held.explain(error))
        }
        None => std::fs::symlink_metadata(path.whole()).map(Metadata::from_just_metadata),
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder<P: AsFilePath + ?Sized>(path: &P, mode: u32) -> io::Result<()> {
    let is_root = path
        .root_folder()
        .is_none_or(|root| root.path == path.whole());
    if is_root {
        use std::os::unix::fs::DirBuilderExt as _;

        let mut builder = std::fs::DirBuilder::new();
        return builder.recursive(true).mode(mode).create(path.whole());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(mode);
    let Some(held) = held(path)? else {
        return Ok(());
    };
    let result = held.handle.create_dir_with(held.inside, &builder);
    result.map_err(|error| match held.handle.metadata(held.inside) {
        // A link out of the folder is told as what it is, not as a name that is taken.
        Err(why) => held.explain(why),
        Ok(_) => error,
    })
}
