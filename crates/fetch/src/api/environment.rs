//! The values of environment variables that a query names, held so that they cannot be printed.

use std::collections::BTreeMap;

use crate::error::{Error, Failure};
use crate::secret::Secret;

/// The variables of a query, with their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    values: BTreeMap<String, Secret>,
}

impl Environment {
    /// Looks up each name: among the values that were given, else in the process's environment.
    ///
    /// # Errors
    /// `invalid_input` for a variable that is not set, or is not UTF-8.
    pub(crate) fn look_up<'n>(
        names: impl IntoIterator<Item = &'n str>,
        given: &BTreeMap<String, Secret>,
    ) -> Result<Self, Error> {
        let mut values = BTreeMap::new();
        for name in names {
            if values.contains_key(name) {
                continue;
            }
            let value = given.get(name).cloned().map_or_else(|| from_process(name), Ok)?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self { values })
    }

    /// The value of a variable; empty for one that was not looked up.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", Secret::expose)
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.values.values().map(Secret::expose)
    }

    #[cfg(test)]
    pub(crate) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self { values: pairs.map(|(name, value)| (name.to_owned(), Secret::new(value))).into() }
    }
}

fn from_process(name: &str) -> Result<Secret, Error> {
    use std::env::VarError;
    std::env::var(name).map(Secret::new).map_err(|error| match error {
        VarError::NotPresent => Failure::invalid(format!("the environment variable {name} is not set"))
            .hint(format!("the query names it as env:{name}; set it: export {name}=…"))
            .into(),
        VarError::NotUnicode(_) => {
            Failure::invalid(format!("the environment variable {name} is not UTF-8")).into()
        }
    })
}
