//! Who depends on whom. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Direct dependencies by module.
pub type Graph<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// The shortest way from a module to one that `is_goal`, both included; `None` where none leads there. The start itself
/// is no goal.
pub fn path_to<'a>(
    graph: &Graph<'a>,
    start: &'a str,
    is_goal: impl Fn(&str) -> bool,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(module) = queue.pop_front() {
        for next in graph.get(module).into_iter().flatten().copied() {
            if next == start || came_from.contains_key(next) {
                continue;
            }
            came_from.insert(next, module);
            if is_goal(next) {
                let mut path = vec![next];
                let mut at = next;
                while let Some(before) = came_from.get(at) {
                    path.push(before);
                    at = before;
                }
                path.reverse();
                return Some(path);
            }
            queue.push_back(next);
        }
    }
    None
}

/// Every group of modules that wait for each other, as one way around it from its first name back to it.
pub fn cycles<'a>(graph: &Graph<'a>) -> Vec<Vec<&'a str>> {
    // What is left when modules without open dependencies are taken away again and again, from both ends, holds every
    // cycle, and little else.
    let mut left: BTreeSet<&str> = graph.keys().copied().collect();
    loop {
        let depended_on: BTreeSet<&str> =
            left.iter().flat_map(|module| graph.get(module).into_iter().flatten().copied()).collect();
        let waits = |module: &&str| {
            graph.get(module).is_some_and(|depends| depends.iter().any(|next| left.contains(next)))
        };
        let still: BTreeSet<&str> =
            left.iter().copied().filter(|module| waits(module) && depended_on.contains(module)).collect();
        if still.len() == left.len() {
            break;
        }
        left = still;
    }
    let mut cycles: Vec<Vec<&str>> = Vec::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for module in left {
        if told.contains(module) {
            continue;
        }
        if let Some(way) = way_back(graph, module) {
            told.extend(&way);
            cycles.push(way);
        }
    }
    cycles
}

/// The shortest way from a module back to itself.
fn way_back<'a>(graph: &Graph<'a>, module: &'a str) -> Option<Vec<&'a str>> {
    let direct = graph.get(module)?;
    if direct.contains(&module) {
        return Some(vec![module, module]);
    }
    let back = |at: &str| graph.get(at).is_some_and(|depends| depends.contains(&module));
    let mut way = path_to(graph, module, back)?;
    way.push(module);
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &'static str) -> Graph<'static> {
        let mut graph = Graph::new();
        for line in text.split(';') {
            let (module, depends) = line.split_once(':').unwrap();
            graph.insert(module.trim(), depends.split_whitespace().collect());
        }
        graph
    }

    #[test]
    fn the_shortest_way_is_named() {
        let graph = graph("a: b c; b: d; c: e; d: e; e: f");
        assert_eq!(path_to(&graph, "a", |name| name == "e"), Some(vec!["a", "c", "e"]));
        assert_eq!(path_to(&graph, "a", |name| name == "f"), Some(vec!["a", "c", "e", "f"]));
        assert_eq!(path_to(&graph, "d", |name| name == "a"), None);
        assert_eq!(path_to(&graph, "nowhere", |_| true), None);
    }

    #[test]
    fn cycles_are_found_directly_and_through_others() {
        assert_eq!(cycles(&graph("a: b; b: c; c: a; d: a; e: c; f: ")), [["a", "b", "c", "a"]]);
        assert_eq!(cycles(&graph("a: a; b: a")), [["a", "a"]]);
        assert_eq!(cycles(&graph("a: b; b: a; c: d; d: c a")), [["a", "b", "a"], ["c", "d", "c"]]);
        assert!(cycles(&graph("a: b; b: gone; c: a b")).is_empty());
    }

    #[test]
    fn what_lies_between_two_cycles_is_in_none() {
        assert_eq!(cycles(&graph("a: b; b: a m; m: x; x: y; y: x")), [["a", "b", "a"], ["x", "y", "x"]]);
    }

    #[test]
    fn a_long_chain_takes_no_stack() {
        let names: Vec<String> = (0..5000).map(|n| format!("m{n:05}")).collect();
        let mut graph = Graph::new();
        for pair in names.windows(2) {
            graph.insert(&pair[0], vec![&pair[1]]);
        }
        assert_eq!(path_to(&graph, "m00000", |name| name == "m04999").unwrap().len(), 5000);
    }
}
