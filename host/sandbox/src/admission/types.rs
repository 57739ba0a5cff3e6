//! The types of component functions, written out so that they can be compared and shown. It must
//! never fold two different types into one text.

use std::collections::BTreeMap;

use wasmparser::component_types::{
    ComponentDefinedType, ComponentEntityType, ComponentItem, ComponentValType,
};
use wasmparser::types::TypesRef;

/// How deep a type may be nested before it is cut: no type of the world is half as deep.
const DEPTH_MAX: usize = 16;

/// Bytes of one function's text, where it is cut: the longest of the world has 900. A type that
/// names itself many times over would else grow with every level.
const TEXT_BYTES_MAX: usize = 8 << 10;

/// Adds the functions of one import or export.
pub(super) fn functions_of(
    types: TypesRef<'_>,
    name: &str,
    item: &ComponentItem,
    functions: &mut BTreeMap<String, String>,
) {
    match item.ty {
        ComponentEntityType::Instance(id) => {
            functions.insert(name.to_owned(), String::new());
            for (word, item) in &types[id].exports {
                if !matches!(item.ty, ComponentEntityType::Type { .. }) {
                    functions.insert(format!("{name} {word}"), entity(types, &item.ty));
                }
            }
        }
        ComponentEntityType::Type { .. } => {}
        ComponentEntityType::Func(_)
        | ComponentEntityType::Module(_)
        | ComponentEntityType::Value(_)
        | ComponentEntityType::Component(_) => {
            functions.insert(name.to_owned(), entity(types, &item.ty));
        }
    }
}

fn entity(types: TypesRef<'_>, ty: &ComponentEntityType) -> String {
    let ComponentEntityType::Func(id) = ty else {
        return String::from("not a function");
    };
    let function = &types[*id];
    let mut text = String::from(if function.async_ {
        "async func("
    } else {
        "func("
    });
    for (place, (name, ty)) in function.params.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { ", " });
        text.push_str(name.as_str());
        text.push_str(": ");
        value(types, *ty, DEPTH_MAX, &mut text);
    }
    text.push(')');
    if let Some(ty) = function.result {
        text.push_str(" -> ");
        value(types, ty, DEPTH_MAX, &mut text);
    }
    text
}

fn value(types: TypesRef<'_>, ty: ComponentValType, depth: usize, text: &mut String) {
    let id = match ty {
        ComponentValType::Primitive(primitive) => return text.push_str(&primitive.to_string()),
        ComponentValType::Type(id) => id,
    };
    // A type may name itself in a way that doubles with each level; cut, it compares unequal to every type of the world.
    let Some(depth) = depth.checked_sub(1).filter(|_| text.len() < TEXT_BYTES_MAX) else {
        return text.push('…');
    };
    let mut list = |word: &str, parts: Vec<(&str, Option<ComponentValType>)>| {
        text.push_str(word);
        text.push('<');
        for (place, (name, ty)) in parts.into_iter().enumerate() {
            text.push_str(if place == 0 { "" } else { ", " });
            text.push_str(name);
            // A case without a value and one with a value must not give the same text, or a changed contract would pass.
            if let Some(ty) = ty {
                text.push_str(if name.is_empty() { "" } else { ": " });
                value(types, ty, depth, text);
            }
        }
        text.push('>');
    };
    let defined = &types[id];
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what the world does not use is named by its debug form and never matches"
    )]
    match defined {
        ComponentDefinedType::Primitive(primitive) => text.push_str(&primitive.to_string()),
        ComponentDefinedType::Record(record) => {
            let fields = record.fields.iter();
            list(
                "record",
                fields.map(|(n, ty)| (n.as_str(), Some(*ty))).collect(),
            );
        }
        ComponentDefinedType::Variant(variant) => {
            let cases = variant.cases.iter();
            list(
                "variant",
                cases.map(|(n, case)| (n.as_str(), case.ty)).collect(),
            );
        }
        ComponentDefinedType::Enum(names) => {
            list(
                "enum",
                names.iter().map(|name| (name.as_str(), None)).collect(),
            );
        }
        ComponentDefinedType::List { element, .. } => list("list", vec![("", Some(*element))]),
        ComponentDefinedType::Option { ty, .. } => list("option", vec![("", Some(*ty))]),
        ComponentDefinedType::Result { ok, err, .. } => {
            let part = |ty: &Option<ComponentValType>| (if ty.is_some() { "" } else { "_" }, *ty);
            list("result", vec![part(ok), part(err)]);
        }
        _ => text.push_str("a type that the world does not use"),
    }
}
