/**
 * The live page of a run: listens for viewers, and admits those that know the token.
 *
 * ```text
 * GET …/?token=T              the page
 * GET …/state?token=T&since=N what has changed since state N, as JSON, when there is something new
 * anything without the token  403, and not a word
 * ```
 *
 * @module
 */

import { messageOf } from "../../../message_of.ts";
import { printError } from "../../../print_error.ts";
import { permissionRemedy } from "../../../slave_program.ts";
import { settleWithin } from "../../settle_within.ts";
import type { ManagerEvent } from "../events.ts";
import type { Hub } from "../hub.ts";
import type { ContextSurvey, SurveyedRun } from "../survey.ts";
import { addressLines, systemWhereabouts } from "./addresses.ts";
import type { LiveRun } from "./live_run.ts";

/** Where to listen for viewers. */
export interface DashboardPlace {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

const TOKEN_BYTES = 16;
/** How long viewers may take, at the end, to ask for the last state. */
const FAREWELL_MS = 500;

/** The headers of all answers. */
const HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
};

/** Shows a run to whoever has the address that it prints. */
export class Dashboard implements AsyncDisposable {
  readonly #hub: Hub;
  readonly #token: Token;
  readonly #abort = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #live: Promise<LiveRun>;
  /** Answers that are being sent. None of these promises rejects. */
  readonly #deliveries = new Set<Promise<void>>();

  /**
   * Listens, and prints the address to standard error.
   *
   * @throws {Error} If it cannot listen there, with the remedy.
   */
  constructor(hub: Hub, run: SurveyedRun, place: DashboardPlace) {
    this.#hub = hub;
    this.#server = listen(place, this.#abort.signal, (request, { completed }) => {
      const delivery: Promise<void> = completed.catch(() => {})
        .finally(() => this.#deliveries.delete(delivery));
      this.#deliveries.add(delivery);
      return this.#answer(request);
    });
    this.#token = new Token();
    // The reader of results keeps the script from ending, not the page.
    this.#server.unref();
    this.#live = load(hub, run);
    const { port } = this.#server.addr;
    const address = { host: place.host, port, token: this.#token.text };
    for (const line of addressLines(address, systemWhereabouts())) printError(line);
  }

  /** A context was closed, with this final state. */
  contextClosed(survey: ContextSurvey): void {
    this.#live.then((live) => live.contextClosed(survey));
  }

  /** The run has ended: tells the viewers, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    const live = await this.#live;
    await this.#token.ready;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#farewell(live).then(resolve);
    await settleWithin(this.#hub.clock, promise, FAREWELL_MS, resolve);
    // Not by shutdown(): it waits for silent connections, and nothing can make it faster.
    this.#abort.abort();
    await this.#server.finished;
  }

  /** Waits until the present viewers have the last state. */
  async #farewell(live: LiveRun): Promise<void> {
    await live.end();
    await Promise.all(this.#deliveries);
  }

  async #answer(request: Request): Promise<Response> {
    // With a stranger's header "Host" it may not be a URL.
    const { pathname, searchParams } = URL.parse(request.url) ?? new URL("http://127.0.0.1/");
    if (!await this.#token.is(searchParams.get("token") ?? "")) {
      return new Response("Forbidden\n", { status: 403, headers: HEADERS });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Method not allowed\n", { status: 405, headers: HEADERS });
    }
    const live = await this.#live;
    if (pathname.endsWith("/state")) {
      const text = await live.answer({
        viewer: searchParams.get("viewer") ?? "",
        since: Number(searchParams.get("since") ?? 0),
        isHidden: searchParams.has("hidden"),
      });
      // A stream, because only for a stream does Deno report when it has been sent.
      return new Response(new Blob([text]).stream(), {
        headers: { ...HEADERS, "content-type": "application/json" },
      });
    }
    if (!pathname.endsWith("/")) {
      return new Response("Not found\n", { status: 404, headers: HEADERS });
    }
    const nonce = randomText();
    return new Response(live.page(nonce, randomText()), {
      headers: {
        ...HEADERS,
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": contentPolicy(nonce),
      },
    });
  }
}

/** What the page may do: run its own script and style, ask where it came from, and show an icon that it contains. */
function contentPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** The secret that viewers have to know. */
class Token {
  readonly text = randomText();
  readonly #key = crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
  /** A signature of the token, for comparing. */
  readonly ready = this.#key.then((key) => crypto.subtle.sign("HMAC", key, encode(this.text)));

  /** Whether a text is the token. The time that this takes reveals nothing: `verify` compares in constant time. */
  async is(text: string): Promise<boolean> {
    return await crypto.subtle.verify("HMAC", await this.#key, await this.ready, encode(text));
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function randomText(): string {
  return crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)).toHex();
}

function listen(
  { host, port }: DashboardPlace,
  signal: AbortSignal,
  answer: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname: host, port, signal, onListen() {} }, answer);
  } catch (cause) {
    throw new Error(`Cannot show the page of the option dashboard: ${whyNot(cause, host, port)}`, {
      cause,
    });
  }
}

function whyNot(error: unknown, host: string, port: number): string {
  if (error instanceof Deno.errors.NotCapable) {
    const place = host.includes(":") ? `[${host}]` : host;
    return `the master may not listen on ${host}. ${permissionRemedy(`--allow-net=${place}`)}`;
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return `port ${port} of ${host} is in use by another program. Give the option another port, or none for any that is free`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `port ${port} is for the system alone. Give the option a port from 1024 on, or none for any that is free`;
  }
  return `cannot listen on ${host}, port ${port}: ${
    messageOf(error)
  }. Give the option host a name or an address of this machine`;
}

/** Loads the page's code, so that scripts without a page load none of it. */
async function load(hub: Hub, run: SurveyedRun): Promise<LiveRun> {
  const early: ManagerEvent[] = [];
  using _untilLoaded = hub.subscribe({
    wantsTasks: false,
    wantsFailures: true,
    wantsProgress: true,
    tell: (event) => early.push(event),
  });
  const { LiveRun } = await import("./live_run.ts");
  hub.flush();
  return new LiveRun(hub, run, early);
}
