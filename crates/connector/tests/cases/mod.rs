//! The cases, by what they are about.

mod answers;
mod claude;
mod data;
mod files;
mod pages;
mod redirects;
mod statuses;
mod uploads;
