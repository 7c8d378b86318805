//! What an inventory becomes: numbers that stay, rules that are shared, members, and what holds for
//! an interface.

#[cfg(test)]
mod interfaces;
#[cfg(test)]
mod members;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod world;
