/** The polynomial of CRC-32 with the lowest bit first, as in zlib, gzip and PNG. */
const POLYNOMIAL = 0xedb88320;

/** The checksum of a single byte with 0 to 7 bytes after it. */
const [T0, T1, T2, T3, T4, T5, T6, T7] = makeTables();

/**
 * The CRC-32 of bytes. It detects any error within 32 consecutive bits, such as a single wrong bit.
 *
 * Eight bytes at a time give about 1 GB/s. The one of `node:zlib` is several times as fast, but takes 25 ms to load.
 *
 * @param before Checksum of the bytes before these; 0 if there are none.
 * @returns A whole number from 0 to 2^32 - 1.
 * @see https://www.rfc-editor.org/rfc/rfc1952#section-8
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    crc ^= bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
    crc = T7[crc & 255] ^ T6[crc >>> 8 & 255] ^ T5[crc >>> 16 & 255] ^ T4[crc >>> 24] ^
      T3[bytes[i + 4]] ^ T2[bytes[i + 5]] ^ T1[bytes[i + 6]] ^ T0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = crc >>> 8 ^ T0[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}

/** A checksum as text: eight digits. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

function makeTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  const tables = [first];
  while (tables.length < 8) {
    tables.push(tables[tables.length - 1].map((crc) => crc >>> 8 ^ first[crc & 255]));
  }
  return tables;
}
