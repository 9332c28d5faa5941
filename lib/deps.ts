/**
 * The third-party modules of the master's program. A script may import this project by URL, without an import map, so the specifiers are
 * complete.
 *
 * They are imported when they are first needed, by names in variables. If the import statements had the names, Deno would fetch the
 * packages for every script, and start 4 ms later.
 *
 * @module
 */

const REFLECT_METADATA = "npm:reflect-metadata@0.2.2";
const X509 = "npm:@peculiar/x509@1.14.0";

/** Makes X.509 certificates. `reflect-metadata` must be loaded before it. */
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

/** What the command line needs; all modules of it come at once. */
export const STD = "npm:deno-std@1.4.0";

/** Reads the words of a command line: `@std/cli/parse-args`. */
export async function loadParseArgs(): Promise<ParseArgs> {
  return (await import(`${STD}/cli/parse_args.js`)).parseArgs;
}

/** Counts the letters in which two words differ: `@std/text/levenshtein-distance`. */
export async function loadDistance(): Promise<(word: string, other: string) => number> {
  return (await import(`${STD}/text/levenshtein_distance.js`)).levenshteinDistance;
}

/** Reads comma-separated values: `@std/csv/parse`. */
export async function loadParseCsv(): Promise<(text: string) => string[][]> {
  return (await import(`${STD}/csv/parse.js`)).parse;
}

/** The part of `parseArgs` that is used here: options that are switches, and options that have a text as their value. */
export type ParseArgs = (words: readonly string[], options: {
  readonly boolean: readonly string[];
  readonly string: readonly string[];
  readonly alias: Readonly<Record<string, string>>;
  readonly unknown: (word: string, name?: string) => boolean;
}) => Readonly<Record<string, unknown>>;
