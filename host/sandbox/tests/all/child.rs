//! Compilation in a child process: the test program calls itself as the child.

use std::path::{Path, PathBuf};
use std::process::Command;

use counterfoil_sandbox::child::{ChildError, CompileLimits, compile_child_main, compile_in_child};
use counterfoil_sandbox::compile::load;
use counterfoil_sandbox::engine::{Engine, EngineSettings};

use crate::support::component;

const CPU_SECONDS: &str = "COUNTERFOIL_TEST_CPU_SECONDS";
const FILE: &str = "COUNTERFOIL_TEST_COMPONENT";

fn settings(directory: &Path) -> EngineSettings {
    EngineSettings {
        cache: Some(directory.join("cache")),
        ..EngineSettings::default()
    }
}

/// The child's side. Without the variable it is an ordinary test that has nothing to do.
#[test]
fn the_child_compiles_what_it_is_told_to() {
    let Some(file) = std::env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let mut limits = CompileLimits::default();
    if let Ok(seconds) = std::env::var(CPU_SECONDS) {
        limits.cpu_seconds = seconds.parse().unwrap();
    }
    if let Err((code, reason)) = compile_child_main(&file, settings(file.parent().unwrap()), limits)
    {
        use std::io::Write as _;
        writeln!(std::io::stderr(), "{reason}").unwrap();
        std::process::exit(code.into());
    }
}

fn command(file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "child::the_child_compiles_what_it_is_told_to",
            "--nocapture",
        ])
        .env(FILE, file);
    command
}

fn compile(file: &Path, wall_ms: u64) -> Result<(), ChildError> {
    let limits = CompileLimits {
        wall_ms,
        ..CompileLimits::default()
    };
    compile_in_child(&mut command(file), limits)
}

fn cached_files(directory: &Path) -> usize {
    let mut files = 0;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                files += 1;
            }
        }
    }
    files
}

#[test]
fn the_parent_loads_what_the_child_compiled() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guest.wasm");
    let bytes = component("");
    std::fs::write(&file, &bytes).unwrap();
    compile(&file, 60_000).unwrap();
    let before = cached_files(directory.path());
    let engine = Engine::new(settings(directory.path())).unwrap();
    load(&engine, &bytes).unwrap();
    drop(engine);
    assert!(before > 1, "the child left nothing in the cache");
    // A compilation of the parent's own would have written another file.
    let stats = cached_files(directory.path()).abs_diff(before);
    assert!(stats <= 1, "the parent compiled again");
}

/// Functions near the limit of one body in which every operation depends on all before it.
fn bomb() -> Vec<u8> {
    let line = "(local.set 0 (i64.add (i64.mul (local.get 0) (local.get 1))
                  (i64.rotl (local.get 1) (local.get 0))))
                (local.set 1 (i64.xor (local.get 0) (i64.load (i32.wrap_i64 (local.get 1)))))";
    let function = format!("(func (param i64 i64) {})", line.repeat(20_000));
    component(&function.repeat(8))
}

#[test]
fn a_component_that_takes_for_ever_to_compile_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bomb.wasm");
    std::fs::write(&file, bomb()).unwrap();
    let error = compile(&file, 1_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the component did not compile within 1000 ms"
    );
    let mut command = command(&file);
    command.env(CPU_SECONDS, "1");
    let error = compile_in_child(&mut command, CompileLimits::default()).unwrap_err();
    assert!(matches!(error, ChildError::Killed { .. }), "{error}");
}

#[test]
fn the_child_says_why_it_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guest.wasm");
    std::fs::write(&file, b"not wasm").unwrap();
    let error = compile(&file, 60_000).unwrap_err().to_string();
    assert!(error.contains("this is not a wasm component"), "{error}");
}
