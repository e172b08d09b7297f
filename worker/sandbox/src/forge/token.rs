use std::collections::BTreeMap;
use std::ffi::OsStr;

use sha2::{Digest, Sha256};

use super::answer::Refusal;

/// Where a token is good.
#[derive(Debug, Clone, Copy)]
pub enum TokenScope<'a> {
    /// Everywhere. On a real Pagure only its administrators can make such a token with flag ACLs.
    Any,
    /// In the repository of this name alone.
    Repository(&'a str),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    repository: Option<String>,
    acls: Vec<String>,
    expired: bool,
}

/// The API tokens of one forge.
#[derive(Debug)]
pub(super) struct Tokens {
    seed: Vec<u8>,
    made: u64,
    known: BTreeMap<String, Token>,
    /// Of the CI hooks, by repository.
    hooks: BTreeMap<String, String>,
}

impl Tokens {
    pub(super) fn new(seed: &OsStr) -> Self {
        Self { seed: seed.as_encoded_bytes().to_vec(), made: 0, known: BTreeMap::new(), hooks: BTreeMap::new() }
    }

    /// 64 characters, as Pagure's are. Not secret: derived from the forge's folder, good on a loopback forge only.
    pub(super) fn create(&mut self, scope: TokenScope<'_>, acls: &[&str]) -> String {
        let text = self.fresh_text();
        let repository = match scope {
            TokenScope::Any => None,
            TokenScope::Repository(name) => Some(name.to_owned()),
        };
        let token = Token { repository, acls: acls.iter().map(|acl| (*acl).to_owned()).collect(), expired: false };
        self.known.insert(text.clone(), token);
        text
    }

    /// 32 characters, as Pagure's are.
    pub(super) fn create_for_hook(&mut self, repository: &str) -> String {
        let text = self.fresh_text().split_off(32);
        self.hooks.insert(repository.to_owned(), text.clone());
        text
    }

    /// A repository's hook takes this token and no other.
    pub(super) fn check_hook(&self, repository: &str, token: &str) -> Result<(), Refusal> {
        match self.hooks.get(repository) {
            Some(own) if own == token => Ok(()),
            _ => Err(Refusal::Token(Some("Invalid token".to_owned()))),
        }
    }

    fn fresh_text(&mut self) -> String {
        self.made += 1;
        let digest = Sha256::new().chain_update(&self.seed).chain_update(self.made.to_be_bytes()).finalize();
        digest.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    pub(super) fn expire(&mut self, text: &str) {
        if let Some(token) = self.known.get_mut(text) {
            token.expired = true;
        }
    }

    pub(super) fn revoke(&mut self, text: &str) {
        self.known.remove(text);
    }

    /// Finds the token of an `Authorization` header and checks that it has the ACL.
    pub(super) fn authorise(&self, header: Option<&str>, acl: &str) -> Result<&Token, Refusal> {
        let invalid = || Refusal::Token(Some("Invalid token".to_owned()));
        let token = presented(header).and_then(|text| self.known.get(text)).ok_or_else(invalid)?;
        if token.expired {
            return Err(Refusal::Token(Some("Expired token".to_owned())));
        }
        if !token.acls.iter().any(|has| has == acl) {
            return Err(Refusal::Token(Some(format!("Missing ACLs: {acl}"))));
        }
        Ok(token)
    }
}

impl Token {
    /// A project's token is refused elsewhere, and without a detail.
    pub(super) fn check_repository(&self, name: &str) -> Result<(), Refusal> {
        match &self.repository {
            Some(own) if own != name => Err(Refusal::Token(None)),
            _ => Ok(()),
        }
    }
}

/// Pagure looks for the lower-case word anywhere in the header and takes what follows, so `Basic token T` works and
/// `Token T` does not.
pub(super) fn presented(header: Option<&str>) -> Option<&str> {
    let (_, text) = header?.split_once("token")?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_token_is_looked_for_in_lower_case_and_anywhere() {
        let check = |header, expected| assert_eq!(presented(Some(header)), expected, "{header}");
        check("token T", Some("T"));
        check("Basic token T", Some("T"));
        check("token  T ", Some("T"));
        check("token: T", Some(": T"));
        check("Token T", None);
        check("TOKEN T", None);
        check("Bearer T", None);
        check("token", None);
        assert_eq!(presented(None), None);
    }
}
