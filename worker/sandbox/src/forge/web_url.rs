//! The flag URLs that Pagure accepts, derived from its pattern: stricter on hosts than a browser.
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether Pagure accepts this as a flag's URL.
pub(super) fn is_accepted(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    if !["http", "https", "ftp", "git"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return false;
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    is_authority(authority) && is_tail(tail)
}

fn is_authority(text: &str) -> bool {
    let address = match text.rsplit_once('@') {
        Some((user, address)) if !user.is_empty() && user.chars().all(is_userinfo) => address,
        Some(_) => return false,
        None => text,
    };
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(host, port)| host.parse::<Ipv6Addr>().is_ok() && is_port_part(port));
    }
    let (host, port) = address.split_at(address.find(':').unwrap_or(address.len()));
    is_port_part(port) && (host.eq_ignore_ascii_case("localhost") || is_ipv4(host) || is_domain(host))
}

/// Nothing, or a colon and two to five digits.
fn is_port_part(text: &str) -> bool {
    let digits = text.strip_prefix(':');
    text.is_empty()
        || digits.is_some_and(|digits| (2..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A unicast address that is neither a network's nor a broadcast address.
fn is_ipv4(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok_and(|ip| {
        let [first, _, _, last] = ip.octets();
        (1..=223).contains(&first) && (1..=254).contains(&last)
    })
}

/// Labels of letters and digits with single hyphens inside; the last one has two letters or more.
fn is_domain(host: &str) -> bool {
    let Some((labels, top)) = host.rsplit_once('.') else { return false };
    let is_letter = |c: char| c.is_ascii_alphabetic() || is_foreign(c);
    let is_label = |label: &str| {
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| is_letter(c) || c.is_ascii_digit());
        label.split('-').all(is_word)
    };
    top.chars().count() >= 2 && top.chars().all(is_letter) && labels.split('.').all(is_label)
}

fn is_tail(text: &str) -> bool {
    let (path, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    path.chars().all(|c| is_userinfo(c) || matches!(c, '/' | '@')) && !rest.contains(char::is_whitespace)
}

fn is_userinfo(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_foreign(c) || "-._~%!$&'()*+,;=:".contains(c)
}

fn is_foreign(c: char) -> bool {
    ('\u{a1}'..='\u{ffff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::is_accepted;

    #[test]
    fn flag_urls_are_validated_as_pagure_does() {
        let check = |text, expected| assert_eq!(is_accepted(text), expected, "{text}");
        check("https://eu-central-1.console.aws.amazon.com/codesuite/p%3Aaaaa/?region=eu-central-1#x", true);
        check("HTTP://example.org", true);
        check("http://127.0.0.1:8080/build/1", true);
        check("http://localhost/x", true);
        check("http://[::1]:8080/x", true);
        check("http://user:word@example.org/", true);
        check("http://127.0.0.0/", false);
        check("http://240.0.0.1/", false);
        check("http://emulator:8080/", false);
        check("http://example.org:1/", false);
        check("http://a--b.example.org/", false);
        check("http://example.org/a b", false);
        check("arn:aws:codebuild:eu-central-1:1:build/p:1", false);
        check("not a url", false);
        check("ssh://example.org/", false);
        check("https://", false);
    }
}
