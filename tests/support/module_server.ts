import type { Certificates } from "../../lib/master/slaves/certificates.ts";

/** What of the project is served: what is published. */
const PUBLISHED = /^\/(mod\.ts|slave\.ts|report\.ts|lib\/[\w/]+\.ts)$/;

/** Serves the project's modules, as a web server of the user's does, until the end of the scope. */
export class ModuleServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** `http` or `https` and the address. */
  readonly origin: string;
  /** Host and port, as permissions name them. */
  readonly host: string;
  /** Paths that were asked for. */
  readonly paths = new Set<string>();

  /**
   * @param modules Other modules by their path. What is asked for below `/to/` is answered by where it is without that.
   * @param certificates For `https`.
   */
  constructor(modules: Readonly<Record<string, string>> = {}, certificates?: Certificates) {
    const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
    const handle = async (request: Request) => await this.#answer(new URL(request.url), modules);
    this.#server = certificates === undefined
      ? Deno.serve(options, handle)
      : Deno.serve({ ...options, cert: certificates.cert, key: certificates.key }, handle);
    this.host = `127.0.0.1:${this.#server.addr.port}`;
    this.origin = `${certificates === undefined ? "http" : "https"}://${this.host}`;
  }

  async #answer({ pathname }: URL, modules: Readonly<Record<string, string>>): Promise<Response> {
    this.paths.add(pathname);
    const headers = { "content-type": "application/typescript" };
    const [, target] = /^\/to(\/.*)/.exec(pathname) ?? [];
    if (target !== undefined) return Response.redirect(this.origin + target, 302);
    if (pathname in modules) return new Response(modules[pathname], { headers });
    if (!PUBLISHED.test(pathname)) return new Response(null, { status: 404 });
    const file = new URL(`../..${pathname}`, import.meta.url);
    return new Response(await Deno.readTextFile(file), { headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
