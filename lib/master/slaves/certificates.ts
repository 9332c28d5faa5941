import { loadX509, type X509 } from "../../deps.ts";
import { runProgram } from "../../launch/command.ts";
import { messageOf } from "../../message_of.ts";
import { Date as OwnDate, JSON } from "../../own_globals.ts";
import { importFlags } from "../permissions.ts";

/** What a master needs so that its slaves can identify it; the certificates and the key as PEM. */
export interface Certificates {
  /** The authority made for this run. */
  readonly ca: string;
  /** The name in the master's own certificate. */
  readonly name: string;
  /** The master's own certificate, signed by the authority. */
  readonly cert: string;
  /** The private key of this certificate. */
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than any run; the keys are gone when the master ends. */
const VALID_DAYS = 365;

/** For a process that makes certificates where this one cannot. */
export interface CertificateProcess {
  /** Program and arguments that start Deno on this machine. */
  readonly deno: readonly string[];
  /** Aborted when the manager closes: then that process is ended. */
  readonly closing: AbortSignal;
}

/** The library may have to be fetched. */
const TIMEOUT_MS = 60_000;

/**
 * Makes certificates for one run. There are two, because a certificate that is its own authority is refused as a server's certificate.
 *
 * @param name The name that slaves ask for. The default is a name that only this run has.
 * @param other Makes them in another process if this one cannot load the library.
 * @throws {Error} If the library that makes them cannot be loaded.
 * @throws The reason of the signal, if the signal is aborted.
 */
export async function makeCertificates(
  name: string = runName(),
  other?: CertificateProcess,
): Promise<Certificates> {
  let x509: X509;
  try {
    x509 = await loadX509();
  } catch (cause) {
    if (other === undefined) throw notLoaded(cause);
    return await makeElsewhere(name, other);
  }
  const nowMs = OwnDate.now();
  // The library checks dates against the present global Date, which a test may have replaced.
  const validity = {
    // Clocks of cluster nodes differ.
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + VALID_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
  const caKeys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: "01",
    name: "CN=parallel run",
    keys: caKeys,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const keys = await newKeys();
  const type = isAddress(name) ? "ip" : "dns";
  const cert = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: "02",
    subject: "CN=parallel master",
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type, value: name }])],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    ca: ca.toString("pem"),
    name,
    cert: cert.toString("pem"),
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
  };
}

/**
 * Makes certificates in a process without a configuration. The script's configuration may keep the library from being loaded: beside a
 * `package.json` Deno takes packages only from `node_modules`, and a lock file may be frozen.
 */
async function makeElsewhere(
  name: string,
  { deno, closing }: CertificateProcess,
): Promise<Certificates> {
  const program = new URL("certificate_program.ts", import.meta.url).href;
  const flags = ["--quiet", "--no-prompt", "--no-config", "--node-modules-dir=none"];
  const words = [...flags, ...importFlags("inherit", [program]), program, name];
  try {
    const { code, stdout, stderr } = await runProgram([...deno, "run", ...words], TIMEOUT_MS, {
      signal: closing,
    });
    if (code !== 0) {
      throw new Error(stderr || `the process that makes them ended with exit code ${code}`);
    }
    return JSON.parse(stdout);
  } catch (cause) {
    closing.throwIfAborted();
    throw notLoaded(cause);
  }
}

function notLoaded(cause: unknown): Error {
  return new Error(
    `Cannot load the library that makes TLS certificates: ${
      messageOf(cause).replace(/\.+$/, "")
    }. ` +
      "Load it once where there is a network, or set the option tls of the manager to false",
    { cause },
  );
}

/**
 * A slave's Deno also trusts the well-known authorities, and one of these may have signed a certificate for the master's true name. They
 * sign none for a name under `.invalid` (RFC 6761).
 */
function runName(): string {
  return `${crypto.getRandomValues(new Uint8Array(16)).toHex()}.invalid`;
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** Whether a host is written as an IPv4 or IPv6 address. */
export function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
