use std::io::Write;

use clap::CommandFactory;

use crate::arguments::{PrintCommand, TriggerArguments};

/// Writes what a command besides the request prints, to stdout.
///
/// # Errors
/// stdout can't be written.
pub fn print(command: PrintCommand) -> std::io::Result<()> {
    let mut definition = TriggerArguments::command();
    let mut bytes = Vec::new();
    match command {
        PrintCommand::Completions { shell } => {
            clap_complete::generate(shell, &mut definition, "trigger_job", &mut bytes)
        }
        PrintCommand::Man => clap_mangen::Man::new(definition).render(&mut bytes)?,
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&bytes)?;
    stdout.flush()
}
