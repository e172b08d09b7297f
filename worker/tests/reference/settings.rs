use clap::{Arg, CommandFactory};
use doorbell_worker::WorkerArguments;

use crate::page::check_table;

/// The help of a setting without which the worker does not start ends with this.
const REQUIRED: &str = " (required)";

#[test]
fn worker_reference_lists_every_setting() {
    let command = WorkerArguments::command();
    let rows = command.get_arguments().filter(|argument| argument.get_env().is_some()).map(row);
    let head = "| flag | variable | default | meaning |\n|---|---|---|---|\n";
    check_table("worker.md", &(head.to_owned() + &rows.collect::<String>()));
}

fn row(argument: &Arg) -> String {
    let flag = argument.get_long().unwrap();
    let variable = argument.get_env().unwrap().to_str().unwrap();
    let help = argument.get_help().unwrap().to_string();
    let defaults: Vec<&str> = argument.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
    let (default, meaning) = match (help.strip_suffix(REQUIRED), defaults.as_slice()) {
        (Some(meaning), _) => ("required".to_owned(), meaning),
        (None, [] | [""]) => ("none".to_owned(), help.as_str()),
        (None, [default, ..]) => (format!("`{default}`"), help.as_str()),
    };
    format!("| `--{flag}` | `{variable}` | {default} | {meaning} |\n")
}
