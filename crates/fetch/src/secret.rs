//! Values that cannot be printed.

use std::fmt;

/// A password or token. It has no `Display`, its `Debug` shows nothing, and only this crate can read it.
///
/// ```
/// let secret = gather_fetch::Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(****)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(****)")
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
