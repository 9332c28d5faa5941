/**
 * Finds the names and addresses at which slaves on other machines reach the master.
 *
 * @module
 */

import { messageOf } from "../../message_of.ts";
import { isAddress } from "./certificates.ts";

/** Where to listen, and what to tell slaves. */
export interface MasterAddress {
  /** Address to bind the listener to. */
  readonly bind: string;
  /** Names and addresses for slaves to try, in this order. */
  readonly hosts: readonly string[];
}

/** What a machine knows about itself. */
export interface OwnNetwork {
  readonly hostName: string;
  /** The addresses of its real network interfaces, IPv4 before IPv6. */
  readonly addresses: readonly string[];
}

/** More addresses would only delay slaves for which none is right. */
const MAX_ADDRESSES = 6;

/**
 * Finds the addresses at which other machines reach this one.
 *
 * A host name is passed on together with its address, for slaves that cannot resolve it. A name that means only this machine itself, like
 * Debian's `127.0.1.1`, is not passed on: the address of a network interface is used instead. If no host was chosen, and this machine has
 * other addresses as well, the master listens on all, and slaves try one after another: on a machine with two networks the host name may
 * belong to the one that slaves do not see.
 *
 * @param host Name or address that the user chose; by default this machine's host name.
 * @param own What the machine knows about itself.
 * @throws {Error} If the name does not resolve, or no interface has an address.
 */
export function findMasterAddress(
  host: string | undefined,
  own: OwnNetwork = findOwnNetwork(),
): MasterAddress {
  const chosen = findChosenAddress(host ?? own.hostName, own);
  if (host !== undefined) return chosen;
  const bind = chosen.bind.includes(":") ? "::" : "0.0.0.0";
  const others = own.addresses.filter((address) =>
    address.includes(":") === bind.includes(":") && !chosen.hosts.includes(address)
  );
  const mayListen = Deno.permissions.querySync({ name: "net", host: asNetHost(bind) }).state;
  if (others.length === 0 || mayListen !== "granted") return chosen;
  return { bind, hosts: [...chosen.hosts, ...others].slice(0, MAX_ADDRESSES) };
}

function findChosenAddress(host: string, own: OwnNetwork): MasterAddress {
  if (isAnyAddress(host)) return { bind: host, hosts: [own.hostName, ...own.addresses] };
  if (isAddress(host)) return { bind: host, hosts: [host] };
  const address = resolve(host);
  if (!isLoopback(address)) return { bind: address, hosts: [host, address] };
  if (host.toLowerCase() === "localhost") return { bind: address, hosts: [address] };
  const [first] = own.addresses;
  if (first === undefined) {
    throw new Error(
      `the host name ${host} means only this machine itself (${address}), and no network interface has an address`,
    );
  }
  return { bind: first, hosts: [first] };
}

/** Writes an address as permissions do. */
function asNetHost(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Resolves a name by listening at it: this asks the system's resolver, which knows `/etc/hosts` as well. */
function resolve(host: string): string {
  try {
    using listener = Deno.listen({ hostname: host, port: 0 });
    return listener.addr.hostname;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const reason = messageOf(cause);
    throw new Error(`the host name ${host} is not one of this machine: ${reason}`, { cause });
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** Whether an address stands for all interfaces: one can listen on it, but not connect to it. */
function isAnyAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function findOwnNetwork(): OwnNetwork {
  return {
    get hostName() {
      return Deno.hostname();
    },
    get addresses() {
      return ownAddresses();
    },
  };
}

/** The addresses of real network interfaces, IPv4 before IPv6. */
export function ownAddresses(): string[] {
  const interfaces = Deno.networkInterfaces().filter(({ address }) =>
    !isLoopback(address) && !/^(fe80|169\.254\.)/i.test(address)
  );
  return interfaces.sort((a, b) => a.family.localeCompare(b.family)).map(({ address }) => address);
}
