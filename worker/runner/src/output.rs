use std::io::Read;

/// The beginning of what a process wrote. The rest was read and thrown away: a process that can't write waits
/// forever, and a server can send more than there is memory.
#[derive(Debug)]
pub(crate) struct CapturedOutput {
    /// Invalid UTF-8 is replaced.
    pub(crate) text: String,
}

/// git's answers that we read are one line each; its errors are a few.
const MAX_CAPTURED_BYTES: u64 = 64 * 1024;

impl CapturedOutput {
    /// Reads to the end. The process's exit code, not this function, shows an early end.
    pub(crate) fn read(mut pipe: impl Read) -> Self {
        let mut kept = Vec::new();
        let _ = pipe.by_ref().take(MAX_CAPTURED_BYTES).read_to_end(&mut kept);
        let dropped = std::io::copy(&mut pipe, &mut std::io::sink()).unwrap_or(0);
        if dropped > 0 {
            // Half a line could be half a secret, which nothing would redact.
            kept.truncate(kept.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        }
        Self { text: String::from_utf8_lossy(&kept).into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_output_is_truncated_at_a_line_end() {
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let output = CapturedOutput::read(line.repeat(10_000).as_slice());
        assert!(output.text.len() <= 64 * 1024);
        assert!(output.text.ends_with("x\n"));
        assert_eq!(CapturedOutput::read(b"y".repeat(100_000).as_slice()).text, "");
        assert_eq!(CapturedOutput::read(b"short".as_slice()).text, "short");
    }
}
