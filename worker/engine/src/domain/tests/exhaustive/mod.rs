//! Every order in which two workers, two copies of a message, the provider, the forge and the clock can move, with a
//! crash, a lost reply or a late arrival at any effect: a small model, searched to its end, breadth first. States are
//! counted as equal where everything that can follow from them is; see [`fingerprint`].

mod effect_steps;
mod fingerprint;
mod model;
mod transitions;
mod worker_model;

use std::collections::{HashMap, VecDeque};

use model::Model;
use transitions::ModelTransition;

/// Where a state was met first: after which other one, and by which move. For the tale of one that is broken.
struct Predecessor {
    state: u32,
    transition: &'static str,
}

/// All states of a model, and how they follow from each other.
struct StateSpace {
    numbers: HashMap<u64, u32>,
    origins: Vec<Predecessor>,
    /// Transitions without a fault, from and to.
    transitions: Vec<(u32, u32)>,
    final_states: Vec<u32>,
}

impl StateSpace {
    fn explore(model: Model) -> Self {
        let mut space =
            Self { numbers: HashMap::new(), origins: Vec::new(), transitions: Vec::new(), final_states: Vec::new() };
        space.number(&model, Predecessor { state: 0, transition: "a request is published" });
        let mut queue = VecDeque::from([model]);
        let mut number = 0;
        while let Some(model) = queue.pop_front() {
            space.visit(number, model, &mut queue);
            number += 1;
        }
        space
    }

    fn visit(&mut self, number: u32, model: Model, queue: &mut VecDeque<Model>) {
        if let Err(broken) = model.check_invariants() {
            panic!("{broken}\n{}\n{model:#?}", self.trace(number));
        }
        if model.is_over() {
            self.final_states.push(number);
        }
        for ModelTransition { description: what, is_fault, model } in model.transitions() {
            let known = self.origins.len();
            let there = self.number(&model, Predecessor { state: number, transition: what });
            if !is_fault {
                self.transitions.push((number, there));
            }
            if there as usize == known {
                queue.push_back(model);
            }
        }
    }

    fn number(&mut self, model: &Model, origin: Predecessor) -> u32 {
        let fresh = u32::try_from(self.origins.len()).unwrap();
        let number = *self.numbers.entry(fingerprint::fingerprint(model)).or_insert(fresh);
        if number == fresh {
            self.origins.push(origin);
        }
        number
    }

    fn trace(&self, mut number: u32) -> String {
        let mut lines = Vec::new();
        while number > 0 {
            let Predecessor { state: predecessors, transition: by } = &self.origins[number as usize];
            lines.push(*by);
            number = *predecessors;
        }
        lines.reverse();
        lines.join("\n")
    }

    /// A state from which no end can be reached, though nothing goes wrong any more.
    fn dead_end(&self) -> Option<u32> {
        let mut predecessors = vec![Vec::new(); self.origins.len()];
        for (from, to) in &self.transitions {
            predecessors[*to as usize].push(*from);
        }
        let mut ends_well = vec![false; self.origins.len()];
        let mut queue = self.final_states.clone();
        while let Some(number) = queue.pop() {
            if !std::mem::replace(&mut ends_well[number as usize], true) {
                queue.extend(&predecessors[number as usize]);
            }
        }
        ends_well.iter().position(|ends| !ends).map(|number| u32::try_from(number).unwrap())
    }
}

/// One history's share of what goes wrong: `bin/simulate --exhaustive` explores more than these suites have time for.
fn faults() -> u32 {
    std::env::var("DOORBELL_SIM_FAULTS").map_or(1, |faults| faults.parse().unwrap())
}

#[test]
fn every_interleaving_yields_one_build_and_the_correct_status() {
    let faults = faults();
    for knows_policy in [true, false] {
        let space = StateSpace::explore(Model::new(faults, knows_policy));
        let (states, moves, ends) = (space.origins.len(), space.transitions.len(), space.final_states.len());
        let policy = if knows_policy { "known" } else { "not known" };
        println!(
            "faults: {faults}, policy: {policy}, states: {states}, moves that are no fault: {moves}, ends: {ends}"
        );
        assert!(states > 500 && ends > 0, "the search has seen next to nothing");
        if let Some(number) = space.dead_end() {
            panic!("no end can be reached after:\n{}", space.trace(number));
        }
    }
}
