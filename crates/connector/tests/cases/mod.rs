//! The cases, by what they are about.

mod answers;
mod bad_answers;
mod certificates;
mod claude;
mod credentials;
mod data;
mod descriptors;
mod files;
mod http;
mod openapi;
mod pages;
mod processes;
mod prompts;
mod redirects;
mod shell;
mod statuses;
mod uploads;
