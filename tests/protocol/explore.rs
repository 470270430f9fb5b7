//! The explorer: breadth first through every interleaving, each world once.
//!
//! Promises that a world in which something is broken is found by a shortest trace, and
//! that without one every reachable world has been looked at.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use super::form::canonical;
use super::machine::newcomer_gets_past;
use super::scenario::{Broken, Scenario};
use super::steps::{Step, next};
use super::world::{IDS, World};

/// A broken promise and how it came to it.
#[derive(Debug)]
pub struct Counterexample {
    /// What is broken.
    pub broken: Broken,
    /// The steps, in words.
    pub trace: Vec<String>,
}

/// Every reachable world.
pub struct Explored {
    scenario: Scenario,
    worlds: Vec<World>,
    /// Where each world was first reached from.
    parents: Vec<u32>,
    /// The steps that need no trouble.
    ordinary: Vec<(u32, u32)>,
    /// What has happened on the way to them.
    happened: BTreeSet<&'static str>,
}

type Index = HashMap<World, u32, BuildHasherDefault<Mixer>>;

/// Goes everywhere, unless something is found broken on the way.
pub fn explore(scenario: Scenario) -> Result<Explored, Counterexample> {
    let started = Instant::now();
    let mut explored = Explored {
        scenario,
        worlds: Vec::new(),
        parents: Vec::new(),
        ordinary: Vec::new(),
        happened: BTreeSet::new(),
    };
    let mut index = Index::default();
    explored.visit(&mut index, canonical(World::new(&scenario), &scenario).0, 0);
    let mut at = 0;
    while let Some(world) = explored.worlds.get(at).copied() {
        let parent = number(at);
        for (step, mut reached) in next(&world, &scenario) {
            reached.broken = reached.broken.filter(|broken| scenario.never.contains(broken));
            explored.happened.insert(step.what);
            let known = explored.worlds.len();
            let place = explored.visit(&mut index, canonical(reached, &scenario).0, parent);
            if !step.is_trouble {
                explored.ordinary.push((place, parent));
            }
            if index_of(place) < known {
                continue;
            }
            if let Some(broken) = reached.check(&scenario) {
                let trace = explored.trace(place);
                println!("{}: {broken:?} after {} steps, {known} worlds", scenario.name, trace.len());
                return Err(Counterexample { broken, trace });
            }
        }
        at += 1;
    }
    println!("{}: {} worlds in {:.1?}", scenario.name, explored.worlds.len(), started.elapsed());
    Ok(explored)
}

impl Explored {
    /// Whether this step was taken anywhere.
    pub fn happened(&self, step: &str) -> bool {
        self.happened.contains(step)
    }

    /// The place of a world, which is new or not.
    fn visit(&mut self, index: &mut Index, world: World, parent: u32) -> u32 {
        match index.entry(world) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let new = number(self.worlds.len());
                place.insert(new);
                self.worlds.push(world);
                self.parents.push(parent);
                new
            }
        }
    }

    /// A world from which not everybody can come to an end without any further trouble,
    /// and how it came to that.
    pub fn stuck(&self) -> Option<Vec<String>> {
        let mut is_good: Vec<bool> = self.worlds.iter().map(World::is_over).collect();
        let mut good: Vec<u32> = places().zip(&is_good).filter(|(_, is)| **is).map(|(at, _)| at).collect();
        let before = Reversed::new(&self.ordinary, self.worlds.len());
        while let Some(at) = good.pop() {
            for &parent in before.of(at) {
                let is_known = &mut is_good[index_of(parent)];
                if !std::mem::replace(is_known, true) {
                    good.push(parent);
                }
            }
        }
        let bad = is_good.iter().position(|is| !is)?;
        Some(self.trace(number(bad)))
    }

    /// A world at its end in which a newcomer would be kept out for ever.
    pub fn blocked_for_ever(&self) -> Option<Vec<String>> {
        let keeps_out =
            |world: &World| world.is_over() && !newcomer_gets_past(world.item, self.scenario.lease);
        let at = self.worlds.iter().position(keeps_out)?;
        Some(self.trace(number(at)))
    }

    /// The way to a world, with one name for each task from its beginning to its end.
    fn trace(&self, place: u32) -> Vec<String> {
        let mut way = vec![place];
        while let Some(&last) = way.last().filter(|last| **last != 0) {
            way.push(self.parents[index_of(last)]);
        }
        way.reverse();
        let mut names = IDS;
        let mut lines = Vec::new();
        for pair in way.windows(2) {
            let (from, to) = (&self.worlds[index_of(pair[0])], &self.worlds[index_of(pair[1])]);
            let steps = next(from, &self.scenario).into_iter();
            let taken = steps
                .map(|(step, world)| (step, canonical(world, &self.scenario)))
                .find(|(_, (world, _))| world == to);
            let (step, (_, order)) = taken.expect("the world was reached by a step");
            lines.push(told(step, names, from));
            names = order.map(|old| names[usize::from(old)]);
        }
        lines
    }
}

/// A step in words.
fn told(step: Step, names: [u8; 3], world: &World) -> String {
    let Some(by) = step.by else { return step.what.to_owned() };
    let script = if world.task(by).is_script() { " (init.sh)" } else { "" };
    let space = if step.what.starts_with('\'') { "" } else { " " };
    format!("{}{script}{space}{}", char::from(b'A' + names[usize::from(by)]), step.what)
}

/// Edges by where they lead to.
struct Reversed {
    starts: Vec<u32>,
    parents: Vec<u32>,
}

impl Reversed {
    fn new(edges: &[(u32, u32)], worlds: usize) -> Self {
        let mut starts = vec![0; worlds + 1];
        for (to, _) in edges {
            starts[index_of(*to) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut free = starts.clone();
        let mut parents = vec![0; edges.len()];
        for (to, from) in edges {
            let place = &mut free[index_of(*to)];
            parents[index_of(*place)] = *from;
            *place += 1;
        }
        Self { starts, parents }
    }

    fn of(&self, at: u32) -> &[u32] {
        let at = index_of(at);
        &self.parents[index_of(self.starts[at])..index_of(self.starts[at + 1])]
    }
}

fn places() -> impl Iterator<Item = u32> {
    0..
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("the worlds can be counted")
}

fn index_of(number: u32) -> usize {
    usize::try_from(number).expect("a number of a world fits")
}

/// A hash that is fast without optimisation; nobody here attacks it.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
