use doorbell_messages::VariableName;

/// Whether no request may set a variable of this name, even where the project lists it.
///
/// Such a name would change what git, the shell, the loader, an SDK or the runner does.
pub fn is_reserved_variable(name: &VariableName) -> bool {
    const PREFIXES: [&str; 6] = ["DOORBELL_", "CODEBUILD_", "AWS_", "GIT_", "LD_", "BASH_FUNC_"];
    const NAMES: [&str; 6] = ["PATH", "ENV", "BASH_ENV", "IFS", "HOME", "SHELLOPTS"];
    let name = name.as_str().to_ascii_uppercase();
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name.as_str())
}
