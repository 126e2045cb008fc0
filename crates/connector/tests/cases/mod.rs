//! The cases, by what they are about.

mod answers;
mod claude;
mod data;
mod descriptors;
mod files;
mod http;
mod pages;
mod processes;
mod redirects;
mod shell;
mod statuses;
mod uploads;
