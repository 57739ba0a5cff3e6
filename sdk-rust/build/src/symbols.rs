//! Names and source lines of a component's code, in a file beside it. It is for people: nothing that decides or is
//! recorded may read it.

use core::fmt::Write as _;
use core::ops::Range;
use std::borrow::Cow;
use std::collections::BTreeMap;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use crate::BuildError;

/// What the first line of a symbols file begins with; the component digest follows.
pub const SYMBOLS_FORMAT: &str = "counterfoil-symbols/1";

/// Frames of one line: what was inlined deeper says little.
const FRAMES_MAX: usize = 16;

/// The module without names and debug information: what the linker leaves when it strips.
pub(crate) fn stripped(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    // The component must be the same whether or not anybody wants its symbols.
    let mut out = module.get(..8).unwrap_or_default().to_vec();
    let mut end = out.len();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(failed)?;
        let is_dropped = matches!(&payload, Payload::CustomSection(one) if is_symbols(one.name()));
        let Some((_, range)) = payload.as_section() else {
            continue;
        };
        let section = end..usize_range(&range).end;
        end = section.end;
        if !is_dropped {
            out.extend(module.get(section).unwrap_or_default());
        }
    }
    Ok(out)
}

fn is_symbols(section: &str) -> bool {
    matches!(section, "name" | "producers" | "target_features") || section.starts_with(".debug_")
}

/// The symbols of a component, from the module that it was made of before that was stripped.
///
/// # Errors
///
/// Returns [`BuildError::Symbols`] if the component does not hold the module's code.
pub(crate) fn symbols(module: &[u8], component: &[u8], digest: &str) -> Result<String, BuildError> {
    let code = ModuleCode::read(module)?;
    let base = place_in(
        component,
        module.get(code.section.clone()).unwrap_or_default(),
    )?;
    let context = code.context()?;
    let mut table = SymbolLines::default();
    for (index, body) in (code.imports..).zip(&code.bodies) {
        let start = body.start.saturating_sub(code.section.start);
        let length = body.len();
        let name = code.names.get(&index).map_or("?", |name| *name);
        let name = addr2line::demangle_auto(Cow::Borrowed(name), None);
        let id = table.text(&name);
        table.row('f', base.saturating_add(start), length, &id.to_string());
        let low = u64::try_from(start).unwrap_or(u64::MAX);
        let high = low.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        let lines = context.find_location_range(low, high).map_err(failed)?;
        for (address, size, _) in lines {
            let frames = table.frames(&context, address)?;
            let offset = usize::try_from(address).unwrap_or(usize::MAX);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            table.row('l', base.saturating_add(offset), size, &frames);
        }
    }
    Ok(format!(
        "{SYMBOLS_FORMAT} sha256:{digest}\n{}{}",
        table.texts, table.rows
    ))
}

/// A range of bytes that are in memory.
fn usize_range(range: &Range<u64>) -> Range<usize> {
    let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    place(range.start)..place(range.end)
}

fn failed(error: impl ToString) -> BuildError {
    BuildError::Symbols {
        reason: error.to_string(),
    }
}

/// Where the component holds these bytes as the code of one of its modules.
fn place_in(component: &[u8], code: &[u8]) -> Result<usize, BuildError> {
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(failed)?;
        if let Payload::CodeSectionStart { .. } = payload
            && let Some((_, range)) = payload.as_section()
            && component.get(usize_range(&range)) == Some(code)
        {
            return Ok(usize_range(&range).start);
        }
    }
    Err(failed("the component has other code than the module"))
}

/// The parts of a module that say what its code is.
#[derive(Default)]
struct ModuleCode<'a> {
    /// The contents of the code section.
    section: Range<usize>,
    bodies: Vec<Range<usize>>,
    /// Functions that the module imports: the first indices.
    imports: u32,
    names: BTreeMap<u32, &'a str>,
    debug: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> ModuleCode<'a> {
    fn read(module: &'a [u8]) -> Result<Self, BuildError> {
        let mut code = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(failed)?;
            if let Payload::ImportSection(imports) = payload {
                for import in imports.into_imports() {
                    let is_function = matches!(import.map_err(failed)?.ty, TypeRef::Func(_));
                    code.imports = code.imports.saturating_add(u32::from(is_function));
                }
            } else if let Payload::CodeSectionStart {
                unchecked_range, ..
            } = payload
            {
                code.section = usize_range(&unchecked_range);
            } else if let Payload::CodeSectionEntry(body) = payload {
                code.bodies.push(usize_range(&body.range()));
            } else if let Payload::CustomSection(section) = payload {
                if section.name().starts_with(".debug_") {
                    code.debug.insert(section.name(), section.data());
                } else if let KnownCustom::Name(names) = section.as_known() {
                    code.add_names(names)?;
                }
            }
        }
        Ok(code)
    }

    fn add_names(&mut self, names: wasmparser::NameSectionReader<'a>) -> Result<(), BuildError> {
        for name in names {
            if let Name::Function(functions) = name.map_err(failed)? {
                for naming in functions {
                    let naming = naming.map_err(failed)?;
                    self.names.insert(naming.index, naming.name);
                }
            }
        }
        Ok(())
    }

    fn context(&self) -> Result<Context<DebugBytes<'a>>, BuildError> {
        let section = |id: SectionId| {
            let bytes = self.debug.get(id.name()).copied().unwrap_or_default();
            Ok::<_, addr2line::gimli::Error>(EndianSlice::new(bytes, LittleEndian))
        };
        Context::from_dwarf(Dwarf::load(section).map_err(failed)?).map_err(failed)
    }
}

type DebugBytes<'a> = EndianSlice<'a, LittleEndian>;

/// The lines of a symbols file.
#[derive(Default)]
struct SymbolLines {
    /// Every text once: a name of a generic function is longer than its code.
    ids: BTreeMap<String, usize>,
    texts: String,
    rows: String,
}

impl SymbolLines {
    fn text(&mut self, text: &str) -> usize {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.ids.len();
        let one_line = text.replace(['\n', '\r'], " ");
        // Writing to a string cannot fail.
        let _ = writeln!(self.texts, "t {one_line}");
        self.ids.insert(text.to_owned(), id);
        id
    }

    fn row(&mut self, kind: char, start: usize, length: usize, what: &str) {
        let _ = writeln!(self.rows, "{kind} {start:x} {length:x} {what}");
    }

    /// The functions and lines at an address, innermost first.
    fn frames(
        &mut self,
        context: &Context<DebugBytes<'_>>,
        address: u64,
    ) -> Result<String, BuildError> {
        let mut all = Vec::new();
        let mut frames = context
            .find_frames(address)
            .skip_all_loads()
            .map_err(failed)?;
        while let Some(frame) = frames.next().map_err(failed)? {
            let name = frame.function.as_ref().and_then(|one| one.demangle().ok());
            let function = self.text(without_arguments(name.as_deref().unwrap_or("?")));
            let file = frame.location.as_ref().and_then(|place| place.file);
            // Directories of this machine are remapped to `/s/` and the crate's name.
            let file = file.map_or("?", |file| file.strip_prefix("/s/").unwrap_or(file));
            let file = self.text(file);
            let line = frame.location.as_ref().and_then(|place| place.line);
            all.push(format!("{function}:{file}:{}", line.unwrap_or(0)));
            if all.len() == FRAMES_MAX {
                break;
            }
        }
        Ok(all.join(","))
    }
}

/// A function's name without the types that it is used with: they can be longer than a screen.
fn without_arguments(name: &str) -> &str {
    let end = name.find('<').filter(|start| *start > 0);
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty code section between two custom sections.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\0\x06\x04nameX\x0a\x01\0\0\x07\x05keepsX";

    #[test]
    fn names_are_dropped_and_other_sections_stay_byte_for_byte() {
        let expected = b"\0asm\x01\0\0\0\x0a\x01\0\0\x07\x05keepsX";
        assert_eq!(stripped(MODULE).unwrap(), expected);
    }

    #[test]
    fn a_name_loses_its_type_arguments() {
        for (name, expected) in [
            ("on_bar", "on_bar"),
            ("with<core::cell::RefCell<u8>>", "with"),
            ("<A as B>::c", "<A as B>::c"),
        ] {
            assert_eq!(without_arguments(name), expected);
        }
    }

    #[test]
    fn the_code_of_another_module_has_no_place_in_a_component() {
        // Without the name section above, which is no list of names.
        let module = stripped(MODULE).unwrap();
        let error = symbols(&module, b"\0asm\x0d\0\x01\0", "ab").unwrap_err();
        let expected =
            "cannot make the component's symbols: the component has other code than the module";
        assert_eq!(error.to_string(), expected);
    }
}
