use crate::text::invalid;

crate::validated_text!(
    /// A SHA-256 in lower-case hexadecimal, by which a publisher may watch its job.
    ///
    /// The request holds only the hash: who reads the queue or the ledger cannot watch with it.
    WatchHash, validate_watch_hash, "pattern" = r"^[0-9a-f]{64}$"
);

fn validate_watch_hash(text: &str) -> Result<(), String> {
    let valid = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    valid.then_some(()).ok_or_else(|| invalid(text, "a watch hash is 64 hexadecimal digits in lower case"))
}
