//! The known name that a misspelt one probably means.

/// The candidate nearest to `name`, if any is near enough to be worth naming.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    candidates
        .map(|candidate| (distance(&name, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3 + 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters to change, with two discounts for how people misremember keys: a candidate that merely goes on after
/// `name` (a forgotten unit), and one that has `name` as its last part (a forgotten section).
fn distance(name: &str, candidate: &str) -> usize {
    let goes_on = name.len() >= 4 && candidate.starts_with(name);
    let without_section = candidate.split_once('.').is_some_and(|(_, last)| last == name);
    if goes_on || without_section {
        return 1;
    }
    edits(name, candidate)
}

/// The Levenshtein distance, by rows.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["listen", "data_dir", "http.deadline_ms", "http.body_limit_bytes"];

    #[test]
    fn the_nearest_name_is_found_over_a_slip_a_forgotten_unit_and_a_forgotten_section() {
        let slips = [
            ("lisen", Some("listen")),
            ("data-dir", Some("data_dir")),
            ("http.body_limit", Some("http.body_limit_bytes")),
            ("deadline_ms", Some("http.deadline_ms")),
            ("colour", None),
        ];

        for (slip, meant) in slips {
            assert_eq!(nearest(slip, NAMES.into_iter()), meant, "{slip}");
        }
    }
}
