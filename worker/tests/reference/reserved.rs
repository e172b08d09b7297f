use doorbell_messages::{RESERVED_VARIABLES, ReservedVariables};

use crate::page::check_table;

#[test]
fn reserved_variables_page_lists_every_name() {
    let head = "| read by | names |\n|---|---|\n";
    check_table("reserved-variables.md", &(head.to_owned() + &RESERVED_VARIABLES.iter().map(row).collect::<String>()));
}

fn row(group: &ReservedVariables) -> String {
    let prefixes = group.prefixes.iter().map(|prefix| format!("`{prefix}*`"));
    let names: Vec<String> = prefixes.chain(group.names.iter().map(|name| format!("`{name}`"))).collect();
    format!("| {} | {} |\n", group.reader, names.join(", "))
}
