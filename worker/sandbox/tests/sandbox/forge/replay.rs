use std::path::Path;

use doorbell_sandbox::forge::TokenScope;
use reqwest::Method;
use serde_json::Value;

use super::ForgeFixture;

const MAIN: &str = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba";
const FEATURE: &str = "83e5e471eddde2f19bd4d53b93a8614b388c3e00";
const RECORDED_URL: &str = "http://127.0.0.1:5000";

/// Pairs: a recorded string, and this run's string in its place.
struct Substitutions(Vec<(String, String)>);

impl Substitutions {
    fn to_here(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (recorded, here)| text.replace(recorded, here))
    }

    fn to_recorded(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (recorded, here)| text.replace(here, recorded))
    }
}

#[tokio::test]
async fn forge_reproduces_all_68_recorded_pagure_exchanges() {
    let fixture = ForgeFixture::new().await;
    let substitutions = substitutions(&fixture).await;
    let mut differences = Vec::new();
    let exchanges = exchanges();
    assert_eq!(exchanges.len(), 68);
    for (file, exchange) in exchanges {
        if let Err(difference) = replay(&fixture, &substitutions, &exchange).await {
            differences.push(format!("{file}: {difference}"));
        }
    }
    assert!(differences.is_empty(), "{} exchanges differ:\n{}", differences.len(), differences.join("\n"));
}

/// The pairs for commits, the tokens of `seed.py`, and the URL.
async fn substitutions(fixture: &ForgeFixture) -> Substitutions {
    let acls = ["commit_flag", "pull_request_flag", "pull_request_comment"];
    let (main, feature) =
        (fixture.demo.tip("main").await.unwrap().unwrap(), fixture.demo.tip("feature").await.unwrap().unwrap());
    let expired = fixture.forge.create_token(TokenScope::Any, &["commit_flag", "pull_request_flag"]);
    fixture.forge.expire(&expired);
    let pairs = [
        (RECORDED_URL.to_owned(), fixture.forge.url().to_owned()),
        (MAIN.to_owned(), main.to_string()),
        (FEATURE.to_owned(), feature.to_string()),
        // The abbreviated hash comes after the full one.
        (MAIN[..8].to_owned(), main.as_str()[..8].to_owned()),
        (
            "0EY2D9W77DAEXW4Z0F5ZLD3PZM75HZIUUIOCMPXLUKNPDBG72K0YW06LPINLSLLY".to_owned(),
            fixture.forge.create_token(TokenScope::Repository("demo"), &acls),
        ),
        (
            "KE5BO1R704P1VBLWX25Z2RXKDY41AANJMPN7483DI23A30WXYRKCRMGCGK7MUPRO".to_owned(),
            fixture.forge.create_token(TokenScope::Any, &acls),
        ),
        (
            "FNU5UZBHX5BE7XZYRR6MINGULGKEJX3SOL8MDXI8T6013SASV1POXSZDN86U52TK".to_owned(),
            fixture.forge.create_token(TokenScope::Any, &["issue_create"]),
        ),
        ("1D9N3WOVV68Y10P3PNPB3SXK8UTK3E4GCSQKEWZRXEEBND4A5XROTIU5NCU5JKPZ".to_owned(), expired),
    ];
    Substitutions(pairs.into())
}

fn exchanges() -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pagure/exchanges");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &Path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_name().unwrap().display().to_string(), read(path))).collect()
}

async fn replay(fixture: &ForgeFixture, substitutions: &Substitutions, exchange: &Value) -> Result<(), String> {
    let (recorded, method) = (&exchange["response"], exchange["request"]["method"].as_str().unwrap());
    let response = request(fixture, substitutions, &exchange["request"], method)
        .send()
        .await
        .map_err(|error| format!("{error:?}"))?;
    let same = |what: &str, here: &str, recorded: &str| match here == recorded {
        true => Ok(()),
        false => Err(format!("{what}\n  here:     {here}\n  recorded: {recorded}")),
    };
    same("status", &response.status().as_u16().to_string(), &recorded["status"].to_string())?;
    for (name, value) in recorded["headers"].as_object().unwrap() {
        let here = response.headers().get(name).map_or("missing", |value| value.to_str().unwrap());
        same(name, here, value.as_str().unwrap())?;
    }
    let here = substitutions.to_recorded(&response.text().await.unwrap());
    match &recorded["body"] {
        Value::String(page) => same("page", &here, page),
        document => {
            let (mut here, mut document) = (serde_json::from_str::<Value>(&here).unwrap(), document.clone());
            let has_own_uid =
                exchange["name"].as_str().unwrap().contains("no_uid") || document.get("branch_from").is_some();
            mask(&mut here, has_own_uid);
            mask(&mut document, has_own_uid);
            same("body", &here.to_string(), &document.to_string())
        }
    }
}

fn request(
    fixture: &ForgeFixture,
    substitutions: &Substitutions,
    recorded: &Value,
    method: &str,
) -> reqwest::RequestBuilder {
    let path = substitutions.to_here(recorded["path"].as_str().unwrap());
    let mut request = fixture.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
    for (name, value) in recorded["headers"].as_object().unwrap() {
        request = request.header(name, substitutions.to_here(value.as_str().unwrap()));
    }
    match &recorded["body"] {
        Value::Null => request,
        Value::String(body) => request.body(uncut(body)),
        // The recording contains parsed JSON bodies.
        document => request.body(document.to_string()),
    }
}

/// Restores the one body that was cut in the recording, which states its length: "…ccc...(cut, 4194600 bytes)".
fn uncut(body: &str) -> String {
    let Some((start, note)) = body.split_once("...(cut, ") else { return body.to_owned() };
    let length: usize = note.trim_end_matches(" bytes)").parse().unwrap();
    format!("{start}{}", "c".repeat(length - start.len()))
}

/// Masks only values that differ in every run, and only if they have Pagure's form.
fn mask(value: &mut Value, has_own_uid: bool) {
    let is_date = |text: &str| {
        text.split_once('.').is_some_and(|(seconds, rest)| {
            seconds.len() == 10 && (1..=6).contains(&rest.len()) && (seconds.to_owned() + rest).parse::<u64>().is_ok()
        })
    };
    let is_uid = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter_mut() {
                match (name.as_str(), value.as_str()) {
                    ("date_created" | "date_updated" | "date_modified" | "last_updated" | "updated_on", Some(text))
                        if is_date(text) =>
                    {
                        *value = "(date)".into();
                    }
                    ("uid", Some(text)) if has_own_uid && is_uid(text) => *value = "(uid)".into(),
                    _ => mask(value, has_own_uid),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, has_own_uid)),
        _ => {}
    }
}
