import type { TempFolder } from "./temp_folder.ts";

/** A package registry that accepts whoever connects and never answers, as behind some firewalls. */
export class SilentRegistry implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  /** Resolves when somebody connects, or when the registry ends. */
  readonly asked: Promise<"asked" | "not asked">;

  constructor() {
    this.asked = this.#accept();
  }

  /** What the environment of a program has to have that asks this registry, and has no packages yet. */
  env(folder: TempFolder): Record<string, string> {
    const { port } = this.#listener.addr as Deno.NetAddr;
    return {
      NPM_CONFIG_REGISTRY: `http://127.0.0.1:${port}`,
      DENO_DIR: folder.file("cache"),
      DENO_NO_UPDATE_CHECK: "1",
    };
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }

  async #accept(): Promise<"asked" | "not asked"> {
    try {
      this.#connections.push(await this.#listener.accept());
      return "asked";
    } catch (error) {
      if (error instanceof Deno.errors.BadResource) return "not asked";
      throw error;
    }
  }
}
