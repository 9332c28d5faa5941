import { loadX509 } from "../../deps.ts";
import { Date as OwnDate } from "../../own_globals.ts";

/** What a master needs to be known by its slaves; the certificates and the key as PEM. */
export interface Certificates {
  /** The authority made for this run. */
  readonly ca: string;
  /** What the master's own certificate is made out to. */
  readonly name: string;
  /** The master's own certificate, signed by the authority. */
  readonly cert: string;
  /** The private key to it. */
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than any run; the keys are gone when the master ends. */
const VALID_DAYS = 365;

/**
 * Makes certificates for one run. Two of them: a certificate that is its own authority is refused as a server's.
 *
 * @param name What a slave asks for. The default is a name that only this run has.
 * @throws {Error} If the library that makes them cannot be loaded.
 */
export async function makeCertificates(name: string = runName()): Promise<Certificates> {
  const x509 = await loadX509().catch((cause) => {
    throw new Error(
      `Cannot load the library that makes TLS certificates: ${cause.message}. Load it once where there is a network, ` +
        "or set the option tls of the manager to false",
      { cause },
    );
  });
  const nowMs = OwnDate.now();
  // The library takes what is a date by the global of this moment, which a test may have replaced.
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
 * A slave's Deno trusts the known authorities beside that of the run, and one of these may have signed a certificate for the
 * master's true name. For a name under `.invalid` (RFC 6761) they sign none.
 */
function runName(): string {
  return `${crypto.getRandomValues(new Uint8Array(16)).toHex()}.invalid`;
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** Whether a host is given as an IPv4 or IPv6 address. */
export function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
