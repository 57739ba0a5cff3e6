//! Links that lead out of a folder that was opened once.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use counterfoil_os::lock::FileLock;

type Way = fn(&FilePath) -> Result<(), FileError>;

/// Every way to a file: what it does with a link that leads out of the folder.
#[test]
fn no_link_leads_out_of_an_opened_folder() {
    let place = tempfile::tempdir().unwrap();
    let outside = place.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), "secret").unwrap();
    let real = place.path().join("real");
    std::fs::create_dir_all(real.join("inner")).unwrap();
    // The folder itself may be a link.
    let folder = place.path().join("data");
    symlink(&real, &folder).unwrap();
    symlink("../outside", real.join("folder")).unwrap();
    symlink(outside.join("file"), real.join("file")).unwrap();
    symlink(outside.join("new"), real.join("dangling")).unwrap();
    symlink("inner", real.join("within")).unwrap();

    let ways: [(&str, Way); 10] = [
        ("read", |path| files::read_whole(path).map(drop)),
        ("append", |path| files::open_append(path).map(drop)),
        ("create", |path| files::create_append(path).map(drop)),
        ("start over", |path| files::open_emptied(path).map(drop)),
        ("lock", |path| FileLock::try_take(path).map(drop)),
        ("list", |path| files::names_in(path).map(drop)),
        ("facts", |path| files::facts_of(path).map(drop)),
        ("write in", |path| files::write_whole(&path.join("x"), b"x")),
        ("make in", |path| files::make_folder(&path.join("x/y"))),
        ("sync", |path| files::sync_folder(path)),
    ];
    let root = FilePath::folder(&folder);
    for name in ["folder", "folder/file", "file", "dangling"] {
        for (way, act) in ways {
            let Err(error) = act(&root.join(name)) else {
                panic!("{way} follows {name}");
            };
            let link = folder.join(name.split('/').next().unwrap());
            let told = format!("{} is a link that leads out of", link.display());
            // A new file is refused where any name is taken; the link is not followed for that.
            let is_taken = way == "create" && error.source.kind() == ErrorKind::AlreadyExists;
            assert!(
                is_taken || error.to_string().contains(&told),
                "{way}: {error}"
            );
        }
    }
    // A link is replaced and removed as a name, like any other.
    files::write_whole(&root.join("file"), b"own").unwrap();
    assert!(files::remove_file(&root.join("dangling")).unwrap());
    files::rename(&root.join("folder"), &root.join("moved")).unwrap();
    assert!(files::remove_tree(&root.join("moved")).unwrap());
    files::write_whole(&root.join("within/kept"), b"inner").unwrap();
    assert_eq!(std::fs::read(real.join("inner/kept")).unwrap(), b"inner");
    assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert!(files::read_whole(&root.join("../outside/file")).is_err());
    assert!(files::read_whole(&root.join(outside.join("file"))).is_err());
}

/// A folder that was exchanged after it was opened is not the one that is used.
#[test]
fn the_folder_that_was_opened_stays_the_one_that_is_used() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("file"), "own").unwrap();
    let folder = FilePath::folder(&path);
    folder.open_root().unwrap();
    std::fs::rename(&path, place.path().join("moved")).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("file"), "another's").unwrap();
    assert_eq!(files::read_whole(&folder.join("file")).unwrap(), b"own");
}
