//! Compilation in a child process, and the code that it leaves.

use std::fs;
use std::path::{Path, PathBuf};

use counterfoil_base::digest::Digest;
use counterfoil_sandbox::child::ChildError;
use counterfoil_sandbox::code_cache::CodeCache;
use counterfoil_sandbox::compile::{CompileError, load};
use counterfoil_sandbox::compile_class::{CompileClass, CompileProgram};
use counterfoil_sandbox::compile_process::compile_child_main;
use counterfoil_sandbox::engine::{Backend, EngineSettings};

use crate::support::component;

/// This crate's compiling process.
fn compiler() -> CompileProgram {
    CompileProgram {
        file: env!("CARGO_BIN_EXE_counterfoil-compile-child").into(),
        arguments: Vec::new(),
    }
}

fn settings(cache: Option<&Path>) -> EngineSettings {
    EngineSettings {
        cache: cache.map(|folder| CodeCache::open(folder, Digest::of(b"program")).unwrap()),
        child: Some(compiler()),
        ..EngineSettings::default()
    }
}

/// Settings whose child cannot compile anything: what they load was compiled before.
fn without_compiler(cache: &Path) -> EngineSettings {
    EngineSettings {
        child: Some(CompileProgram {
            file: PathBuf::from("/nonexistent/compiler"),
            arguments: Vec::new(),
        }),
        ..settings(Some(cache))
    }
}

/// The files below a folder, without wasmtime's counters and locks, which come and go.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_none() {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The one file of code in a cache.
fn code_file(cache: &Path) -> PathBuf {
    let code = files(cache)
        .into_iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "modules"));
    let code: Vec<_> = code.collect();
    assert_eq!(code.len(), 1, "{code:?}");
    code.into_iter().next().unwrap()
}

#[test]
fn code_is_compiled_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bytes = component("");
    load(settings(Some(&cache)), &bytes).unwrap();
    let before = files(&cache);
    load(without_compiler(&cache), &bytes).unwrap();
    assert_eq!(files(&cache), before);
    // Nothing is found for another back end, another program, or another component.
    let pulley = EngineSettings {
        backend: Backend::Pulley,
        ..without_compiler(&cache)
    };
    assert!(load(pulley, &bytes).is_err());
    let program = Some(CodeCache::open(&cache, Digest::of(b"another program")).unwrap());
    let other = EngineSettings {
        cache: program,
        ..without_compiler(&cache)
    };
    assert!(load(other, &bytes).is_err());
    assert!(load(without_compiler(&cache), &component("(func)")).is_err());
    // Without a cache it is compiled each time, and nothing is left.
    load(settings(None), &bytes).unwrap();
}

/// Of many starts at once the first puts its code there, and the others find it or drop theirs.
#[test]
fn starts_at_the_same_time_do_not_take_code_from_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bytes = component("");
    let settings = EngineSettings {
        child: None,
        ..settings(Some(&cache))
    };
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..4 {
                    load(settings.clone(), &bytes).unwrap();
                }
            });
        }
    });
    code_file(&cache);
}

/// Whoever can write into the cache, or brings one along, would choose the code that runs.
#[test]
fn code_that_this_user_did_not_compile_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, foreign) = (folder.path().join("cache"), folder.path().join("foreign"));
    let bytes = component("");
    load(settings(Some(&cache)), &bytes).unwrap();
    let code = code_file(&cache);
    let entry = code.ancestors().nth(4).unwrap();
    let whole = fs::read(&code).unwrap();
    let damage: [(&str, &dyn Fn()); 6] = [
        ("another byte", &|| {
            let mut other = whole.clone();
            other[whole.len() / 2] ^= 1;
            fs::write(&code, other).unwrap();
        }),
        ("cut short", &|| {
            fs::write(&code, &whole[..whole.len() / 2]).unwrap();
        }),
        ("no mac", &|| {
            fs::remove_file(entry.join("mac")).unwrap();
        }),
        ("another mac", &|| {
            fs::write(entry.join("mac"), "00".repeat(32)).unwrap();
        }),
        ("a file more", &|| {
            fs::write(code.with_file_name("more"), b"code").unwrap();
        }),
        ("a link", &|| {
            let elsewhere = folder.path().join("elsewhere");
            fs::rename(&code, &elsewhere).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &code).unwrap();
        }),
    ];
    for (what, damage) in damage {
        damage();
        let refused = load(without_compiler(&cache), &bytes);
        assert!(
            matches!(refused, Err(CompileError::Child(_))),
            "{what}: {refused:?}"
        );
        assert!(!entry.exists(), "{what}: it is still there");
        load(settings(Some(&cache)), &bytes).unwrap();
        assert_eq!(fs::read(&code).unwrap(), whole, "{what}");
    }
    // A whole cache of another user, under its own key.
    load(settings(Some(&foreign)), &bytes).unwrap();
    let theirs = code_file(&foreign);
    let theirs = theirs.ancestors().nth(4).unwrap();
    fs::remove_dir_all(entry).unwrap();
    fs::rename(theirs, entry).unwrap();
    assert!(load(without_compiler(&cache), &bytes).is_err());
}

#[test]
fn a_cache_that_others_can_enter_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    CodeCache::open(&cache, Digest::default()).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = CodeCache::open(&cache, Digest::default()).unwrap_err();
    let cause = core::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("chmod go-rwx"), "{cause}");
}

#[test]
fn a_cache_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    // What is not the cache's stays, whatever it is called.
    let own = folder.path().join("Documents");
    fs::create_dir_all(own.join("thesis")).unwrap();
    for number in 0..300 {
        fs::create_dir_all(folder.path().join(format!("{number:064}"))).unwrap();
    }
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    load(settings(Some(folder.path())), &component("")).unwrap();
    // The key, the lock and the entries.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 259);
    assert!(own.join("thesis").exists());
}

/// Loops inside each other that all change all locals: the compiler makes a value of each local at each loop, so its
/// memory grows with the product while the component has a few kilobytes.
fn bomb() -> Vec<u8> {
    const LOOPS: usize = 3_000;
    const LOCALS: usize = 3_000;
    let set = |local: usize| {
        let next = (local + 1) % LOCALS;
        format!("(local.set {local} (i64.add (local.get {local}) (local.get {next})))")
    };
    let (open, close) = (
        "(loop ".repeat(LOOPS),
        "(br_if 0 (i64.eqz (local.get 0))))".repeat(LOOPS),
    );
    let sets: String = (0..LOCALS).map(set).collect();
    let locals = "i64 ".repeat(LOCALS);
    component(&format!("(func (local {locals}) {open}{sets}{close})"))
}

#[test]
fn a_component_that_takes_too_much_to_compile_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bomb = bomb();
    assert!(bomb.len() < 200_000, "{}", bomb.len());
    let error = load(settings(Some(&cache)), &bomb).unwrap_err();
    let limit = matches!(
        error,
        CompileError::Child(ChildError::Killed { .. } | ChildError::TimedOut { .. })
    );
    assert!(limit, "{error}");
    // Nothing of it is kept.
    assert_eq!(files(&cache), [cache.join("key"), cache.join("lock")]);
}

/// wasmtime compiles what it does not find in the folder: what a child left there must be the code.
#[test]
fn a_child_that_leaves_no_code_makes_nobody_else_compile() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let leaves = |script: &str| CompileProgram {
        file: PathBuf::from("/bin/sh"),
        arguments: ["-c", script, "sh"].map(str::to_owned).to_vec(),
    };
    for script in ["exit 0", "mkdir $3/modules && echo junk > $3/modules/junk"] {
        for cache in [None, Some(cache.as_path())] {
            let settings = EngineSettings {
                child: Some(leaves(script)),
                ..settings(cache)
            };
            let refused = load(settings, &component("")).unwrap_err().to_string();
            assert!(
                refused.contains("disk full"),
                "{script} {cache:?}: {refused}"
            );
        }
        fs::remove_dir_all(&cache).unwrap();
    }
}

#[test]
fn the_child_says_why_it_refused() {
    let error = load(settings(None), b"not wasm").unwrap_err();
    assert!(matches!(error, CompileError::NotAdmitted(_)), "{error}");
    // The parent would have refused it before: this is the child's own check.
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["strategy", "cranelift", folder.path().to_str().unwrap()].map(str::to_owned);
    let refused = compile_child_main(&arguments[..2], &b""[..]).unwrap_err();
    assert!(refused.1.contains("CLASS BACKEND FOLDER"), "{refused:?}");
    let refused = compile_child_main(
        &[
            "none".to_owned(),
            arguments[1].clone(),
            arguments[2].clone(),
        ],
        &b""[..],
    );
    assert_eq!(refused.unwrap_err().1, "class: none");
}

/// The child of the next test: a compiler that panics.
#[test]
fn a_child_that_panics_when_it_is_told_to() {
    let told = std::env::args().any(|argument| CompileClass::from_name(&argument).is_some());
    if told {
        std::panic::set_hook(Box::new(|_| std::process::exit(101)));
        panic!("as the compiler might");
    }
}

#[test]
fn a_panic_of_the_compiler_is_told_as_one() {
    let test = "child::a_child_that_panics_when_it_is_told_to";
    let settings = EngineSettings {
        child: Some(CompileProgram {
            file: std::env::current_exe().unwrap(),
            arguments: [test, "--exact", "--nocapture"].map(str::to_owned).into(),
        }),
        ..EngineSettings::default()
    };
    let error = load(settings, &component("")).unwrap_err();
    assert!(
        matches!(error, CompileError::Child(ChildError::Panicked { .. })),
        "{error}"
    );
}
