//! Every order in which two workers, two copies of a message, the provider, the forge and the clock can move, with a
//! crash, a lost reply or a late arrival at any effect: a small world, searched to its end, breadth first. States are
//! counted as equal where everything that can follow from them is; see [`mark`].

mod effects;
mod hand;
mod mark;
mod moves;
mod world;

use std::collections::{HashMap, VecDeque};

use moves::Move;
use world::World;

/// Where a state was met first: after which other one, and by which move. For the tale of one that is broken.
struct Origin {
    before: u32,
    by: &'static str,
}

/// All states of a world, and how they follow from each other.
struct Search {
    numbers: HashMap<u64, u32>,
    origins: Vec<Origin>,
    /// Moves that are nobody's fault, from and to.
    moves: Vec<(u32, u32)>,
    ends: Vec<u32>,
}

impl Search {
    fn of(world: World) -> Self {
        let mut search = Self { numbers: HashMap::new(), origins: Vec::new(), moves: Vec::new(), ends: Vec::new() };
        search.number(&world, Origin { before: 0, by: "a request is published" });
        let mut open = VecDeque::from([world]);
        let mut number = 0;
        while let Some(world) = open.pop_front() {
            search.look_at(number, world, &mut open);
            number += 1;
        }
        search
    }

    fn look_at(&mut self, number: u32, world: World, open: &mut VecDeque<World>) {
        if let Err(broken) = world.holds() {
            panic!("{broken}\n{}\n{world:#?}", self.tale(number));
        }
        if world.is_over() {
            self.ends.push(number);
        }
        for Move { what, is_fault, world } in world.moves() {
            let known = self.origins.len();
            let there = self.number(&world, Origin { before: number, by: what });
            if !is_fault {
                self.moves.push((number, there));
            }
            if there as usize == known {
                open.push_back(world);
            }
        }
    }

    fn number(&mut self, world: &World, origin: Origin) -> u32 {
        let fresh = u32::try_from(self.origins.len()).unwrap();
        let number = *self.numbers.entry(mark::of(world)).or_insert(fresh);
        if number == fresh {
            self.origins.push(origin);
        }
        number
    }

    fn tale(&self, mut number: u32) -> String {
        let mut lines = Vec::new();
        while number > 0 {
            let Origin { before, by } = &self.origins[number as usize];
            lines.push(*by);
            number = *before;
        }
        lines.reverse();
        lines.join("\n")
    }

    /// A state from which no end can be reached, though nothing goes wrong any more.
    fn stranded(&self) -> Option<u32> {
        let mut before = vec![Vec::new(); self.origins.len()];
        for (from, to) in &self.moves {
            before[*to as usize].push(*from);
        }
        let mut ends_well = vec![false; self.origins.len()];
        let mut open = self.ends.clone();
        while let Some(number) = open.pop() {
            if !std::mem::replace(&mut ends_well[number as usize], true) {
                open.extend(&before[number as usize]);
            }
        }
        ends_well.iter().position(|ends| !ends).map(|number| u32::try_from(number).unwrap())
    }
}

/// One history's share of what goes wrong: `bin/simulate --exhaustive` looks at more than these suites have time for.
fn faults() -> u32 {
    std::env::var("DOORBELL_SIM_FAULTS").map_or(1, |faults| faults.parse().unwrap())
}

#[test]
fn two_workers_two_copies_and_a_fault_at_any_effect_make_one_build_and_its_true_flag() {
    let faults = faults();
    for knows_policy in [true, false] {
        let search = Search::of(World::new(faults, knows_policy));
        let (states, moves, ends) = (search.origins.len(), search.moves.len(), search.ends.len());
        let policy = if knows_policy { "known" } else { "not known" };
        println!(
            "faults: {faults}, policy: {policy}, states: {states}, moves that are no fault: {moves}, ends: {ends}"
        );
        assert!(states > 500 && ends > 0, "the search has seen next to nothing");
        if let Some(number) = search.stranded() {
            panic!("no end can be reached after:\n{}", search.tale(number));
        }
    }
}
