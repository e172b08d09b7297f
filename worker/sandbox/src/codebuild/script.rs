//! One command of a buildspec as a script. Each runs in a shell of its own; what a command changes in its environment
//! and directory is kept for the next by two files, as CodeBuild's own agent does it.
use std::path::Path;

/// The text of the script. `succeeding` is what `CODEBUILD_BUILD_SUCCEEDING` says.
pub(super) fn script(command: &str, announcement: &str, state: &Path, succeeding: bool) -> String {
    let environment = quote_path(&state.join("env.sh"));
    let directory = quote_path(&state.join("dir.txt"));
    // The announcement is printed by the shell itself, so that it stands before the command's first byte.
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

/// A text as one word of a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
