//! The operator's day in README.md, typed line by line into a shell in the folder of a demo.

use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use counterfoil_runner::clock::now;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use serde_json::Value;

use crate::desk::{project, text};

/// More bars than `watch` showed before the kill: that many come after it.
const WATCHED: u64 = 60;
/// How long nothing may be said: the demo takes a while before it prints its JSON.
const SILENCE_MAX: Duration = Duration::from_mins(2);
/// What the shell is asked to say after each line; the exit code follows.
const MARK: &str = "the line ended with";

/// The lines of the block.
fn lines() -> Vec<String> {
    let document = fs::read_to_string(project("README.md")).unwrap();
    let (_, block) = document.split_once("<!-- day -->\n```sh\n").unwrap();
    let lines = block.split("```").next().unwrap().lines();
    lines.map(str::to_owned).collect()
}

/// A shell that somebody types into. Whatever it left running ends with it.
struct Shell {
    process: Child,
    typed: ChildStdin,
    said: Receiver<String>,
    /// Processes that it leaves running.
    left: Vec<String>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The runner's processes, if there are any.
        let _gone = writeln!(self.typed, "kill -9 {}; exit", self.left.join(" "));
        let _gone = self.process.wait();
    }
}

impl Shell {
    fn open(folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_counterfoil"));
        let folders = [program.parent().unwrap().to_path_buf()].into_iter();
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
        let mut process = Command::new("sh")
            .current_dir(folder)
            .env("PATH", path)
            .env_remove("COUNTERFOIL_AS")
            .env_remove("COUNTERFOIL_RUNNER")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut typed = process.stdin.take().unwrap();
        writeln!(typed, "exec 2>&1").unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in out.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            typed,
            said,
            left: Vec::new(),
        }
    }

    /// What is said until a line begins so; the rest of that line comes last.
    #[track_caller]
    fn until(&self, begin: &str) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(line) = self.said.recv_timeout(SILENCE_MAX) {
            if let Some(rest) = line.strip_prefix(begin) {
                all.push(rest.trim().to_owned());
                return all;
            }
            all.push(line);
        }
        panic!("the shell never said {begin:?}: {all:#?}");
    }

    /// Types a line and gives what was said; it must end well.
    #[track_caller]
    fn type_in(&mut self, line: &str) -> Vec<String> {
        if line.starts_with("counterfoil serve") {
            // Another port than that of the document, which may be somebody else's.
            let line = line.replace("serve", "serve --listen 127.0.0.1:0");
            self.type_in(&format!(": > runner.log; {line}"));
            let left = self.type_in("echo $!").concat();
            self.left.push(left);
            let base = loop {
                let said = self.type_in("cat runner.log");
                let at = |line: &String| Some(line.split_once("listens at ")?.1.to_owned());
                if let Some(base) = said.iter().find_map(at) {
                    break base;
                }
            };
            return self.type_in(&format!("export COUNTERFOIL_RUNNER={base}"));
        }
        writeln!(self.typed, "{line}\necho \"\n{MARK} $?\"").unwrap();
        let mut said = self.until(MARK);
        assert_eq!(said.pop().unwrap(), "0", "{line}: {said:#?}");
        said
    }
}

/// The word after `before` in what was said, however many spaces are between.
#[track_caller]
fn word(said: &[String], before: &str) -> String {
    let single = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = said.iter().map(single);
    let found = lines.find_map(|line| {
        let rest = line.strip_prefix(before)?;
        Some(rest.split([' ', ':']).next()?.to_owned())
    });
    found.unwrap_or_else(|| panic!("no {before:?}: {said:#?}"))
}

#[track_caller]
fn count(said: &[String], before: &str) -> u64 {
    word(said, before).parse().unwrap()
}

/// Events of decided slices.
fn slices(said: &[String]) -> usize {
    said.iter()
        .filter(|line| line.contains("  slice  "))
        .count()
}

#[test]
fn the_operators_day_in_the_readme_goes_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Shell::open(folder.path());
    let demo = shell.type_in("counterfoil demo --json").concat();
    let demo: Value = serde_json::from_str(&demo).unwrap();
    let operated = &demo["operated"];
    let decisions = operated["decisions"].as_u64().unwrap();
    assert!(
        operated["bars-when-killed"].as_u64().unwrap() < decisions,
        "{operated}"
    );
    assert_eq!(operated["equal"], decisions);

    let mut known = vec![
        ("TRIED", text(&demo["runs"][0], "run-id").to_owned()),
        ("SNAPSHOT", text(&demo, "snapshot").to_owned()),
        (
            "TOMORROW",
            UnixNanos(now().0 + DAY_NANOS).date_or_time()[..10].to_owned(),
        ),
    ];
    let lines = lines();
    assert!(lines.len() > 10, "{lines:?}");
    for line in &lines {
        let typed = known.iter();
        let typed = typed.fold(line.clone(), |line, (word, is)| line.replace(word, is));
        let mut said = shell.type_in(&typed);
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["counterfoil", "authorize", ..] | ["counterfoil", "account", "authorization", ..] => {
                known.push(("RECORD", word(&said, "record ")));
            }
            ["counterfoil", "run", "start", ..] => {
                known.push(("RUN", word(&said, "run ")));
            }
            ["counterfoil", "run", "watch", ..] => assert!(slices(&said) > 5, "{said:#?}"),
            ["counterfoil", "run", "status", ..] => {
                // Nobody types as fast as this test: what was decided is decided again first.
                while count(&said, "bars decided ") < WATCHED {
                    let state = word(&said, "state ");
                    assert!(
                        ["resuming", "running"].contains(&state.as_str()),
                        "{said:#?}"
                    );
                    said = shell.type_in(&typed);
                }
            }
            ["counterfoil", "parity", ..] | ["counterfoil", "audit", "parity", ..] => {
                let decisions = count(&said, "parity equal: ");
                let equal = format!("{decisions} decisions, {decisions} equal");
                assert!(
                    decisions >= WATCHED && said.concat().contains(&equal),
                    "{said:#?}"
                );
            }
            _ => {}
        }
    }
}
