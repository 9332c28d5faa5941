import { isUncloneable } from "./uncloneable.ts";
import type { Parts, PartsWriter } from "./value_type.ts";
import { findType, isPlain } from "./value_types.ts";

/** Finds out whether values can be sent. Looks at each object once, however many of the values contain it. */
export class SendableCheck {
  readonly #verdicts = new Map<object, boolean>();

  /** Whether a value can be sent, with all that it contains. */
  isSendable(value: unknown): boolean {
    if (typeof value === "function" || typeof value === "symbol") return false;
    if (typeof value !== "object" || value === null) return true;
    if (!this.#verdicts.has(value)) this.#explore(value);
    return this.#verdicts.get(value)!;
  }

  /** Visits all objects that can be reached and have no verdict yet, and then goes back from those that cannot be sent. */
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

/** Given to a row while its object is looked at. Parts that the row may leave out do not matter here. */
const droppingAll: PartsWriter = {
  addBuffer(): void {},
  addBytes(): void {},
  giveNumber(): void {},
  isSendable: () => false,
  refuse(what: string): never {
    throw new Error(what);
  },
};

/** @returns What an object contains; nothing if the object itself cannot be sent or read. */
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
    // This reads getters, as the encoder does.
    return Object.values(object);
  } catch {
    // A getter threw, or the row refused.
    return undefined;
  }
}
