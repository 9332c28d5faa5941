/**
 * The third-party modules of the master's program. A script may import this project by URL, without an import map: so
 * the full specifiers stand here.
 *
 * They are imported by name when they are first needed. Were the names written into the imports, Deno would fetch the
 * packages for every script, and start 4 ms later.
 *
 * @module
 */

const REFLECT_METADATA = "npm:reflect-metadata@0.2.2";
const X509 = "npm:@peculiar/x509@1.14.0";

/** Makes X.509 certificates. It needs `reflect-metadata` to be there before it. */
export async function loadX509(): Promise<X509> {
  await import(REFLECT_METADATA);
  return await import(X509);
}

/** The part of `@peculiar/x509` that is used here. */
export interface X509 {
  readonly X509CertificateGenerator: {
    createSelfSigned(options: CertificateOptions & { keys: CryptoKeyPair }): Promise<Certificate>;
    create(
      options: CertificateOptions & {
        subject: string;
        issuer: string;
        publicKey: CryptoKey;
        signingKey: CryptoKey;
      },
    ): Promise<Certificate>;
  };
  readonly BasicConstraintsExtension: new (
    ca: boolean,
    pathLength?: number,
    critical?: boolean,
  ) => unknown;
  readonly SubjectAlternativeNameExtension: new (
    names: { type: "dns" | "ip"; value: string }[],
  ) => unknown;
  readonly PemConverter: { encode(data: ArrayBuffer, tag: string): string };
}

interface CertificateOptions {
  readonly serialNumber: string;
  readonly name?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly signingAlgorithm: EcdsaParams & EcKeyGenParams;
  readonly extensions: readonly unknown[];
}

interface Certificate {
  readonly subject: string;
  toString(format: "pem"): string;
}
