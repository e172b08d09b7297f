use crate::text::invalid;
use crate::validated_text;

validated_text!(
    /// A relative path in the checkout, without `..`. The default is the checkout's top.
    DeployDir, validate_directory, "minLength" = 1, "maxLength" = 1024, "not" = serde_json::json!({ "pattern": r"(^/|(^|/)\.\.(/|$))" })
);

impl Default for DeployDir {
    fn default() -> Self {
        Self::checkout_root()
    }
}

impl DeployDir {
    /// The root of the checkout.
    pub fn checkout_root() -> Self {
        Self(".".to_owned())
    }
}

fn validate_directory(text: &str) -> Result<(), String> {
    let inside = !text.starts_with('/') && text.split('/').all(|part| part != "..");
    if text.is_empty() || !inside || text.contains('\0') || text.len() > 1024 {
        return Err(invalid(text, "a relative path inside the checkout, without \"..\""));
    }
    Ok(())
}
