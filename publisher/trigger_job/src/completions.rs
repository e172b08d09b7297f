use std::io::Write;

use clap::CommandFactory;

use crate::arguments::{PrintCommand, TriggerArguments};

/// Writes the output of a print command to stdout.
///
/// # Errors
/// stdout cannot be written.
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
