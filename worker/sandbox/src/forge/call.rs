use jiff::Timestamp;

/// One received request, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeCall {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `None` while the caller waits, and if it never got a response.
    pub status: Option<u16>,
    /// Whether it had a valid credential for its target on arrival.
    ///
    /// Reads of the API and clones of public repositories need none and are not authorised.
    pub authorised: bool,
    /// When it arrived.
    pub at: Timestamp,
}
