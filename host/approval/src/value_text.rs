//! JSON values as people read them, in lists and in searches. It must never know where they are shown.

use serde_json::Value;

/// A value as people read it, whole.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| format!("{name} {}", plain(value));
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

/// A value with long hex cut to its first digits.
#[must_use]
pub fn short(value: &Value) -> String {
    let text = plain(value);
    text.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

fn cut(word: &str) -> String {
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    let Some((digits, rest)) = digits.split_at_checked(digits.len().min(64)) else {
        return word.to_owned();
    };
    let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return word.to_owned();
    }
    format!("{}{rest}", digits.get(..12).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_hex_at_the_cut_stays_whole() {
        let long = format!("{}ä", "a".repeat(63));
        assert_eq!((cut("ä"), cut(&long)), ("ä".to_owned(), long));
    }
}
