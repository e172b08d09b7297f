use jiff::Timestamp;

/// One request that arrived, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeCall {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `None` while the caller waits, and for ever if it got no answer.
    pub status: Option<u16>,
    /// Whether it carried a credential that was good for it when it arrived. Reads of the API and clones of public
    /// repositories need none and are not authorised.
    pub authorised: bool,
    /// When it arrived.
    pub at: Timestamp,
}
