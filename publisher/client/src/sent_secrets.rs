use aws_credential_types::Credentials;
use doorbell_messages::text::{error_causes, printable_line};
use doorbell_messages::{MIN_SECRET_BYTES, Redactor};

/// Variables that the AWS SDK reads, each with a part of a credential.
const SECRET_VARIABLES: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// Variables that name a file whose whole content is a token.
const TOKEN_FILE_VARIABLES: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];

/// The AWS CLI's two files: the variable that names one, and where it is without that.
const PROFILE_FILES: [(&str, &str); 2] =
    [("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ("AWS_CONFIG_FILE", ".aws/config")];

/// Keys of these files whose values are parts of a credential, or name a file with a token.
const PROFILE_SECRETS: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
const PROFILE_TOKEN_FILE: &str = "web_identity_token_file";

/// Endings of variables whose URL may hold a user and a password.
const URL_SUFFIXES: [&str; 3] = ["_PROXY", "_URL", "_URI"];

/// The secrets that a publication is made with, and foreign words without them.
///
/// SNS and STS quote a request that they do not accept, session token included; a container's or a proxy's answer may
/// repeat anything. A CI's log may be public, so the key's id goes, too.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentSecrets {
    redactors: Vec<Redactor>,
}

impl SentSecrets {
    /// What the SDK's default chain may send: the secrets of the environment, and of the files that it names.
    pub(crate) fn of_environment() -> Self {
        let mut secrets = Self::default();
        for (name, value) in std::env::vars_os() {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
            if SECRET_VARIABLES.contains(&name) {
                secrets.add(value);
            } else if TOKEN_FILE_VARIABLES.contains(&name) {
                secrets.add_token_file(value);
            } else if URL_SUFFIXES.iter().any(|suffix| name.to_ascii_uppercase().ends_with(suffix)) {
                secrets.add_url(value);
            }
        }
        let home = std::env::var("HOME").unwrap_or_default();
        for (variable, below_home) in PROFILE_FILES {
            let path = std::env::var(variable).unwrap_or_else(|_| format!("{home}/{below_home}"));
            secrets.add_profiles(&std::fs::read_to_string(path).unwrap_or_default());
        }
        secrets
    }

    /// A shorter secret would match ordinary words. AWS's own have 16 bytes and more.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= MIN_SECRET_BYTES {
            self.redactors.push(Redactor::new([secret]));
        }
    }

    pub(crate) fn add_credentials(&mut self, credentials: &Credentials) {
        let parts = [credentials.access_key_id(), credentials.secret_access_key()];
        parts.into_iter().chain(credentials.session_token()).for_each(|part| self.add(part));
    }

    /// A foreign text as one line of printable ASCII. It is redacted before it is cut.
    pub(crate) fn line(&self, text: &str) -> String {
        printable_line(&self.redact(text))
    }

    /// An error and its causes, as one line of printable ASCII.
    pub(crate) fn causes(&self, error: &dyn std::error::Error) -> String {
        self.line(&error_causes(&error.to_string(), error).replace(['\n', '\r'], " "))
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactors.iter().fold(text.to_owned(), |text, redactor| redactor.redact(&text))
    }

    fn add_token_file(&mut self, path: &str) {
        self.add(std::fs::read_to_string(path).unwrap_or_default().trim());
    }

    /// The password of a URL, and the user: some services take a token as the user.
    fn add_url(&mut self, url: &str) {
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((user_info, _)) = authority.rsplit_once('@') else { return };
        self.add(user_info);
        user_info.splitn(2, ':').for_each(|part| self.add(part));
    }

    /// Each profile's: a role's source profile is another one than that which is selected.
    fn add_profiles(&mut self, text: &str) {
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match (key.trim(), value.trim()) {
                (PROFILE_TOKEN_FILE, path) => self.add_token_file(path),
                (key, value) if PROFILE_SECRETS.contains(&key) => self.add(value),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(add: impl Fn(&mut SentSecrets), text: &str, want: &str) {
        let mut secrets = SentSecrets::default();
        add(&mut secrets);
        assert_eq!(secrets.line(text), want);
    }

    #[test]
    fn password_of_a_url_is_redacted() {
        let proxy = "http://builder:pa55word-of-proxy@proxy.example:3128/";
        check(|secrets| secrets.add_url(proxy), "no answer of pa55word-of-proxy", "no answer of [secret]");
        check(|secrets| secrets.add_url("proxy.example:3128"), "proxy.example:3128", "proxy.example:3128");
        check(|secrets| secrets.add_url("https://host/a@bcdefghij/"), "a@bcdefghij", "a@bcdefghij");
    }

    #[test]
    fn keys_of_each_profile_are_redacted() {
        let files =
            "[default]\nrole_arn = arn\nsource_profile=base\n[base]\naws_secret_access_key = 0123456789abcdef\n";
        let add = |secrets: &mut SentSecrets| secrets.add_profiles(files);
        check(add, "it was 0123456789abcdef", "it was [secret]");
        check(add, "source_profile=base", "source_profile=base");
    }

    #[test]
    fn text_is_redacted_before_it_is_cut() {
        let token = "IQoJb3JpZ2luX2VjC4N4RYTOKEN0123456789";
        let mut secrets = SentSecrets::default();
        secrets.add(token);
        let text = format!("{}{token}", "x ".repeat(140));
        assert!(!secrets.line(&text).contains("IQoJb3Jp"), "{}", secrets.line(&text));
    }
}
