import { isUncloneable } from "./uncloneable.ts";
import type { Parts, PartsWriter } from "./value_type.ts";
import { findType, isPlain } from "./value_types.ts";

/** Finds out whether values can be sent. Looks at each object once, however many of the values hold it. */
export class SendableCheck {
  readonly #verdicts = new Map<object, boolean>();

  /** Whether a value, with all that it holds, can be sent. */
  isSendable(value: unknown): boolean {
    if (typeof value === "function" || typeof value === "symbol") return false;
    if (typeof value !== "object" || value === null) return true;
    if (!this.#verdicts.has(value)) this.#explore(value);
    return this.#verdicts.get(value)!;
  }

  /** Goes through all that can be reached and has no verdict yet, and then back from what cannot be sent. */
  #explore(root: object): void {
    const holders = new Map<object, object[]>([[root, []]]);
    const refused = new Set<object>();
    // What is added to a Map while it is iterated is visited as well.
    for (const object of holders.keys()) {
      const contents = contentsOf(object);
      if (contents === undefined) refused.add(object);
      for (const content of contents ?? []) {
        if (typeof content !== "object" || content === null) {
          if (!this.isSendable(content)) refused.add(object);
        } else if (holders.has(content)) {
          holders.get(content)!.push(object);
        } else if (!this.#verdicts.has(content)) {
          holders.set(content, [object]);
        } else if (!this.#verdicts.get(content)) {
          refused.add(object);
        }
      }
    }
    for (const object of refused) {
      for (const holder of holders.get(object)!) refused.add(holder);
    }
    for (const object of holders.keys()) this.#verdicts.set(object, !refused.has(object));
  }
}

/** What a row is given while its object is looked at. Parts that it may leave out do not matter here. */
const droppingAll: PartsWriter = {
  addBuffer(): void {},
  addBytes(): void {},
  giveNumber(): void {},
  isSendable: () => false,
  refuse(what: string): never {
    throw new Error(what);
  },
};

/** @returns What an object holds; nothing if it cannot be sent or read itself. */
function contentsOf(object: object): readonly unknown[] | undefined {
  try {
    if (!Array.isArray(object) && !isPlain(object)) {
      const type = findType(object);
      if (type !== undefined) {
        const parts: Parts = [];
        type.encode(object, parts, droppingAll);
        return parts;
      }
      if (isUncloneable(object)) return undefined;
    }
    // Reads getters, as the encoder does.
    return Object.values(object);
  } catch {
    // A getter threw, or the row refused.
    return undefined;
  }
}
