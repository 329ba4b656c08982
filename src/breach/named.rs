//! Things that have a name in files and on the command line, each kind in one table.

/// The name of one of them; a test of each table says that all stand in it.
pub(super) fn name_of<T: PartialEq>(table: &[(T, &'static str)], one: &T) -> &'static str {
    table.iter().find(|(known, _)| known == one).map_or("", |(_, name)| name)
}

/// The one that has a name, as people type it: in any case, with `-` for `_`, with blanks around it.
pub fn by_name<T: Copy>(table: &[(T, &'static str)], text: &str) -> Option<T> {
    let text = text.trim().to_lowercase().replace('-', "_");
    table.iter().find(|(_, name)| *name == text).map(|(found, _)| *found)
}
