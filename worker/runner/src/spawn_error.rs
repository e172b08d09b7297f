use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use doorbell_messages::RunnerExit;
use rustix::io::Errno;

use crate::error::RunnerError;

/// Linux reads no more than this of a script to find its interpreter.
const MAX_SHEBANG_BYTES: u64 = 256;

/// Refuses a text file without a `#!` line. Some C libraries would give it to a shell and others not; a command never
/// meets a shell that its author did not name.
///
/// # Errors
/// The program is such a file.
pub(crate) fn check_script(program: &str) -> Result<(), RunnerError> {
    let start = if program.contains('/') { first_bytes(program) } else { Vec::new() };
    let is_text =
        !start.is_empty() && start.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace() || *b >= 0x80);
    if is_text && !start.starts_with(b"#!") {
        return Err(not_found(format!(
            "{program:?} is a text file without a first line that names its interpreter (such as #!/bin/sh)"
        )));
    }
    Ok(())
}

/// Says why a program did not start, in words for the person who wrote it.
pub(crate) fn explain(program: &str, error: &io::Error) -> RunnerError {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => not_found(explain_not_found(program)),
        Some(Errno::ACCESS | Errno::PERM) => not_found(explain_permission_denied(program)),
        Some(Errno::NOEXEC) => not_found(format!("{program:?} is not a program for this machine: {error}")),
        Some(Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::TOOBIG) => {
            not_found(format!("{program:?} can't be executed: {error}"))
        }
        _ => RunnerError::infrastructure(format!("{program:?} can't be started: {error}")),
    }
}

fn explain_not_found(program: &str) -> String {
    if !program.contains('/') {
        return format!(
            "{program:?} is in no folder of PATH (a file of the repository is named with a slash, as ./{program})"
        );
    }
    if !Path::new(program).exists() {
        return format!("{program:?} is not there: it is looked up from the folder that the command runs in");
    }
    match interpreter(&first_bytes(program)) {
        Some(interpreter) => {
            format!("{program:?} is there, but not its interpreter {interpreter:?}, which its first line names")
        }
        None => format!("{program:?} is there, but not what it needs to start (a loader of another system?)"),
    }
}

fn explain_permission_denied(program: &str) -> String {
    match fs::metadata(program) {
        Ok(metadata) if metadata.is_dir() => format!("{program:?} is a folder"),
        Ok(_)
            if interpreter(&first_bytes(program)).is_some_and(|name| !is_executable(&name))
                && is_executable(program) =>
        {
            format!("{program:?} can be executed, but not the interpreter that its first line names")
        }
        Ok(_) if program.contains('/') => {
            format!(
                "{program:?} is there, but not executable: git update-index --chmod=+x makes it so in the repository"
            )
        }
        _ => format!("{program:?} can't be executed: permission denied"),
    }
}

fn is_executable(path: &str) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn interpreter(start: &[u8]) -> Option<String> {
    let line = start.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    // A file written on Windows asks for "/bin/sh\r": that is to be seen in the message.
    let word = line.trim_ascii_start().split(|b| matches!(b, b' ' | b'\t')).next()?;
    Some(String::from_utf8_lossy(word).into_owned())
}

fn first_bytes(program: &str) -> Vec<u8> {
    let mut start = Vec::new();
    // A pipe would never answer; what can't be read is judged by the system when it is started.
    if fs::metadata(program).is_ok_and(|metadata| metadata.is_file()) {
        let _ = File::open(program).and_then(|file| file.take(MAX_SHEBANG_BYTES).read_to_end(&mut start));
    }
    start
}

fn not_found(reason: String) -> RunnerError {
    RunnerError::new(RunnerExit::CommandNotFound, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreter_is_parsed_from_shebang_line() {
        let check = |start: &[u8], expected: Option<&str>| assert_eq!(interpreter(start).as_deref(), expected);
        check(b"#!/bin/sh\necho", Some("/bin/sh"));
        check(b"#! /usr/bin/env python3\n", Some("/usr/bin/env"));
        check(b"#!/bin/sh\r\n", Some("/bin/sh\r"));
        check(b"\x7fELF", None);
    }
}
