/** An element of a {@linkcode LinkedList}. Only the list writes. */
export interface Link<Element> {
  readonly element: Element;
  previous: Link<Element> | undefined;
  /** Stays when the element is taken out: whoever has just come to it goes on from there. */
  next: Link<Element> | undefined;
  /** Whether it was taken out. */
  isOut: boolean;
}

/**
 * Elements in order, each of which can be taken out in constant time, also while somebody goes through them. In an array all elements
 * behind it are moved. A `Set` keeps its place, which whoever looks for the first element passes over: for 100,000 that takes 2 s.
 */
export class LinkedList<Element> {
  /** How many elements there are. Only this class writes. */
  length = 0;
  #first: Link<Element> | undefined;
  #last: Link<Element> | undefined;

  /** Adds an element at the end. Returns what it can be taken out by. */
  push(element: Element): Link<Element> {
    const link = { element, previous: this.#last, next: undefined, isOut: false };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.length++;
    return link;
  }

  /** Takes an element out, unless that was done before. */
  remove(link: Link<Element>): void {
    if (link.isOut) return;
    link.isOut = true;
    const { previous, next } = link;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    this.length--;
  }

  /** Takes all elements out, in order. */
  takeAll(): Element[] {
    const all: Element[] = [];
    for (let link = this.#first; link !== undefined; link = link.next) {
      all.push(link.element);
      this.remove(link);
    }
    return all;
  }

  /** All elements, in order, which stay. Those that are taken out before their turn are left out. */
  *[Symbol.iterator](): Generator<Element> {
    for (let link = this.#first; link !== undefined; link = link.next) {
      if (!link.isOut) yield link.element;
    }
  }
}
