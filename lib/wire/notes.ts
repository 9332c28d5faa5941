/**
 * Notes: short messages that a process sends although it cannot wait until they are written. A task that computes gives the event loop no
 * turn. So nobody learns how much of a write the socket has taken, and the rest of one may follow the next one.
 *
 * A note stands between two frames. It is ASCII text, a checksum of the text, and end characters; each byte has its highest bit set. End
 * characters pad it to a multiple of {@linkcode NOTE_UNIT_BYTES}. No frame begins with so many such bytes: the sizes of its buffers would
 * not fit into it. If notes get mixed up, all their bytes still arrive, but in another order: torn notes are dropped, and the next frame
 * begins where it should.
 *
 * @module
 */

/** Notes come in units of this size, which is also that of a frame's header. */
export const NOTE_UNIT_BYTES = 12;
const HIGH_BIT = 0x80;
/** The character DEL with the highest bit set. The text of a note never contains it. */
export const NOTE_END = 0xff;
/** Every text of a note begins with a bracket, since it is a list of messages. */
const NOTE_BEGIN = "[".charCodeAt(0) | HIGH_BIT;
/** The longest that a note may be. */
const MAX_NOTE_LENGTH = 16 * 1024;
const CHECKSUM_LENGTH = 8;

/**
 * Makes the bytes of a note.
 *
 * @param json Its text: JSON.
 */
export function encodeNote(json: string): Uint8Array<ArrayBuffer> {
  const ascii = json.replace(/[\x7f-\uffff]/g, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`);
  const text = ascii + checksumOf(ascii);
  const units = Math.ceil((text.length + 1) / NOTE_UNIT_BYTES);
  const bytes = new Uint8Array(units * NOTE_UNIT_BYTES).fill(NOTE_END);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i) | HIGH_BIT;
  return bytes;
}

/** Joins the units of notes. */
export class NoteReader {
  #text = "";
  /** Whether a torn note has come. Then the rest of a note may begin with any byte. */
  #isMixedUp = false;

  /** Whether the bytes are the next unit of a note. Garbage is recognised at once. */
  isNext(bytes: Uint8Array): boolean {
    const [first] = bytes;
    const mayBegin = first === NOTE_BEGIN || first === NOTE_END || this.#isMixedUp ||
      this.#text !== "";
    return mayBegin && bytes.length === NOTE_UNIT_BYTES && bytes.every((byte) => byte >= HIGH_BIT);
  }

  /**
   * Takes the next unit.
   *
   * @returns The text of a note that ends in this unit, without the checksum; nothing if none ends here, or if it is torn.
   */
  take(unit: Uint8Array): string | undefined {
    let whole: string | undefined;
    for (const byte of unit) {
      if (byte !== NOTE_END) {
        this.#text += String.fromCharCode(byte & ~HIGH_BIT);
      } else if (this.#text !== "") {
        const text = this.#text.slice(0, -CHECKSUM_LENGTH);
        if (this.#text === text + checksumOf(text)) whole = text;
        else this.#isMixedUp = true;
        this.#text = "";
      }
    }
    // Nobody sends such a long note: it is not kept.
    if (this.#text.length > MAX_NOTE_LENGTH) {
      this.#text = "";
      this.#isMixedUp = true;
    }
    return whole;
  }
}

/** FNV-1a. Without it, two mixed-up notes could still be valid JSON. */
function checksumOf(ascii: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ascii.length; i++) hash = Math.imul(hash ^ ascii.charCodeAt(i), 0x01000193);
  return hex(hash >>> 0, CHECKSUM_LENGTH);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}
