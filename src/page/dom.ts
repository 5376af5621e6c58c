// Helpers to create, find and change elements. Text is always inserted as text, never as markup.

type Child = Node | string | undefined;
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Creates an element. Attributes that are undefined or false are omitted; true sets an empty one.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for a part of a picture. */
export function shape<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes,
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return filled(element, attributes, children);
}

function filled<T extends Element>(
  element: T,
  attributes: Attributes,
  children: readonly Child[],
): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An icon from the sprite in index.html. */
export function icon(name: string): SVGSVGElement {
  const use = shape("use", { href: `#i-${name}` });
  return shape("svg", { class: "icon", "aria-hidden": "true" }, use);
}

/** An icon button; `label` is its accessible name and its tooltip. */
export function iconButton(name: string, label: string): HTMLButtonElement {
  const attributes = { class: "ghost", type: "button", "aria-label": label, title: label };
  return h("button", attributes, icon(name));
}

/** The element with this id. @throws Error if index.html does not have it. */
export function byId<T extends Element>(id: string, kind: abstract new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return element;
}

/** The dialog with this id. Its first button and Escape close it, without asking. */
export function dialogById(id: string, closed: () => void): HTMLDialogElement {
  const dialog = byId(id, HTMLDialogElement);
  dialog.querySelector(".buttons button")?.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", closed);
  return dialog;
}

/** Sets the text only if it differs, to avoid needless layout and screen reader announcements. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Marks a field as invalid and shows the problem, or clears both if `text` is empty. */
export function setProblem(field: HTMLElement, line: HTMLElement, text: string): void {
  setText(line, text);
  if (text === "") field.removeAttribute("aria-invalid");
  else field.setAttribute("aria-invalid", "true");
}

/** Makes `nodes` the children of `parent`, touching only those that are new, removed or moved. */
export function syncChildren(parent: Element, nodes: Iterable<Element>): void {
  const wanted = new Set(nodes);
  const focused = document.activeElement;
  for (const child of Array.from(parent.children)) if (!wanted.has(child)) child.remove();
  let place = parent.firstElementChild;
  for (const node of wanted) {
    if (place === node) place = node.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  // Moving a node takes the focus away from it.
  if (focused instanceof HTMLElement && parent.contains(focused)) focused.focus();
}

/** Saves `blob` as a download. Returns its address, which stays valid. */
export function saveFile(blob: Blob, name: string): string {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  return url;
}

/** Saves `blob` as a download. */
export function saveAs(blob: Blob, name: string): void {
  const url = saveFile(blob, name);
  // The browser reads the blob after the click. A minute is ample.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
