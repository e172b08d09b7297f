/// The MD5 digest that SQS returns for a body, in hexadecimal. AWS's SDK for JavaScript checks it.
pub(super) fn hex_digest(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
