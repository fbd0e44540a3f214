//! What `gather` does, tried with the real binary on real files and sockets. One file for each command or fear.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is how a failure is said")]

#[macro_use]
mod support;

mod bad_input;
mod bad_pages;
mod bad_servers;
mod cookies;
mod crawl;
mod crawl_pages;
mod crawl_polite;
mod crawl_refresh;
mod crawl_rules;
mod crawl_sitemaps;
mod crawl_store;
mod crawl_store_trouble;
mod demo;
mod every;
mod fetch;
mod help;
mod input_lists;
mod links;
mod misbehaviours;
mod netrc;
mod output;
mod output_dir;
mod proxy;
mod query;
mod read;
mod readme;
mod recipe_command;
mod recipes;
mod request_options;
mod retries;
mod robots;
mod scrape;
mod serve;
mod sitemap;
mod stopping;
mod summary;
mod tables;
mod tls;
mod width;
