#!/usr/bin/env node
import module from "node:module";

// Compiled code is kept from run to run; where its folder cannot be written, the start is a little slower, nothing else.
try {
  module.enableCompileCache();
} catch {
  // Not worth a word.
}

// After the cache is on, so that what is loaded now is compiled through it.
const { start } = await import("./main.ts");
await start();
