//! A page with one generated table.

use std::path::PathBuf;

const BEGIN: &str = "<!-- generated: begin -->\n";
const END: &str = "<!-- generated: end -->\n";

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A page of `docs/reference`, split at its marks: before, the table, after.
pub(crate) fn read_page(name: &str) -> [String; 3] {
    let text = std::fs::read_to_string(root().join("docs/reference").join(name)).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    [before.to_owned(), table.to_owned(), after.to_owned()]
}

/// Compares a page's table with the generated one; writes it if `UPDATE_REFERENCE` is set.
pub(crate) fn check_table(name: &str, generated: &str) {
    let [before, table, after] = read_page(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let page = format!("{before}{BEGIN}{generated}{END}{after}");
        std::fs::write(root().join("docs/reference").join(name), page).unwrap();
        return;
    }
    assert_eq!(
        table, generated,
        "docs/reference/{name} is out of date. If the change is meant: UPDATE_REFERENCE=1 cargo test --workspace \
         --locked --test reference, and read the diff"
    );
}
