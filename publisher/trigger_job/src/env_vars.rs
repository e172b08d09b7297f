use crate::resolution::SourcedValue;

/// The environment's variables. An empty one counts as missing: CIs set variables that do not apply to nothing.
#[derive(Clone, Copy)]
pub(crate) struct EnvVars<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

impl EnvVars<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|text| text.eq_ignore_ascii_case(value))
    }

    pub(crate) fn lookup(&self, name: &'static str) -> Option<SourcedValue> {
        self.get(name).map(|text| SourcedValue::new(text, name))
    }

    /// The first of these that is set.
    pub(crate) fn first(&self, names: &[&'static str]) -> Option<SourcedValue> {
        names.iter().find_map(|name| self.lookup(name))
    }

    /// All of these; nothing if one is missing.
    pub(crate) fn all<const N: usize>(&self, names: [&str; N]) -> Option<Vec<String>> {
        names.iter().map(|name| self.get(name)).collect()
    }
}

impl std::fmt::Debug for EnvVars<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}
