/**
 * Texts of the user on one line of a message, whatever they hold.
 *
 * @module
 */

import { JSON } from "./own_globals.ts";

/** Characters that break a line, or change how a terminal shows what is around them. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/**
 * Puts a text in quotes, as JSON does.
 *
 * @param maxLength How many of its characters are shown. Of a longer one the middle is left out: a path tells most at its end.
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

/** Shortens a text: of one that is longer than `maxLength` characters the middle is left out. */
export function leaveOutMiddle(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const endLength = Math.floor(maxLength / 3);
  const beginning = text.slice(0, maxLength - 1 - endLength);
  const end = text.slice(text.length - endLength);
  // No half of a pair stays: it would be shown as an escape that the text does not have.
  return `${beginning.replace(/[\ud800-\udbff]$/, "")}…${end.replace(/^[\udc00-\udfff]/, "")}`;
}
