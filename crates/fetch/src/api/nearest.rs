//! Which name may have been meant. Pure.

/// The known name that is most like this one, if one is like it at all: it begins alike, or a slip of the fingers lies
/// between them.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|known| (likeness(&name, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness > 0.0)
        .max_by(|(one, _), (two, _)| one.total_cmp(two))
        .map(|(_, known)| known)
}

/// From 0 (not alike) to 1 (the same).
fn likeness(one: &str, two: &str) -> f64 {
    const ALIKE: f64 = 0.75;
    let alike = strsim::jaro_winkler(one, two);
    if alike > ALIKE || strsim::damerau_levenshtein(one, two) == 1 { alike } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["name", "url", "pointer", "paginate", "headers"];
        let table = [
            ("pointr", Some("pointer")),
            ("Header", Some("headers")),
            ("pagination", Some("paginate")),
            ("xyz", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
