use doorbell_messages::text::invalid;
use doorbell_messages::validated_text;

validated_text!(
    /// The name of an AWS CodeBuild project (`[A-Za-z0-9][A-Za-z0-9_-]{1,254}`, from its API reference).
    BuildProjectName, validate_build_project, "pattern" = r"^[A-Za-z0-9][A-Za-z0-9_-]{1,254}$"
);

fn validate_build_project(text: &str) -> Result<(), String> {
    const RULE: &str = "a CodeBuild project name is 2 to 255 of A-Z a-z 0-9 _ -, and begins with a letter or a digit";
    let good = (2..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    good.then_some(()).ok_or_else(|| invalid(text, RULE))
}
