//! The cases, by what they are about.

mod answers;
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
mod redirects;
mod shell;
mod statuses;
mod uploads;
