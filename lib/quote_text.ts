/**
 * Shows the user's texts on one line of a message, whatever they contain.
 *
 * @module
 */

import { JSON } from "./own_globals.ts";

/** Characters that break a line, or change how a terminal shows what is around them. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/**
 * Puts a text in quotes, as JSON does.
 *
 * @param maxLength How many of its characters are shown. A longer text loses its middle: the end of a path says most.
 */
export function quoteText(text: string, maxLength: number): string {
  return escapeUnseen(JSON.stringify(leaveOutMiddle(text, maxLength)));
}

/** Puts a text that needs no quotes on one line. */
export function lineOfText(text: string, maxLength: number): string {
  return escapeUnseen(leaveOutMiddle(text, maxLength).toWellFormed());
}

function escapeUnseen(text: string): string {
  return text.replaceAll(
    UNSEEN,
    (each) => "\\u" + each.codePointAt(0)!.toString(16).padStart(4, "0"),
  );
}

/** Shortens a text that is longer than `maxLength` characters by leaving out its middle. */
export function leaveOutMiddle(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const endLength = Math.floor(maxLength / 3);
  const beginning = text.slice(0, maxLength - 1 - endLength);
  const end = text.slice(text.length - endLength);
  // Half of a surrogate pair would be shown as an escape that is not in the text.
  return `${beginning.replace(/[\ud800-\udbff]$/, "")}…${end.replace(/^[\udc00-\udfff]/, "")}`;
}
