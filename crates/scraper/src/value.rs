//! Text -> typed values. A text that does not convert gives nothing, never a guess.

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::base::Base;
use crate::budget::Budget;
use crate::date::{self, DateRules};
use crate::json;
use crate::text::fold;

/// The type a field's text is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Type {
    /// White space folded.
    #[default]
    Text,
    /// As it stands.
    Raw,
    Number,
    Integer,
    Bool,
    /// Resolved against the base.
    Url,
    Date,
    Json,
    /// The markup inside the element.
    Html,
}

impl Type {
    pub(crate) const NAMES: [(&'static str, Self); 9] = [
        ("text", Self::Text),
        ("raw", Self::Raw),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("bool", Self::Bool),
        ("url", Self::Url),
        ("date", Self::Date),
        ("json", Self::Json),
        ("html", Self::Html),
    ];
}

/// What a value depends on besides its text.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// What URLs are resolved against.
    pub(crate) base: Base<'a>,
    /// When the response was made.
    pub(crate) made_at: Option<Timestamp>,
    /// What they are paid from.
    pub(crate) budget: &'a Budget,
}

/// How texts become values.
#[derive(Debug, Clone)]
pub(crate) struct Conversion {
    pub(crate) to: Type,
    /// Whether the type was asked for. Else what comes from JSON keeps its own.
    pub(crate) is_asked_for: bool,
    pub(crate) decimal: char,
    pub(crate) date: DateRules,
}

impl Default for Conversion {
    fn default() -> Self {
        Self { to: Type::Text, is_asked_for: false, decimal: '.', date: DateRules::default() }
    }
}

impl Conversion {
    /// Whether the value of a text is that text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.to, Type::Text | Type::Raw | Type::Html)
    }

    /// The value of a text, or nothing if it does not convert.
    pub(crate) fn value(&self, text: &str, setting: Setting<'_>) -> Option<Value> {
        match self.to {
            Type::Text => Some(Value::String(text.to_owned())),
            Type::Raw | Type::Html => Some(Value::String(text.to_owned())),
            Type::Number => number(text, self.decimal).map(Value::Number),
            Type::Integer => integer(text, self.decimal).map(Value::Number),
            Type::Bool => boolean(text).map(Value::Bool),
            Type::Url => setting.base.resolved(text).map(Value::String),
            Type::Date => date::parse(text, &self.date, setting.made_at).map(Value::String),
            Type::Json => json::paid(json::read(text, setting.budget)?, setting.budget),
        }
    }

    /// A value that came typed, from JSON, in the type that is asked for.
    pub(crate) fn typed(&self, value: &Value, setting: Setting<'_>) -> Option<Value> {
        match (self.to, value) {
            (Type::Json, _) => Some(value.clone()),
            (Type::Text, Value::Number(written)) if self.is_asked_for => {
                number(&written.to_string(), '.').map(|number| number.to_string().into())
            }
            (Type::Text, Value::Bool(_) | Value::Array(_) | Value::Object(_)) if self.is_asked_for => {
                Some(value.to_string().into())
            }
            // JSON has a decimal point, whatever mark the texts of the page have.
            (Type::Text | Type::Raw | Type::Number, Value::Number(written)) => {
                number(&written.to_string(), '.').map(Value::Number)
            }
            (Type::Integer, Value::Number(written)) => integer(&written.to_string(), '.').map(Value::Number),
            (Type::Text | Type::Raw | Type::Bool, Value::Bool(_)) => Some(value.clone()),
            (Type::Text, Value::String(text)) => Some(Value::String(fold(text))),
            (Type::Text | Type::Raw, Value::Array(_) | Value::Object(_)) => Some(value.clone()),
            (_, Value::String(text)) => self.value(text, setting),
            (_, Value::Number(number)) => self.value(&number.to_string(), setting),
            _ => None,
        }
    }
}

/// Words for yes and no.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn integer(text: &str, decimal: char) -> Option<Number> {
    let digits = number_text(text, decimal)?;
    let whole = match digits.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None if digits.contains(['e', 'E']) => return None,
        None => &digits,
    };
    whole.parse().ok()
}

fn number(text: &str, decimal: char) -> Option<Number> {
    number_text(text, decimal)?.parse().ok()
}

/// The first number in a text, written as JSON writes it: digit for digit, without groups.
///
/// Digits group by threes only, and with one separator throughout. Digits that another separator
/// cuts in another way (`1,23` with a decimal point) are no number: it is not guessed which.
fn number_text(text: &str, decimal: char) -> Option<String> {
    let text: Vec<char> = text.chars().collect();
    let start = start_of_number(&text, decimal)?;
    let whole = whole_part(&text, start, decimal)?;
    let mut number = String::new();
    if is_negative(&text, start) {
        number.push('-');
    }
    let significant = whole.digits.trim_start_matches('0');
    number.push_str(if significant.is_empty() { "0" } else { significant });
    let mut end = whole.end;
    if text.get(end) == Some(&decimal) && is_digit(&text, end + 1) {
        let fraction = run_of_digits(&text, end + 1);
        end += 1 + fraction.chars().count();
        number.push('.');
        number.push_str(&fraction);
        if is_cut_again(&text, end) {
            return None;
        }
    }
    Some(worked_out(number, &exponent(&text, end)))
}

/// The largest exponent that is written in zeros.
const MOST_ZEROS: usize = 30;

/// A number with an exponent that makes it larger, in digits: `1.5e3` is 1500. Any other keeps its exponent.
fn worked_out(number: String, exponent: &str) -> String {
    let places = exponent.trim_start_matches(['e', '+']).parse::<usize>();
    let Some(places) = places.ok().filter(|places| *places <= MOST_ZEROS) else {
        return number + exponent;
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let (moved, rest) = fraction.split_at(places.min(fraction.len()));
    let zeros = "0".repeat(places - moved.len());
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let digits = format!("{whole}{moved}{zeros}");
    let significant = match digits.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    };
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{significant}{point}{rest}")
}

fn is_digit(text: &[char], at: usize) -> bool {
    text.get(at).is_some_and(char::is_ascii_digit)
}

fn run_of_digits(text: &[char], start: usize) -> String {
    text.iter().skip(start).take_while(|c| c.is_ascii_digit()).collect()
}

/// Where the first number starts: at its first digit, or at a decimal mark that opens it (`.5`). The other mark opens none.
fn start_of_number(text: &[char], decimal: char) -> Option<usize> {
    let digit = text.iter().position(char::is_ascii_digit)?;
    let ends_word = digit >= 2 && text.get(digit - 2).is_some_and(|c| c.is_alphanumeric());
    match text.get(digit.wrapping_sub(1)) {
        Some('.' | ',') if ends_word => Some(digit),
        Some(mark) if *mark == decimal => Some(digit - 1),
        Some('.' | ',') => None,
        _ => Some(digit),
    }
}

/// A sign counts when it stands right before the number or its currency, and after no word.
fn is_negative(text: &[char], start: usize) -> bool {
    let is_minus = |at: usize| matches!(text.get(at), Some('-' | '\u{2212}'));
    let sign = if start > 0 && is_minus(start - 1) {
        start - 1
    } else if start > 1 && is_minus(start - 2) && text.get(start - 1).is_some_and(|&c| is_currency(c)) {
        start - 2
    } else {
        return false;
    };
    sign == 0 || !text.get(sign - 1).is_some_and(|before| before.is_alphanumeric())
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '\u{a3}' | '\u{a5}' | '\u{a2}' | '\u{20a0}'..='\u{20cf}')
}

struct Whole {
    digits: String,
    end: usize,
}

fn whole_part(text: &[char], start: usize, decimal: char) -> Option<Whole> {
    let mut digits = run_of_digits(text, start);
    let mut end = start + digits.len();
    let separator = text.get(end).copied().filter(|&c| is_separator(c) && c != decimal);
    if let Some(separator) = separator
        && (1..=3).contains(&digits.len())
    {
        while text.get(end) == Some(&separator) && is_group(text, end + 1) {
            digits.push_str(&run_of_digits(text, end + 1));
            end += 4;
        }
    }
    let cut_otherwise = text.get(end).is_some_and(|&c| c != decimal && is_mark(c)) && is_digit(text, end + 1);
    (!cut_otherwise).then_some(Whole { digits, end })
}

/// Exactly three digits.
fn is_group(text: &[char], start: usize) -> bool {
    (start..start + 3).all(|at| is_digit(text, at)) && !is_digit(text, start + 3)
}

fn is_separator(c: char) -> bool {
    is_mark(c) || matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// Separators that nothing but a number has between two digits.
fn is_mark(c: char) -> bool {
    matches!(c, ',' | '.' | '\'' | '\u{2019}')
}

/// Another mark and more digits behind the fraction: `1.2.3` is no number.
fn is_cut_again(text: &[char], end: usize) -> bool {
    text.get(end).is_some_and(|&c| is_mark(c)) && is_digit(text, end + 1)
}

/// `e-19` right behind the digits, and not the start of a word.
fn exponent(text: &[char], end: usize) -> String {
    if !matches!(text.get(end), Some('e' | 'E')) {
        return String::new();
    }
    let sign: String = text.get(end + 1).filter(|c| matches!(c, '+' | '-')).into_iter().collect();
    let digits = run_of_digits(text, end + 1 + sign.len());
    let after = end + 1 + sign.len() + digits.len();
    let is_word = text.get(after).is_some_and(|c| c.is_alphanumeric());
    if digits.is_empty() || is_word { String::new() } else { format!("e{sign}{digits}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(conversion: &Conversion, value: &Value) -> Option<Value> {
        let budget = Budget::whole();
        conversion.typed(value, Setting { base: Base::default(), made_at: None, budget: &budget })
    }

    fn as_text(text: &str, decimal: char) -> Option<String> {
        number(text, decimal).map(|number| number.to_string())
    }

    #[test]
    fn the_first_number_of_a_text_with_a_decimal_point() {
        for (text, expected) in [
            ("£51.77 incl.", Some("51.77")),
            ("51.70", Some("51.70")),
            ("007", Some("7")),
            ("0.50", Some("0.50")),
            (".5", Some("0.5")),
            ("from 3 to 5", Some("3")),
            ("1,234.56", Some("1234.56")),
            ("1,234,567", Some("1234567")),
            ("1 234 567.8", Some("1234567.8")),
            ("1\u{a0}234", Some("1234")),
            ("1'234.5", Some("1234.5")),
            ("12 34", Some("12")),
            ("-5", Some("-5")),
            ("\u{2212}38.83 °C", Some("-38.83")),
            ("-£5.00", Some("-5.00")),
            ("£-5.00", Some("-5.00")),
            ("SKU-12", Some("12")),
            ("10-20", Some("10")),
            ("12%", Some("12")),
            ("1.6e-19 C", Some("1.6e-19")),
            ("1e3", Some("1000")),
            ("-1.5E+3 m", Some("-1500")),
            ("1.2345e2", Some("123.45")),
            ("0.05e1", Some("0.5")),
            ("0e9", Some("0")),
            ("6.02214076e23", Some("602214076000000000000000")),
            ("1e-3", Some("1e-3")),
            ("1e400", Some("1e+400")),
            ("3 euros", Some("3")),
            ("3euros", Some("3")),
            ("5.", Some("5")),
            ("5, 6", Some("5")),
            ("v1.2.3", None),
            ("1,23", None),
            ("12,34,567", None),
            ("1,2345", None),
            (",5", None),
            ("a,5", Some("5")),
            ("12345678901234567890.123456789", Some("12345678901234567890.123456789")),
            ("none", None),
            ("", None),
        ] {
            assert_eq!(as_text(text, '.').as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_first_number_of_a_text_with_a_decimal_comma() {
        for (text, expected) in [
            ("1.234,56 EUR", Some("1234.56")),
            ("1 234,56", Some("1234.56")),
            ("1.234", Some("1234")),
            ("0,5", Some("0.5")),
            (",5", Some("0.5")),
            (".5", None),
            ("$.50", None),
            ("Nr.5", Some("5")),
            ("1.23", None),
        ] {
            assert_eq!(as_text(text, ',').as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_integer_has_no_fraction() {
        let integer = |text: &str| integer(text, '.').map(|number| number.to_string());
        assert_eq!(integer("19 available").as_deref(), Some("19"));
        assert_eq!(integer("1,000").as_deref(), Some("1000"));
        assert_eq!(integer("7.00").as_deref(), Some("7"));
        assert_eq!(integer("7.5"), None);
        assert_eq!(integer("1.5e3").as_deref(), Some("1500"));
        assert_eq!(integer("1.5e0"), None);
        assert_eq!(integer("15e-1"), None);
        assert_eq!(
            integer("123456789012345678901234567890").as_deref(),
            Some("123456789012345678901234567890")
        );
    }

    #[test]
    fn a_number_of_json_is_written_as_json_writes_it() {
        let read = |to, decimal, written: &str| {
            let conversion = Conversion { to, decimal, ..Conversion::default() };
            let value = serde_json::from_str(written).unwrap();
            typed(&conversion, &value).map(|value| value.to_string())
        };
        assert_eq!(read(Type::Number, ',', "1.234").as_deref(), Some("1.234"));
        assert_eq!(read(Type::Integer, ',', "12.0").as_deref(), Some("12"));
        assert_eq!(read(Type::Text, '.', "1e3").as_deref(), Some("1000"));
        assert_eq!(read(Type::Text, '.', "1.50").as_deref(), Some("1.50"));
        assert_eq!(read(Type::Text, '.', "-0").as_deref(), Some("-0"));
    }

    #[test]
    fn what_comes_typed_is_text_where_that_is_asked_for() {
        let asked = Conversion { is_asked_for: true, ..Conversion::default() };
        for (written, as_text) in [
            ("7", "7"),
            ("1e3", "1000"),
            ("1.50", "1.50"),
            ("true", "true"),
            (r#"{"a": [1, "b"]}"#, r#"{"a":[1,"b"]}"#),
            (r#"" x  y ""#, "x y"),
        ] {
            let value: Value = serde_json::from_str(written).unwrap();
            assert_eq!(typed(&asked, &value), Some(as_text.into()), "{written}");
        }
        assert_eq!(typed(&Conversion::default(), &7.into()), Some(7.into()));
    }

    #[test]
    fn yes_and_no_in_words() {
        assert_eq!(boolean(" Yes "), Some(true));
        assert_eq!(boolean(""), None);
        assert_eq!(boolean("0"), Some(false));
        assert_eq!(boolean("maybe"), None);
    }

    proptest! {
        #[test]
        fn plain_decimals_keep_their_digits(whole in "[1-9][0-9]{0,30}", fraction in "[0-9]{1,30}") {
            let written = format!("{whole}.{fraction}");
            prop_assert_eq!(as_text(&written, '.'), Some(written.clone()));
            prop_assert_eq!(as_text(&format!("EUR {whole},{fraction}-"), ','), Some(written));
        }

        #[test]
        fn grouping_by_threes_changes_no_digit(groups in prop::collection::vec("[0-9]{3}", 0..5), head in "[1-9][0-9]{0,2}", separator in "[, '\u{a0}]") {
            let mut written = head.clone();
            for group in &groups {
                written.push_str(&separator);
                written.push_str(group);
            }
            prop_assert_eq!(as_text(&written, '.'), Some(format!("{head}{}", groups.concat())));
        }

        #[test]
        fn what_converts_is_valid_json(text in ".{0,30}", comma: bool) {
            if let Some(number) = as_text(&text, if comma { ',' } else { '.' }) {
                prop_assert!(serde_json::from_str::<Value>(&number).is_ok(), "{}", number);
            }
        }
    }
}
