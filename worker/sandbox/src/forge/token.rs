use std::collections::BTreeMap;
use std::ffi::OsStr;

use sha2::{Digest, Sha256};

use super::response::PagureError;

/// The repositories for which a token is valid.
#[derive(Debug, Clone, Copy)]
pub enum TokenScope<'a> {
    /// All repositories. On a real Pagure only administrators can create such a token with flag ACLs.
    Any,
    /// Only the repository of this name.
    Repository(&'a str),
}

#[derive(Debug, Clone)]
pub(super) struct ApiToken {
    repository: Option<String>,
    acls: Vec<String>,
    expired: bool,
}

/// The API tokens of one forge.
#[derive(Debug)]
pub(super) struct ApiTokens {
    seed: Vec<u8>,
    created_count: u64,
    tokens: BTreeMap<String, ApiToken>,
    /// The tokens of CI hooks, by repository.
    hooks: BTreeMap<String, String>,
}

impl ApiTokens {
    pub(super) fn new(seed: &OsStr) -> Self {
        Self {
            seed: seed.as_encoded_bytes().to_vec(),
            created_count: 0,
            tokens: BTreeMap::new(),
            hooks: BTreeMap::new(),
        }
    }

    /// Creates a token of 64 characters, as Pagure's. Not secret: derived from the directory of a loopback-only forge.
    pub(super) fn create(&mut self, scope: TokenScope<'_>, acls: &[&str]) -> String {
        let text = self.generate();
        let repository = match scope {
            TokenScope::Any => None,
            TokenScope::Repository(name) => Some(name.to_owned()),
        };
        let token = ApiToken { repository, acls: acls.iter().map(|acl| (*acl).to_owned()).collect(), expired: false };
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Creates a token of 32 characters, as Pagure's.
    pub(super) fn create_for_hook(&mut self, repository: &str) -> String {
        let text = self.generate().split_off(32);
        self.hooks.insert(repository.to_owned(), text.clone());
        text
    }

    /// Checks a hook's token: a repository's hook accepts no other.
    pub(super) fn check_hook(&self, repository: &str, token: &str) -> Result<(), PagureError> {
        match self.hooks.get(repository) {
            Some(own) if own == token => Ok(()),
            _ => Err(PagureError::Token(Some("Invalid token".to_owned()))),
        }
    }

    fn generate(&mut self) -> String {
        self.created_count += 1;
        let digest = Sha256::new().chain_update(&self.seed).chain_update(self.created_count.to_be_bytes()).finalize();
        digest.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    pub(super) fn expire(&mut self, text: &str) {
        if let Some(token) = self.tokens.get_mut(text) {
            token.expired = true;
        }
    }

    pub(super) fn revoke(&mut self, text: &str) {
        self.tokens.remove(text);
    }

    /// Finds the token of an `Authorization` header and checks that it has the ACL.
    pub(super) fn authorise(&self, header: Option<&str>, acl: &str) -> Result<&ApiToken, PagureError> {
        let invalid = || PagureError::Token(Some("Invalid token".to_owned()));
        let token = token_in_header(header).and_then(|text| self.tokens.get(text)).ok_or_else(invalid)?;
        if token.expired {
            return Err(PagureError::Token(Some("Expired token".to_owned())));
        }
        if !token.acls.iter().any(|has| has == acl) {
            return Err(PagureError::Token(Some(format!("Missing ACLs: {acl}"))));
        }
        Ok(token)
    }
}

impl ApiToken {
    /// Checks the repository: another project's token is rejected, without detail.
    pub(super) fn check_repository(&self, name: &str) -> Result<(), PagureError> {
        match &self.repository {
            Some(own) if own != name => Err(PagureError::Token(None)),
            _ => Ok(()),
        }
    }
}

/// The token of an `Authorization` header.
///
/// Pagure searches the lower-case word anywhere in the header and takes the rest, so `Basic token T` works and `Token
/// T` does not.
pub(super) fn token_in_header(header: Option<&str>) -> Option<&str> {
    let (_, text) = header?.split_once("token")?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_after_lowercase_word_anywhere() {
        let check = |header, expected| assert_eq!(token_in_header(Some(header)), expected, "{header}");
        check("token T", Some("T"));
        check("Basic token T", Some("T"));
        check("token  T ", Some("T"));
        check("token: T", Some(": T"));
        check("Token T", None);
        check("TOKEN T", None);
        check("Bearer T", None);
        check("token", None);
        assert_eq!(token_in_header(None), None);
    }
}
