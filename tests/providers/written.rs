//! A reading, written anew. The fuzz target has this file too.

/// Writes a reading as a text of its own, in YAML that is nearly JSON: what is not plain
/// ASCII is escaped, for some of it would be a line break.
pub fn written(reading: &impl ToString) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    reading.to_string().chars().map(escape).collect()
}
