//! What a scalar means: the rules by which gopkg.in/yaml.v3 3.0 resolves plain scalars
//! and tags, as far as they matter to texts, numbers and nothing at all.
//!
//! They are wider than YAML 1.2's core schema: numbers may have underscores, a leading
//! zero means octal, and `0b` binary.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{ScalarStyle, Tag};

/// A scalar as it is written.
#[derive(Debug)]
pub struct Scalar {
    text: String,
    is_plain: bool,
    /// Such as `!!str`; none if there is none or only `!`.
    tag: Option<String>,
}

/// What a scalar means.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool,
    /// A whole number that 64 bits can hold, with or without a sign.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
}

impl Scalar {
    /// One as the parser finds it.
    pub fn new(text: String, style: ScalarStyle, tag: Option<&Tag>) -> Self {
        let is_plain = style == ScalarStyle::Plain;
        Self { text, is_plain, tag: tag.map(short).filter(|tag| tag != "!") }
    }

    /// Whether it is the key that merges other mappings into its own.
    pub fn is_merge(&self) -> bool {
        let is_merge = self.tag.as_ref().map_or(self.is_plain, |tag| tag == "!!merge");
        is_merge && self.text == "<<"
    }

    /// Its meaning.
    ///
    /// # Errors
    /// Its tag does not fit its text.
    pub fn value(&self) -> Result<Value<'_>, String> {
        let text = Value::Text(Cow::Borrowed(&self.text));
        let Some(tag) = &self.tag else {
            return Ok(if self.is_plain { resolve(&self.text) } else { text });
        };
        let found = resolve(&self.text);
        match (tag.as_str(), found) {
            ("!!null", found @ Value::Null)
            | ("!!bool", found @ Value::Bool)
            | ("!!int", found @ Value::Integer(_))
            | ("!!float", found @ (Value::Float(_) | Value::Integer(_))) => Ok(found),
            ("!!null" | "!!bool" | "!!int" | "!!float" | "!!timestamp", _) => {
                Err(format!("{:?} is no {tag}", self.text))
            }
            ("!!binary", _) => {
                let bytes =
                    STANDARD.decode(&self.text).map_err(|error| format!("is no !!binary: {error}"))?;
                let text = String::from_utf8(bytes).map_err(|_| "is !!binary, and no text".to_owned())?;
                Ok(Value::Text(text.into()))
            }
            _ => Ok(text),
        }
    }

    /// What a field for a text gets: numbers and truth values as they are written.
    ///
    /// # Errors
    /// Its tag does not fit its text.
    pub fn as_text(&self) -> Result<Option<Cow<'_, str>>, String> {
        Ok(match self.value()? {
            Value::Null => None,
            Value::Text(text) => Some(text),
            Value::Bool | Value::Integer(_) | Value::Float(_) => Some(Cow::Borrowed(&self.text)),
        })
    }
}

/// A tag in its short form.
fn short(tag: &Tag) -> String {
    let handle = if tag.is_yaml_core_schema() { "!!" } else { &tag.handle };
    format!("{handle}{}", tag.suffix)
}

/// What a plain scalar means.
fn resolve(text: &str) -> Value<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Value::Bool,
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.chars().next() {
        Some('+' | '-' | '0'..='9') => {
            let digits = text.replace('_', "");
            integer(&digits).map(Value::Integer).or_else(|| float(&digits).map(Value::Float))
        }
        Some('.') => float(text).map(Value::Float),
        _ => None,
    };
    number.unwrap_or(Value::Text(Cow::Borrowed(text)))
}

/// A whole number in Go's syntax (`strconv.ParseInt` with base 0) that 64 bits can hold.
fn integer(text: &str) -> Option<i128> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (unsigned.get(2..)?, 16),
        [b'0', b'o' | b'O', _, ..] => (unsigned.get(2..)?, 8),
        [b'0', b'b' | b'B', _, ..] => (unsigned.get(2..)?, 2),
        [b'0', _, ..] => (unsigned.get(1..)?, 8),
        _ => (unsigned, 10),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let number = if text.starts_with('-') { -magnitude } else { magnitude };
    let most = if text.starts_with('+') { i128::from(i64::MAX) } else { i128::from(u64::MAX) };
    (i128::from(i64::MIN)..=most).contains(&number).then_some(number)
}

/// A decimal number that is finite.
fn float(text: &str) -> Option<f64> {
    let is_decimal = text.chars().all(|c| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
    text.parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_they_mean_to_the_application() {
        for (text, integer) in [
            ("0", 0),
            ("-0", 0),
            ("+12", 12),
            ("1_000", 1_000),
            ("0x1F", 31),
            ("0o17", 15),
            ("017", 15),
            ("-0b11", -3),
            ("18446744073709551615", i128::from(u64::MAX)),
        ] {
            assert_eq!(resolve(text), Value::Integer(integer), "{text}");
        }
        for (text, float) in
            [("08", 8.0), (".5", 0.5), ("1e3", 1_000.0), ("1.", 1.0), ("99999999999999999999", 1e20)]
        {
            assert_eq!(resolve(text), Value::Float(float), "{text}");
        }
        for text in ["yes", "120s", "0x", "-", "+", "1e999", "0b2", "2026-11-23", ".", "-.e1"] {
            let meaning = resolve(text);
            assert!(matches!(meaning, Value::Text(_)), "{text}: {meaning:?}");
        }
    }
}
