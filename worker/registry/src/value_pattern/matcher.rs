use super::parser::{CharSet, Node};

/// A pattern's states. All that a value may be in are followed at once, so that nothing is ever tried twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program(Vec<Instruction>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Instruction {
    /// Takes one character and goes on with the next instruction.
    Take(CharSet),
    /// Goes on with both.
    Split(usize, usize),
    /// Goes on there.
    Jump(usize),
    /// The value matches if it ends here.
    End,
}

/// With a value's 4,096 bytes, four million steps at most: some ten milliseconds.
const MAX_INSTRUCTIONS: usize = 1000;

impl Program {
    pub(super) fn compile(node: &Node) -> Result<Self, String> {
        let mut program = Self(Vec::new());
        program.emit(node)?;
        program.push(Instruction::End)?;
        Ok(program)
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let (mut current, mut next) = (States::new(self.0.len()), States::new(self.0.len()));
        self.enter(0, &mut current);
        for c in value.chars() {
            for &at in &current.list {
                if matches!(&self.0[at], Instruction::Take(set) if set.contains(c)) {
                    self.enter(at + 1, &mut next);
                }
            }
            std::mem::swap(&mut current, &mut next);
            next.clear();
            if current.list.is_empty() {
                return false;
            }
        }
        current.list.iter().any(|&at| self.0[at] == Instruction::End)
    }

    /// Adds a state and all that it goes on with at once.
    fn enter(&self, at: usize, states: &mut States) {
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            if states.insert(at) {
                match &self.0[at] {
                    Instruction::Split(first, second) => open.extend([*first, *second]),
                    Instruction::Jump(to) => open.push(*to),
                    Instruction::Take(_) | Instruction::End => {}
                }
            }
        }
    }

    fn push(&mut self, instruction: Instruction) -> Result<usize, String> {
        if self.0.len() >= MAX_INSTRUCTIONS {
            return Err(format!(
                "the pattern is too large: its repetitions amount to more than {MAX_INSTRUCTIONS} states"
            ));
        }
        self.0.push(instruction);
        Ok(self.0.len() - 1)
    }

    fn emit(&mut self, node: &Node) -> Result<(), String> {
        match node {
            Node::Set(set) => self.push(Instruction::Take(set.clone())).map(drop),
            Node::Sequence(parts) => parts.iter().try_for_each(|part| self.emit(part)),
            Node::Either(parts) => self.emit_either(parts),
            Node::Repeat { node, min, max } => {
                (0..*min).try_for_each(|_| self.emit(node))?;
                match max {
                    None => self.emit_loop(node),
                    Some(max) => self.emit_optional(node, max - min),
                }
            }
        }
    }

    fn emit_either(&mut self, parts: &[Node]) -> Result<(), String> {
        let Some((last, others)) = parts.split_last() else { return Ok(()) };
        let mut jumps = Vec::new();
        for part in others {
            let split = self.push(Instruction::Split(self.0.len() + 1, 0))?;
            self.emit(part)?;
            jumps.push(self.push(Instruction::Jump(0))?);
            self.0[split] = Instruction::Split(split + 1, self.0.len());
        }
        self.emit(last)?;
        let end = self.0.len();
        jumps.into_iter().for_each(|jump| self.0[jump] = Instruction::Jump(end));
        Ok(())
    }

    fn emit_loop(&mut self, node: &Node) -> Result<(), String> {
        let split = self.push(Instruction::Split(self.0.len() + 1, 0))?;
        self.emit(node)?;
        self.push(Instruction::Jump(split))?;
        self.0[split] = Instruction::Split(split + 1, self.0.len());
        Ok(())
    }

    /// Up to `count` more: each may be the last.
    fn emit_optional(&mut self, node: &Node, count: u32) -> Result<(), String> {
        let mut splits = Vec::new();
        for _ in 0..count {
            splits.push(self.push(Instruction::Split(self.0.len() + 1, 0))?);
            self.emit(node)?;
        }
        let end = self.0.len();
        splits.into_iter().for_each(|split| self.0[split] = Instruction::Split(split + 1, end));
        Ok(())
    }
}

/// A set of states that is listed and cleared without a pass over all of them.
struct States {
    list: Vec<usize>,
    is_in: Vec<bool>,
}

impl States {
    fn new(count: usize) -> Self {
        Self { list: Vec::new(), is_in: vec![false; count] }
    }

    /// Whether it was new.
    fn insert(&mut self, state: usize) -> bool {
        let is_new = !std::mem::replace(&mut self.is_in[state], true);
        if is_new {
            self.list.push(state);
        }
        is_new
    }

    fn clear(&mut self) {
        self.list.drain(..).for_each(|state| self.is_in[state] = false);
    }
}
