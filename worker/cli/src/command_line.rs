//! The command line, whose errors quote arguments.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use doorbell_messages::text::{escape_unsafe, is_unsafe_in_line};

/// Parses the arguments of this process.
///
/// # Errors
/// The exit code, after clap's message was printed: an error, a help or the version.
pub(crate) fn parse<T: Parser>() -> Result<T, ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    T::try_parse_from(&arguments).map_err(|error| report(&escaped::<T>(&arguments, error)))
}

/// The error with escaped arguments: clap quotes them as they are, new lines included.
fn escaped<T: Parser>(arguments: &[OsString], error: clap::Error) -> clap::Error {
    let escaped = arguments.iter().map(|argument| escape_unsafe(&argument.to_string_lossy()));
    if error.use_stderr() { T::try_parse_from(escaped).err().unwrap_or(error) } else { error }
}

fn report(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let is_safe = |line: &str| !line.contains(is_unsafe_in_line);
    // A closed output is no failure of its own.
    let _ = match text.lines().all(is_safe) {
        true => error.print(),
        // A value of an environment variable, which clap quotes, too.
        false => text.lines().try_for_each(|line| writeln!(std::io::stderr(), "{}", escape_unsafe(line))),
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::DoorbellArguments;

    #[test]
    fn arguments_in_errors_are_escaped() {
        let hostile = "\u{1b}]0;x\u{7}\u{9b}31m\nerror: forged\u{202e}";
        for arguments in [vec![hostile], vec!["jobs", "list", "--status", hostile], vec!["jobs", "show", "a", hostile]]
        {
            let given: Vec<OsString> = ["doorbell"].iter().chain(&arguments).map(OsString::from).collect();
            let error = DoorbellArguments::try_parse_from(&given).unwrap_err();
            let text = escaped::<DoorbellArguments>(&given, error).render().to_string();
            assert!(text.lines().all(|line| !line.contains(is_unsafe_in_line)), "{text:?}");
            assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{text}");
        }
    }
}
