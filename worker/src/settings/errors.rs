/// Errors of settings, one line each.
pub(super) struct SettingErrors(pub(super) Vec<String>);

impl SettingErrors {
    pub(super) fn read<T>(&mut self, flag: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.0.push(format!(
                    "  {}: invalid value \"{}\": {problem}",
                    flag_and_variable(flag),
                    text.escape_default()
                ));
                None
            }
        }
    }

    /// An error of a variable without a flag. Its value is repeated only where it cannot be a secret.
    pub(super) fn invalid(&mut self, variable: &str, text: Option<&str>, rule: &str) {
        let text = text.map(|text| format!(" \"{}\"", text.escape_default())).unwrap_or_default();
        self.0.push(format!("  {variable}: invalid value{text}: {rule}"));
    }

    pub(super) fn required<T>(
        &mut self,
        flag: &str,
        text: Option<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => self.read(flag, &text, parse),
            None => {
                self.0.push(format!("  {}: missing", flag_and_variable(flag)));
                None
            }
        }
    }

    /// As [`SettingErrors::optional`], for a value that may contain a secret by mistake: the error does not repeat it.
    pub(super) fn optional_unquoted<T>(
        &mut self,
        flag: &str,
        text: Option<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match text.filter(|text| !text.is_empty()).map(|text| parse(&text)) {
            Some(Ok(value)) => Some(Some(value)),
            Some(Err(problem)) => {
                self.0.push(format!("  {}: invalid value: {problem}", flag_and_variable(flag)));
                None
            }
            None => Some(None),
        }
    }

    pub(super) fn optional<T>(
        &mut self,
        flag: &str,
        text: Option<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => self.read(flag, &text, parse).map(Some),
            None => Some(None),
        }
    }
}

/// The flag and its variable, whose name follows from the flag's.
fn flag_and_variable(flag: &str) -> String {
    format!("--{flag} (DOORBELL_{})", flag.replace('-', "_").to_ascii_uppercase())
}
