const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The forms of a secret: itself, hex, and base64 as it stands behind 0, 1 or 2 other bytes.
pub(super) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_vec(), hex.to_ascii_uppercase().into_bytes(), hex.into_bytes()];
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|offset| base64_core(secret, offset, alphabet)));
    }
    // Most forms of a secret are alike in both alphabets.
    forms.sort();
    forms.dedup();
    forms
}

/// The base64 characters that depend on the secret alone, if it follows `offset` other bytes.
fn base64_core(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = |at: usize| -> u8 {
        let byte = secret[at / 8];
        (byte >> (7 - at % 8)) & 1
    };
    // The first character that begins at a bit of the secret, counted from the secret's first bit.
    let first = (6 - offset * 8 % 6) % 6;
    let starts = (first..).step_by(6).take_while(|start| start + 6 <= secret.len() * 8);
    starts
        .map(|start| {
            let index = (start..start + 6).fold(0_u8, |index, at| index << 1 | bits(at));
            alphabet[usize::from(index)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_core_is_part_of_the_encoded_text() {
        // `printf ':::abcdefghij' | base64`, with 0 to 2 colons.
        let check = |offset, encoded: &str, core: &str| {
            assert!(encoded.contains(core), "{encoded} {core}");
            assert_eq!(String::from_utf8(base64_core(b"abcdefghij", offset, STANDARD)).unwrap(), core);
        };
        check(0, "YWJjZGVmZ2hpag==", "YWJjZGVmZ2hpa");
        check(1, "OmFiY2RlZmdoaWo=", "FiY2RlZmdoaW");
        check(2, "OjphYmNkZWZnaGlq", "hYmNkZWZnaGlq");
    }

    #[test]
    fn both_base64_alphabets_are_forms() {
        let forms = forms(&[0xfb, 0xff, 0xbf, 0xfb, 0xff, 0xbf]);
        for form in ["+/+/+/+/", "-_-_-_-_", "fbffbffbffbf", "FBFFBFFBFFBF"] {
            assert!(forms.contains(&form.as_bytes().to_vec()), "{form}");
        }
    }
}
