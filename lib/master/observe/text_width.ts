/**
 * Characters that take two columns of a terminal, or none.
 *
 * @see https://www.unicode.org/reports/tr11/
 */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u3000-\u30ff\uff01-\uff60]$/u;
const WITHOUT_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const ASCII = /^[\x20-\x7e]*$/;

/** At least as many columns of a terminal as a text takes: an emoji composed of several takes fewer. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const letter of text) {
    if (!WITHOUT_WIDTH.test(letter)) width += WIDE.test(letter) ? 2 : 1;
  }
  return width;
}

/** Cuts a text to a number of columns; if it was wider, it ends with `…`. */
export function clipToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let clipped = "";
  let width = 1;
  for (const letter of text) {
    width += textWidth(letter);
    if (width > columns) break;
    clipped += letter;
  }
  return `${clipped.trimEnd()}…`;
}
