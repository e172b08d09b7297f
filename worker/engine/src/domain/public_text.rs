//! Words that leave to people without rights in the owner's account.

/// What stands in place of a resource's name, which holds the account's id and often the name of a role.
const RESOURCE: &str = "(resource)";

/// What stands in place of an account's id.
const ACCOUNT: &str = "(account)";

/// The digits of an account's id.
const ACCOUNT_DIGITS: usize = 12;

/// A text for a forge's page, a job's page or a done event: without resource names, account ids and markup.
///
/// Providers name roles and resources when they deny a call. The owner's row and log keep those words; a reader of a
/// commit's page must not learn them. Characters of markup are replaced, since a branch name may be `<img/src=x>`: a
/// forge that fails to escape a text would run it in its readers' browsers.
pub fn public_text(text: &str) -> String {
    let words = text.split_inclusive(|c: char| c.is_whitespace());
    words.map(|word| replace_markup(&replace_accounts(&replace_resource(word)))).collect()
}

/// The word without the resource name in it: `arn:`, and all up to the next character that ends one.
fn replace_resource(word: &str) -> String {
    const START: &str = "arn:";
    // Its own parts: a service, a region, an account, and paths or patterns.
    let is_part = |c: char| c.is_alphanumeric() || ":/_+=.@-*?$~#%{}".contains(c);
    let lower = word.to_ascii_lowercase();
    let Some(start) = lower.find(START) else { return word.to_owned() };
    let rest = &word[start..];
    let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    // The full stop or colon behind a name belongs to the sentence.
    let punctuation = &name[name.trim_end_matches(['.', ':', '?']).len()..];
    format!("{}{RESOURCE}{punctuation}{}", &word[..start], replace_resource(after))
}

/// The word without its runs of exactly as many digits as an account's id has.
fn replace_accounts(word: &str) -> String {
    let mut output = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let from_digits = &rest[start..];
        let before = &word[..word.len() - from_digits.len()];
        let end = from_digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(from_digits.len());
        let (digits, after) = from_digits.split_at(end);
        output.push_str(&rest[..start]);
        output.push_str(if is_account(before, digits, after) { ACCOUNT } else { digits });
        rest = after;
    }
    output + rest
}

/// A commit may hold so many digits between its letters, and a job's key, which ends in a message's id, as the last
/// group of a UUID; an account's id stands alone.
fn is_account(before: &str, digits: &str, after: &str) -> bool {
    let is_free = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    let stands_alone = is_free(before.chars().next_back()) && is_free(after.chars().next());
    digits.len() == ACCOUNT_DIGITS && stands_alone && !ends_with_uuid_groups(before)
}

/// Whether the text ends with all groups of a UUID but the last one.
fn ends_with_uuid_groups(text: &str) -> bool {
    let is_group =
        |group: &str, digits: usize| group.len() == digits && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups: Vec<&str> = text.rsplitn(5, '-').collect();
    let ["", fourth, third, second, rest] = groups.as_slice() else { return false };
    // Other words may stand before the first group, as in a job's key.
    let first = rest.len().checked_sub(8).and_then(|start| rest.get(start..)).unwrap_or_default();
    [fourth, third, second].into_iter().all(|group| is_group(group, 4)) && is_group(first, 8)
}

fn replace_markup(word: &str) -> String {
    word.chars().map(|c| if matches!(c, '<' | '>' | '&' | '"' | '`' | '[' | ']') { '_' } else { c }).collect()
}
