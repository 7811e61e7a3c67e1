#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 24 || (major === 24 && minor < 5)) {
  void import("./older-node.ts").then(({ runOnOwnNode }) => runOnOwnNode(import.meta.url));
} else {
  // Compiled code is kept from run to run; where its folder cannot be written, the start is a little slower, nothing else.
  try {
    process.getBuiltinModule("node:module").enableCompileCache();
  } catch {
    // Not worth a word.
  }

  // Loaded after the cache is on, so that it is compiled through it. Not awaited here: chunks may import this module for
  // what the bundler put in it, and would wait for ever for a module that waits for them.
  void import("./main.ts").then(async ({ start }) => start());
}
