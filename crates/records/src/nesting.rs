//! How deep JSON may be nested where it is read whole.

/// Arrays and objects inside one another that serde_json reads at most.
pub const MAX_NESTING: usize = 127;

/// Whether JSON could not be read because it is nested deeper than [`MAX_NESTING`], and not because it is none.
///
/// ```
/// use gather_records::{MAX_NESTING, Value, is_nested_too_deep};
///
/// let nested = |levels| serde_json::from_str::<Value>(&("[".repeat(levels) + &"]".repeat(levels)));
/// assert!(nested(MAX_NESTING).is_ok());
/// assert!(is_nested_too_deep(&nested(MAX_NESTING + 1).unwrap_err()));
/// assert!(!is_nested_too_deep(&serde_json::from_str::<Value>("[").unwrap_err()));
/// ```
pub fn is_nested_too_deep(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("recursion limit exceeded") // it has no other word for it
}
