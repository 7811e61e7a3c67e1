#!/usr/bin/env node
import module from "node:module";

// Compiled code is kept from run to run; where its folder cannot be written, the start is a little slower, nothing else.
try {
  module.enableCompileCache();
} catch {
  // Not worth a word.
}

// Loaded after the cache is on, so that it is compiled through it. Not awaited here: chunks may import this module for
// what the bundler put in it, and would wait for ever for a module that waits for them.
void import("./main.ts").then(async ({ start }) => start());
