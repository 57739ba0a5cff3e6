//! What a compilation may take, and which program compiles. It must never know a component.

use std::path::PathBuf;

/// The child compiled the component into the folder.
pub const EXIT_DONE: u8 = 0;
/// The child could not read the component, make the engine or lower its limits.
pub const EXIT_SETUP: u8 = 20;
/// The component is not admitted or does not compile.
pub const EXIT_REFUSED: u8 = 21;
/// How much compilation a component may ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CompileClass {
    /// A strategy compiled to WebAssembly itself.
    Strategy,
    /// An interpreter with a strategy in its language.
    Interpreter,
}

/// What one compilation may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CompileLimits {
    /// Wall-clock milliseconds, kept by the parent.
    pub wall_ms: u64,
    /// Processor seconds of all threads together, kept by the operating system.
    pub cpu_seconds: u64,
    /// Bytes of address space, kept by the operating system.
    pub memory_bytes: u64,
}

impl CompileClass {
    /// The name in records and in the child's arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Interpreter => "interpreter",
        }
    }

    /// The class with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Strategy, Self::Interpreter]
            .into_iter()
            .find(|class| class.name() == name)
    }

    /// What a compilation of the class may take.
    #[must_use]
    pub const fn limits(self) -> CompileLimits {
        match self {
            // The shipped strategies take less than half a processor second and 50 MB. Most of the address space is
            // the program's own file.
            Self::Strategy => CompileLimits {
                wall_ms: 30_000,
                cpu_seconds: 20,
                memory_bytes: 768 << 20,
            },
            // A Python guest of 18 MB takes 21 processor seconds and 1 GiB.
            Self::Interpreter => CompileLimits {
                wall_ms: 60_000,
                cpu_seconds: 60,
                memory_bytes: 4 << 30,
            },
        }
    }
}

/// The program that compiles. It calls [`compile_child_main`] with the arguments after these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CompileProgram {
    /// Its file.
    pub file: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}
