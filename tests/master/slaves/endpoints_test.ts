import { assertEquals, assertThrows } from "@std/assert";
import {
  type Endpoint,
  Endpoints,
  type EndpointsOwner,
} from "../../../lib/master/slaves/endpoints.ts";
import { asSettings } from "../../../lib/master/settings.ts";
import { importSecret, newSecret } from "../../../lib/wire/handshake.ts";
import { freePort } from "../../support/free_port.ts";

const HOST = "127.0.0.1";

/** Endpoints at a chosen port, for slaves on this machine until a test says otherwise. */
class Harbour implements EndpointsOwner {
  readonly port = freePort();
  readonly opened: [port: number, isRemote: boolean][] = [];
  readonly endpoints: Endpoints;
  hasRemoteSlaves = false;
  moves = 0;

  constructor() {
    const settings = asSettings({ host: HOST, port: this.port, tls: false });
    this.endpoints = new Endpoints(settings, importSecret(newSecret()), this);
  }

  masterFlags(): undefined {}

  admit(): undefined {}

  endpointOpened({ port }: Endpoint, isRemote: boolean): void {
    this.opened.push([port, isRemote]);
  }

  endpointMoved(): void {
    this.moves++;
  }

  warn(): void {}

  /** Listens at the chosen port, as a stranger. */
  listen(): Deno.TcpListener {
    return Deno.listen({ hostname: HOST, port: this.port });
  }
}

Deno.test("Endpoints: when they are disposed their ports are free", async () => {
  const harbour = new Harbour();
  assertEquals((await harbour.endpoints.local()).port, harbour.port);
  assertThrows(() => harbour.listen(), Deno.errors.AddrInUse);
  await harbour.endpoints[Symbol.asyncDispose]();
  harbour.listen().close();
  assertEquals(harbour.moves, 0);
});

Deno.test("Endpoints: the chosen port goes to other machines as soon as there are some, and slaves of this one are told", async () => {
  const harbour = new Harbour();
  const { endpoints, port } = harbour;
  await using _ = endpoints;
  await endpoints.local();
  harbour.hasRemoteSlaves = true;
  assertEquals((await endpoints.remote()).port, port);
  assertEquals(harbour.moves, 1);
  const { port: other } = await endpoints.local();
  assertEquals(harbour.opened, [[port, false], [port, true], [other, false]]);
});
