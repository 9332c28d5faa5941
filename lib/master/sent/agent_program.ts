import type { ModuleGraph } from "./module_graph.ts";
import { unreadable } from "./unreadable.ts";

/**
 * Writes the program of an agent for a machine that has none of our files: one line that contains all modules. It lays them beside itself,
 * and starts.
 *
 * @param graph The modules of the slave's program.
 * @param program URL of that program.
 * @throws {Error} If one of its files cannot be read, naming the file.
 */
export async function agentProgram({ modules }: ModuleGraph, program: string): Promise<string> {
  const root = new URL(".", program).href;
  const sources: Record<string, string> = {};
  for (const { url, file } of modules) {
    if (file === undefined) throw unreadable(url, "Deno does not tell in which file it is");
    try {
      sources[url.slice(root.length)] = await Deno.readTextFile(file);
    } catch (cause) {
      throw unreadable(file, cause);
    }
  }
  const text = (await gzip(JSON.stringify(sources))).toBase64();
  return [
    // Only with functions that a too old Deno has as well: it must get as far as saying that it is too old.
    `const packed = Uint8Array.from(atob("${text}"), (c) => c.charCodeAt(0))`,
    `const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))`,
    `const folder = new URL("program/", import.meta.url)`,
    `for (const [path, source] of Object.entries(await new Response(unpacked).json())) { ` +
    `const file = new URL(path, folder); ` +
    `Deno.mkdirSync(new URL(".", file), { recursive: true }); Deno.writeTextFileSync(file, source) }`,
    `await (await import(new URL("lib/slave/main.ts", folder))).runSlave(Deno.args)`,
  ].join("; ");
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
