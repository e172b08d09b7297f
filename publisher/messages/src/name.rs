use crate::text::invalid;

/// Declares a string type that is validated when it is made.
///
/// After the validating function may come one that takes out what the string must not keep, and then keywords of its JSON Schema: as much of the rule as a schema can state. The
/// calling package has a feature `schema`, as this one does.
#[macro_export]
macro_rules! validated_text {
    ($(#[$meta:meta])* $name:ident, $check:path $(=> $strip:path)? $(, $keyword:literal = $schema:expr)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        $(#[cfg_attr(feature = "schema", schemars(extend($keyword = $schema)))])*
        pub struct $name(String);

        impl $name {
            /// The string itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                $check(&text)?;
                $(let text = $strip(text);)?
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

validated_text!(
    /// 1 to 63 of `A-Z a-z 0-9 . _ -`, without `..`; begins with a letter or digit.
    ///
    /// It becomes the last part of an SSM parameter's name.
    ProjectName, validate_project, "pattern" = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
    "not" = serde_json::json!({ "pattern": r"\.\." })
);
validated_text!(
    /// The publisher's own name for one request: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    RequestId, validate_id, "pattern" = r"^[A-Za-z0-9._-]{1,64}$"
);
validated_text!(
    /// The name of a variable that a request may set, if the project allows that name.
    VariableName, validate_variable, "pattern" = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
);
fn validate_project(text: &str) -> Result<(), String> {
    const RULE: &str =
        "a project name: 1 to 63 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit, without \"..\"";
    let good = !text.is_empty()
        && text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !text.contains("..");
    good.then_some(()).ok_or_else(|| invalid(text, RULE))
}

fn validate_id(text: &str) -> Result<(), String> {
    const RULE: &str = "1 to 64 of A-Z a-z 0-9 . _ -";
    let good =
        !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    good.then_some(()).ok_or_else(|| invalid(text, RULE))
}

fn validate_variable(text: &str) -> Result<(), String> {
    const RULE: &str = "a variable name: 1 to 128 of A-Z a-z 0-9 _, not beginning with a digit";
    let good = !text.is_empty()
        && text.len() <= 128
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    good.then_some(()).ok_or_else(|| invalid(text, RULE))
}
