import { loadX509 } from "../../deps.ts";

/** What a master needs to be known by its slaves, as PEM. */
export interface Certificates {
  /** The authority made for this run: slaves trust it, and no other. */
  readonly ca: string;
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
 * @param hosts Names and addresses of the master that slaves connect to.
 * @throws {Error} If the library that makes them cannot be loaded.
 */
export async function makeCertificates(hosts: readonly string[]): Promise<Certificates> {
  const x509 = await loadX509().catch((cause) => {
    throw new Error(
      `Cannot load the library that makes TLS certificates: ${cause.message}. Load it once where there is a network, ` +
        "or set the option tls of the manager to false",
      { cause },
    );
  });
  const validity = {
    // Clocks of cluster nodes differ.
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + VALID_DAYS * DAY_MS),
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
  const names = hosts.map((value) => ({
    type: isAddress(value) ? "ip" as const : "dns" as const,
    value,
  }));
  const cert = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: "02",
    subject: "CN=parallel master",
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    ca: ca.toString("pem"),
    cert: cert.toString("pem"),
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
  };
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** Whether a host is given as an IPv4 or IPv6 address. */
export function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
