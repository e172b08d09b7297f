//! One command of a buildspec as a shell script.
//!
//! Each command runs in a shell of its own. Two files carry its changes of environment and directory to the next one,
//! as CodeBuild's own agent does it.
//! and directory is kept for the next by two files, as CodeBuild's own agent does it.
use std::path::Path;

/// The script. `succeeding` is the value of `CODEBUILD_BUILD_SUCCEEDING`.
pub(super) fn script(command: &str, announcement: &str, state: &Path, succeeding: bool) -> String {
    let environment = quote_path(&state.join("env.sh"));
    let directory = quote_path(&state.join("dir.txt"));
    // The shell itself prints the announcement, so that it precedes the command's first byte.
    format!(
        "if [ -f {environment} ]; then . {environment}; fi\n\
         cd \"$(cat {directory})\" || exit\n\
         export CODEBUILD_BUILD_SUCCEEDING={succeeding}\n\
         printf %s {announcement}\n\
         {command}\n\
         CODEBUILD_LAST_EXIT=$?\n\
         export -p > {environment}\n\
         pwd > {directory}\n\
         exit $CODEBUILD_LAST_EXIT\n",
        succeeding = u8::from(succeeding),
        announcement = quote(announcement),
    )
}

fn quote_path(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// A string as one word of a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
