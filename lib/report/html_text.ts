const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A text as it stands in HTML, between tags or in the quotes of an attribute. What XML cannot hold is replaced. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (each) => ENTITIES[each])
    // deno-lint-ignore no-control-regex -- that is what is looked for
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "\ufffd");
}
