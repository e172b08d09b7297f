use super::super::api_error::ApiError;

/// A token of a DynamoDB expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// An attribute's name, a keyword or a function.
    Word(String),
    /// `#name`
    Name(String),
    /// `:value`
    Value(String),
    /// A comparator, a bracket, a comma, or `+` and `-`.
    Symbol(&'static str),
}

/// Longer ones first.
const SYMBOLS: [&str; 11] = ["<=", ">=", "<>", "<", ">", "=", "(", ")", ",", "+", "-"];

/// Splits an expression into tokens.
///
/// # Errors
/// A character that this endpoint does not know, such as those of nested paths.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ApiError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            let is_marked = matches!(first, '#' | ':');
            let body = &rest[usize::from(is_marked)..];
            let length = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            if length == 0 {
                return Err(ApiError::validation(format!("Invalid expression: unexpected {first:?} in {text:?}")));
            }
            let marked = rest[..length + usize::from(is_marked)].to_owned();
            let length = marked.len();
            match first {
                '#' => (Token::Name(marked), length),
                ':' => (Token::Value(marked), length),
                _ => (Token::Word(marked), length),
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}
