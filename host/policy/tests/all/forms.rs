//! The byte forms: one for a bundle, one for a verdict.

use std::collections::BTreeMap;

use counterfoil_base::gate::Gate;
use counterfoil_policy::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, FILES_MAX};
use counterfoil_policy::child::EvaluationLimits;
use counterfoil_policy::verdict::PolicyVerdict;
use proptest::prelude::*;
use serde_json::json;

use crate::world::{bundle, evaluator};

proptest! {
    #[test]
    fn a_bundle_has_one_form(
        files in proptest::collection::btree_map("[a-z]{1,3}(/[a-z]{1,3})?\\.rego", proptest::collection::vec(any::<u8>(), 0..40), 0..6),
        flip in any::<(usize, u8)>(),
    ) {
        let mut all: BTreeMap<String, Vec<u8>> = files;
        all.insert("a.rego".to_owned(), b"package a\n".to_vec());
        let bundle = Bundle::new(all).unwrap();
        let mut bytes = bundle.encode();
        prop_assert_eq!(&Bundle::decode(&bytes).unwrap(), &bundle);
        let place = flip.0 % bytes.len();
        let before = bytes[place];
        bytes[place] = flip.1;
        match Bundle::decode(&bytes) {
            Ok(other) => {
                // Whatever is taken for a bundle has exactly these bytes.
                prop_assert_eq!(other.encode(), bytes.clone());
                prop_assert_eq!(other.digest() == bundle.digest(), flip.1 == before);
            }
            Err(_) => prop_assert!(flip.1 != before),
        }
        bytes[place] = before;
        bytes.push(0);
        prop_assert!(Bundle::decode(&bytes).is_err());
    }
}

#[test]
fn the_form_of_a_bundle_is_stated() {
    let bundle = bundle(&[("b/a.rego", "package b\n"), ("a.rego", "package a\n")]);
    // ["counterfoil/policy-bundle/1", [["a.rego", 'package a\n'], ["b/a.rego", 'package b\n']]]
    let expected = concat!(
        "82781b636f756e746572666f696c2f706f6c6963792d62756e646c652f31",
        "8282",
        "66612e7265676f",
        "4a7061636b61676520610a",
        "82",
        "68622f612e7265676f",
        "4a7061636b61676520620a",
    );
    assert_eq!(hex::encode(bundle.encode()), expected);
}

#[test]
fn a_folder_gives_the_same_bundle_in_whatever_order_it_was_written() {
    let names = ["z.rego", "a.rego", "sub/m.rego", "data.json", ".hidden"];
    let digests = [false, true].map(|backwards| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let mut names = names.to_vec();
        if backwards {
            names.reverse();
        }
        for name in names {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        Bundle::read(folder.path()).unwrap().digest()
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn what_has_no_place_in_a_bundle_is_refused() {
    let check = |path: &str, found: &str| {
        let files = [("a.rego", ""), (path, "")];
        let file = |(path, text): (&str, &str)| (path.to_owned(), text.as_bytes().to_vec());
        let error = Bundle::new(files.map(file).into()).unwrap_err();
        assert!(error.to_string().contains(found), "{path}: {error}");
    };
    check("../b.rego", "begin without a dot");
    check("/b.rego", "letters, digits");
    check("b\u{430}.rego", "letters, digits");
    check("a b.rego", "letters, digits");
    check("x/data.json", "only files *.rego");
    check("README.md", "only files *.rego");
    check("a/b/c/d/e/f/g/h/i.rego", "too deep");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rego"), "").unwrap();
    std::os::unix::fs::symlink("a.rego", folder.path().join("b.rego")).unwrap();
    let error = Bundle::read(folder.path()).unwrap_err();
    assert!(matches!(error, BundleError::File { .. }), "{error}");
}

#[test]
fn a_bundle_has_a_size() {
    let long = Bundle::new([("a.rego".to_owned(), vec![b' '; BUNDLE_BYTES_MAX])].into());
    assert!(matches!(long, Err(BundleError::TooLarge { .. })));
    let many = (0..=FILES_MAX).map(|one| (format!("f{one}.rego"), Vec::new()));
    assert!(matches!(
        Bundle::new(many.collect()),
        Err(BundleError::Files { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rego"), vec![b' '; BUNDLE_BYTES_MAX]).unwrap();
    assert!(matches!(
        Bundle::read(folder.path()),
        Err(BundleError::TooLarge { .. })
    ));
}

#[test]
fn a_verdict_that_was_touched_is_none() {
    let policy = bundle(&[("a.rego", "package a\n")]);
    let verdict =
        evaluator(EvaluationLimits::default()).evaluate(Ok(&policy), Gate::Start, &json!({}));
    let bytes = verdict.encode().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(PolicyVerdict::decode(text.as_bytes()).unwrap(), verdict);
    for (from, to) in [
        ("counterfoil-verdict/1", "counterfoil-verdict/2"),
        ("{\"bundle\"", "{ \"bundle\""),
        ("\"limits\":null", "\"limits\":null,\"more\":1"),
        ("\"limits\":null", "\"limits\":{\"orders-per-bar-max\":1}"),
        ("\"fail\"", "\"perhaps\""),
    ] {
        let touched = text.replace(from, to);
        assert_ne!(touched, text, "{from}");
        assert!(PolicyVerdict::decode(touched.as_bytes()).is_err(), "{to}");
    }
    let other = PolicyVerdict::decode(text.replace("fail", "pass").as_bytes()).unwrap();
    assert_eq!(verdict.differences(&other), ["outcome"]);
}
