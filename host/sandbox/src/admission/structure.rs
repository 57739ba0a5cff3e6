//! How much of everything a component has, counted from its bytes in one pass. It must never
//! follow an index: that is the validator's work, and it comes after this.

use wasmparser::{CanonicalFunction, Parser, Payload};

use super::error::{AdmissionError, invalid};
use crate::compile_class::CompileClass;

/// Bytes of a component: a Python guest with its interpreter has 18 MB.
pub const COMPONENT_BYTES_MAX: u64 = 32 << 20;
/// Modules and components inside each other: a component with modules has 2, composed ones 3.
pub const NESTING_MAX: u64 = 4;
/// Modules, components, core instances, memories or tables, of each: made by tools, a dozen.
pub const PARTS_MAX: u64 = 64;
/// Functions in all modules together: a Python guest has 20,000.
pub const FUNCTIONS_MAX: u64 = 100_000;
/// Types, imports, exports, globals, elements or data segments, of each: a Python guest has a few
/// thousand.
pub const ITEMS_MAX: u64 = 50_000;
/// Bytes of one function: what a compiler works on at once; the time grows faster than the size.
pub const BODY_BYTES_MAX: u64 = 1 << 20;
/// Locals of one function.
pub const BODY_LOCALS_MAX: u64 = 10_000;
/// Bytes above which a component counts as an interpreter's: compiled strategies have 40 to 400 kB.
const STRATEGY_BYTES_MAX: u64 = 1 << 20;
/// Core instances above which a component counts as an interpreter's.
const STRATEGY_INSTANCES_MAX: u64 = 8;

/// The names at the component's border, and how much compilation it may ask for.
#[derive(Debug)]
pub(super) struct ComponentOutline {
    pub(super) class: CompileClass,
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

#[derive(Default)]
struct ItemCounts {
    modules: u64,
    core_instances: u64,
    instances: u64,
    memories: u64,
    tables: u64,
    functions: u64,
    types: u64,
    imports: u64,
    exports: u64,
    globals: u64,
    segments: u64,
}

/// Counts, and collects the names at the border.
pub(super) fn check(bytes: &[u8]) -> Result<ComponentOutline, AdmissionError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    // First, because everything below takes time that grows with the size.
    within("bytes", size, COMPONENT_BYTES_MAX)?;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut counts = ItemCounts::default();
    let mut depth: u64 = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| invalid(&error))?;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all other payloads are counted, or bounded by the component's size"
        )]
        match &payload {
            Payload::Version { .. } => {
                // Nesting is what makes parsers recurse: bounded before the validator follows it.
                depth = depth.saturating_add(1);
                within(
                    "modules and components inside each other",
                    depth,
                    NESTING_MAX,
                )?;
                add(&mut counts.modules, 1, "modules and components", PARTS_MAX)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            // The component itself is at depth one.
            Payload::ComponentImportSection(section) if depth == 1 => {
                add(&mut counts.imports, section.count(), "imports", ITEMS_MAX)?;
                // Names of the outermost component only: what inner components import is given to them by this one.
                for import in section.clone() {
                    let name = import.map_err(|error| invalid(&error))?.name.name;
                    imports.push(name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                add(&mut counts.exports, section.count(), "exports", ITEMS_MAX)?;
                for export in section.clone() {
                    let name = export.map_err(|error| invalid(&error))?.name.name;
                    exports.push(name.to_owned());
                }
            }
            // wasmtime's compiler panics on a lift inside an inner component. Tools make none: inner components are
            // there to give a type or a name to what the outermost one lifts.
            Payload::ComponentCanonicalSection(section) if depth > 1 => check_no_lift(section)?,
            _ => count(&mut counts, &payload)?,
        }
    }
    let class = if size > STRATEGY_BYTES_MAX || counts.core_instances > STRATEGY_INSTANCES_MAX {
        CompileClass::Interpreter
    } else {
        CompileClass::Strategy
    };
    Ok(ComponentOutline {
        class,
        imports,
        exports,
    })
}

fn check_no_lift(
    section: &wasmparser::ComponentCanonicalSectionReader<'_>,
) -> Result<(), AdmissionError> {
    for function in section.clone() {
        let function = function.map_err(|error| invalid(&error))?;
        if matches!(function, CanonicalFunction::Lift { .. }) {
            return Err(AdmissionError::NestedLift);
        }
    }
    Ok(())
}

fn count(counts: &mut ItemCounts, payload: &Payload<'_>) -> Result<(), AdmissionError> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not counted is bounded by the size of the component"
    )]
    match payload {
        Payload::TypeSection(s) => add(&mut counts.types, s.count(), "types", ITEMS_MAX),
        Payload::CoreTypeSection(s) => add(&mut counts.types, s.count(), "types", ITEMS_MAX),
        Payload::ComponentTypeSection(s) => add(&mut counts.types, s.count(), "types", ITEMS_MAX),
        Payload::ImportSection(s) => add(&mut counts.imports, s.count(), "imports", ITEMS_MAX),
        Payload::ComponentImportSection(s) => {
            add(&mut counts.imports, s.count(), "imports", ITEMS_MAX)
        }
        Payload::ExportSection(s) => add(&mut counts.exports, s.count(), "exports", ITEMS_MAX),
        Payload::ComponentExportSection(s) => {
            add(&mut counts.exports, s.count(), "exports", ITEMS_MAX)
        }
        Payload::FunctionSection(s) => {
            add(&mut counts.functions, s.count(), "functions", FUNCTIONS_MAX)
        }
        Payload::TableSection(s) => add(&mut counts.tables, s.count(), "tables", PARTS_MAX),
        Payload::MemorySection(s) => add(&mut counts.memories, s.count(), "memories", PARTS_MAX),
        Payload::InstanceSection(s) => add(
            &mut counts.core_instances,
            s.count(),
            "core instances",
            PARTS_MAX,
        ),
        Payload::ComponentInstanceSection(s) => {
            add(&mut counts.instances, s.count(), "instances", PARTS_MAX)
        }
        Payload::GlobalSection(s) => add(&mut counts.globals, s.count(), "globals", ITEMS_MAX),
        Payload::ElementSection(s) => add(
            &mut counts.segments,
            s.count(),
            "data and element segments",
            ITEMS_MAX,
        ),
        Payload::DataSection(s) => add(
            &mut counts.segments,
            s.count(),
            "data and element segments",
            ITEMS_MAX,
        ),
        Payload::CodeSectionEntry(body) => check_body(body),
        _ => Ok(()),
    }
}

fn check_body(body: &wasmparser::FunctionBody<'_>) -> Result<(), AdmissionError> {
    let bytes = u64::try_from(body.as_bytes().len()).unwrap_or(u64::MAX);
    // A compiler's time grows faster than a function's size: one huge function can take hours where many small ones do not.
    within("bytes in one function", bytes, BODY_BYTES_MAX)?;
    let mut locals: u64 = 0;
    // Locals are declared as counts: five bytes can ask for four thousand million of them.
    for group in body.get_locals_reader().map_err(|error| invalid(&error))? {
        let (count, _) = group.map_err(|error| invalid(&error))?;
        add(
            &mut locals,
            count,
            "locals in one function",
            BODY_LOCALS_MAX,
        )?;
    }
    Ok(())
}

fn add(total: &mut u64, more: u32, what: &'static str, limit: u64) -> Result<(), AdmissionError> {
    *total = total.saturating_add(u64::from(more));
    within(what, *total, limit)
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), AdmissionError> {
    if found > limit {
        return Err(AdmissionError::TooMuch { what, found, limit });
    }
    Ok(())
}
