//! The pages in a real browser.

#[cfg(test)]
mod attacks;
#[cfg(test)]
#[path = "../support/browser.rs"]
mod browser;
#[cfg(test)]
mod house;
#[cfg(test)]
#[cfg(test)]
mod seen;
