use serde_json::Value;

use super::super::api_error::ApiError;
use super::Bindings;
use super::condition::{Comparator, Condition, Operand};
use super::lexer::{Token, tokens};
use super::update::{Assigned, UpdateExpression};

/// A recursive-descent parser of one expression.
#[derive(Debug)]
pub(in super::super) struct ExpressionParser<'a> {
    tokens: Vec<Token>,
    next: usize,
    bindings: &'a Bindings,
}

impl<'a> ExpressionParser<'a> {
    /// Parses a condition or key condition expression.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(in super::super) fn condition(text: &str, bindings: &'a Bindings) -> Result<Condition, ApiError> {
        let mut parser = Self { tokens: tokens(text)?, next: 0, bindings };
        let condition = parser.or()?;
        parser.end()?;
        Ok(condition)
    }

    /// Parses an update expression.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(in super::super) fn update(text: &str, bindings: &'a Bindings) -> Result<UpdateExpression, ApiError> {
        let mut parser = Self { tokens: tokens(text)?, next: 0, bindings };
        let mut update = UpdateExpression::default();
        while parser.next < parser.tokens.len() {
            parser.clause(&mut update)?;
        }
        Ok(update)
    }

    fn clause(&mut self, update: &mut UpdateExpression) -> Result<(), ApiError> {
        let clause = self.word()?.to_ascii_uppercase();
        loop {
            let name = self.path()?;
            match clause.as_str() {
                "SET" => {
                    self.expect("=")?;
                    let assigned = self.assigned()?;
                    update.set.push((name, assigned));
                }
                "REMOVE" => update.remove.push(name),
                "ADD" => update.add.push((name, self.value()?)),
                "DELETE" => update.delete.push((name, self.value()?)),
                _ => return Err(self.unexpected()),
            }
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    fn assigned(&mut self) -> Result<Assigned, ApiError> {
        let left = self.assigned_operand()?;
        for (symbol, sign) in [("+", 1), ("-", -1)] {
            if self.take(symbol) {
                return Ok(Assigned::Sum(Box::new(left), Box::new(self.assigned_operand()?), sign));
            }
        }
        Ok(left)
    }

    fn assigned_operand(&mut self) -> Result<Assigned, ApiError> {
        if self.take_function("if_not_exists") {
            let name = self.path()?;
            self.expect(",")?;
            let other = self.assigned()?;
            self.expect(")")?;
            return Ok(Assigned::IfNotExists(name, Box::new(other)));
        }
        match self.peek() {
            Some(Token::Value(_)) => Ok(Assigned::Value(self.value()?)),
            _ => Ok(Assigned::Attribute(self.path()?)),
        }
    }

    fn or(&mut self) -> Result<Condition, ApiError> {
        let mut condition = self.and()?;
        while self.take_keyword("OR") {
            condition = Condition::Or(Box::new(condition), Box::new(self.and()?));
        }
        Ok(condition)
    }

    fn and(&mut self) -> Result<Condition, ApiError> {
        let mut condition = self.not()?;
        while self.take_keyword("AND") {
            condition = Condition::And(Box::new(condition), Box::new(self.not()?));
        }
        Ok(condition)
    }

    fn not(&mut self) -> Result<Condition, ApiError> {
        if self.take_keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.not()?)));
        }
        if self.take("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Condition, ApiError> {
        for (function, make) in [
            ("attribute_exists", Condition::Exists as fn(String) -> Condition),
            ("attribute_not_exists", Condition::NotExists),
        ] {
            if self.take_function(function) {
                let name = self.path()?;
                self.expect(")")?;
                return Ok(make(name));
            }
        }
        for (function, make) in [
            ("begins_with", Condition::BeginsWith as fn(Operand, Operand) -> Condition),
            ("contains", Condition::Contains),
        ] {
            if self.take_function(function) {
                let whole = self.operand()?;
                self.expect(",")?;
                let part = self.operand()?;
                self.expect(")")?;
                return Ok(make(whole, part));
            }
        }
        let left = self.operand()?;
        if self.take_keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.take_keyword("AND") {
                return Err(self.unexpected());
            }
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.take_keyword("IN") {
            self.expect("(")?;
            let mut list = vec![self.operand()?];
            while self.take(",") {
                list.push(self.operand()?);
            }
            self.expect(")")?;
            return Ok(Condition::In(left, list));
        }
        match self.advance() {
            Some(Token::Symbol(symbol)) if let Some(comparator) = Comparator::parse(symbol) => {
                Ok(Condition::Compare(left, comparator, self.operand()?))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn operand(&mut self) -> Result<Operand, ApiError> {
        if self.take_function("size") {
            let name = self.path()?;
            self.expect(")")?;
            return Ok(Operand::Size(name));
        }
        match self.peek() {
            Some(Token::Value(_)) => Ok(Operand::Value(self.value()?)),
            _ => Ok(Operand::Attribute(self.path()?)),
        }
    }

    /// An attribute of the top level, by its name or by a `#name`.
    fn path(&mut self) -> Result<String, ApiError> {
        match self.advance() {
            Some(Token::Word(name)) => Ok(name),
            Some(Token::Name(name)) => match self.bindings.names.get(&name) {
                Some(bound) => Ok(bound.clone()),
                None => Err(ApiError::validation(format!("An expression attribute name is not defined: {name}"))),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn value(&mut self) -> Result<Value, ApiError> {
        match self.advance() {
            Some(Token::Value(name)) => match self.bindings.values.get(&name) {
                Some(bound) => Ok(bound.clone()),
                None => Err(ApiError::validation(format!("An expression attribute value is not defined: {name}"))),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self) -> Result<String, ApiError> {
        match self.advance() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(self.unexpected()),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn advance(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(is_next);
        is_next
    }

    /// A function's name and its opening bracket. An attribute may have the same name.
    fn take_function(&mut self, function: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(word)) if word == function)
            && self.tokens.get(self.next + 1) == Some(&Token::Symbol("("));
        self.next += 2 * usize::from(is_next);
        is_next
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ApiError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn end(&self) -> Result<(), ApiError> {
        if self.next == self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> ApiError {
        ApiError::validation(format!("Invalid expression: token {} of {:?} is unexpected", self.next, self.tokens))
    }
}
