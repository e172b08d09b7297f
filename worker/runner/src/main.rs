//! The program inside the build container; see the package's README.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(doorbell_runner::run(std::env::args_os().skip(1)))
}
