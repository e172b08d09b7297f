//! The route of Doorbell's plugin, as a real Pagure with the plugin behaves (`publisher/pagure/tests/pagure` tests it).
use serde_json::{Value, json};

use super::api::{ApiCall, check_public, fields, store_flag};
use super::flag_form::{FlagForm, FlagTarget};
use super::response::PagureError;
use super::state::ForgeStore;

/// Stores the flag. The order of checks is the plugin's: repository, token, commit, uid, form.
pub(super) async fn store_plugin_flag(store: &ForgeStore, name: &str, call: &ApiCall) -> Result<Value, PagureError> {
    check_public(store, name)?;
    let fields = fields(call).await?;
    let get = |field| fields.get(field).unwrap_or_default();
    store.read(|state| state.tokens.check_hook(name, get("token")))?;
    let commit = get("commit");
    if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(PagureError::NoCommit);
    }
    let uid = get("uid");
    if !(1..=32).contains(&uid.len()) || !uid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(PagureError::Form(vec![("uid", "1 to 32 letters and digits.")]));
    }
    let form = FlagForm::read(&fields, FlagTarget::Commit)?;
    let stored = store_flag(store, name, commit, form);
    // Only fields that the caller has sent: no e-mail address.
    let flag = json!({ "commit_hash": commit, "status": stored["flag"]["status"] });
    Ok(json!({ "message": stored["message"], "uid": stored["uid"], "flag": flag }))
}
