const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes a text for HTML, to stand between tags or within the quotes of an attribute. Characters that XML does not allow are replaced. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (each) => ENTITIES[each])
    // deno-lint-ignore no-control-regex -- that is what is looked for
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "\ufffd");
}
