//! A forge that repeats the token in each part of each answer, encoded in each way: none of it is kept.

use super::*;

/// Characters that encodings write in different ways.
const CANARY: &str = "C4N4RY+of/the=Token&more";
/// What would pass for a commit.
const HEX_CANARY: &str = "c4a4e9a1c4a4e9a2c4a4e9a3c4a4e9a4c4a4e9a5";

/// No part of a canary of this length may be kept.
const PART_BYTES: usize = 6;

#[track_caller]
fn assert_redacted(canary: &str, shown: &str) {
    for part in canary.as_bytes().windows(PART_BYTES).map(|part| std::str::from_utf8(part).unwrap()) {
        assert!(!shown.contains(part), "{part} is in {shown}");
    }
}

/// The canary as servers write it: plain, in JSON, in a URL, in HTML, in base64 at three offsets.
fn encodings() -> Vec<String> {
    let percent: String = CANARY.bytes().map(|b| format!("%{b:02x}")).collect();
    let unicode: String = CANARY.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let html = CANARY.replace('&', "&amp;").replace('+', "&#43;");
    // `token`, `Basic` and `Bearer` of it: printf '%s' "$prefix$canary" | base64.
    let base64 = [
        "QzRONFJZK29mL3RoZT1Ub2tlbiZtb3Jl",
        "OkM0TjRSWStvZi90aGU9VG9rZW4mbW9yZQ==",
        "dTpDNE40Ulkrb2YvdGhlPVRva2VuJm1vcmU=",
    ];
    let mut encodings = vec![CANARY.to_owned(), CANARY.replace('/', "\\/"), percent, unicode, html];
    encodings.extend(base64.map(str::to_owned));
    encodings
}

/// Parts of base64 that a reader could decode.
fn decodable(shown: &str) -> bool {
    [
        "QzRONFJZ", "RONFJZK2", "C4N4RY", "M0TjRSWS", "TjRSWStv", "DNE40Ulk", "NE40Ulkr", "b2tlbiZt", "9rZW4mbW",
        "Rva2VuJm",
    ]
    .iter()
    .any(|part| shown.contains(part))
}

/// The bodies of a hostile forge. `split` are two fields that hold a half each.
fn bodies(text: &str) -> Vec<String> {
    let (start, end) = text.split_at(text.len() / 2 - usize::from(!text.is_char_boundary(text.len() / 2)));
    let padding = "x".repeat(290);
    vec![
        format!(r#"{{"error_code":"{text}"}}"#),
        format!(r#"{{"error":"you sent {text}"}}"#),
        format!(r#"{{"errors":"{text}"}}"#),
        format!(r#"{{"errors":{{"url":["{text}"],"{text}":["x"]}}}}"#),
        format!(r#"{{"error_code":"{start}","error":"{end}"}}"#),
        format!(r#"{{"error":"{end}","errors":"{start}"}}"#),
        format!(r#"{{"error":"{padding}{text}"}}"#),
        format!(r#"{{"error_code":"EDBERROR","error":"{text}@example.org"}}"#),
        format!(r#"{{"message":"{text}","uid":"{text}","flag":{{"comment":"{text}"}}}}"#),
        format!(r#"{{"branches":{{"main":"{text}"}},"tags":{{"v1":"{text}"}},"commit_stop":"{text}"}}"#),
        format!("<html>{text}</html>"),
        text.to_owned(),
    ]
}

/// All that this adapter says of a forge, as rows and logs get it.
async fn everything(client: &Client, forge: &Url, token: &str) -> String {
    let token = SecretString::from(token.to_owned());
    let mut shown = String::new();
    for kind in BOTH {
        shown += &format!("{:?}\n", deliver_with(client, kind, forge, &token).await);
    }
    for git_ref in ["refs/heads/main", "refs/tags/v1", "refs/pull/1/head"] {
        let git_ref = GitRef::parse_full(git_ref).unwrap();
        shown += &format!("{:?}\n", resolve_ref(client, forge, &repository(), &git_ref, Some(&token)).await);
    }
    shown += &format!("{:?}\n", probe_flag_api(client, forge, &repository(), &token).await);
    shown + &format!("{:?}\n", probe_plugin(client, forge, &repository(), &token).await)
}

#[tokio::test]
async fn token_is_in_no_outcome_of_any_response() {
    let client = client();
    for text in encodings() {
        // `&` and the like are legal in JSON; only the quotation mark and the backslash are not, and have escapes here.
        for body in bodies(&text) {
            for code in [200, 302, 400, 401, 403, 404, 500] {
                let url = forge(code, &[("location", CANARY), ("retry-after", CANARY)], body.clone()).await;
                let shown = everything(&client, &url, CANARY).await;
                assert_redacted(CANARY, &shown);
                assert!(!decodable(&shown), "{code} {body}: {shown}");
                assert!(!shown.contains(&text), "{code} {body}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn token_repeated_as_a_commit_is_no_commit() {
    for body in bodies(HEX_CANARY) {
        let shown = everything(&client(), &forge(200, &[], body.clone()).await, HEX_CANARY).await;
        assert_redacted(HEX_CANARY, &shown);
        let shown = everything(&client(), &forge(200, &[], body.to_uppercase()).await, HEX_CANARY).await;
        assert_redacted(&HEX_CANARY.to_uppercase(), &shown);
    }
}

#[tokio::test]
async fn token_in_a_broken_response_is_not_kept() {
    async fn repeating_server(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 4096]).await;
        let text = format!("HTTP/1.1 {CANARY}\r\n{CANARY}: {CANARY}\r\n\r\n{CANARY}");
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
    }
    async fn chunked_server(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 4096]).await;
        let text = format!("HTTP/1.1 500 {CANARY}\r\ntransfer-encoding: chunked\r\n\r\n{CANARY}\r\n");
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
    }
    assert_redacted(CANARY, &everything(&client(), &broken_server(repeating_server).await, CANARY).await);
    assert_redacted(CANARY, &everything(&client(), &broken_server(chunked_server).await, CANARY).await);
}
