/**
 * The assertions of `@std/assert`.
 *
 * The build of @std in the npm registry carries no types; without `assert.d.ts` every assertion
 * would take anything and narrow nothing.
 *
 * @module
 */

// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
