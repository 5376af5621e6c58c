// An entry in a list of received files: a link that saves the file again.

import { h, icon } from "../dom.ts";

export function savedFile(name: string, url: string): HTMLLIElement {
  // One element, or the link's layout would squeeze the words beside a long name.
  const words = h("span", {}, "Save ", h("bdi", {}, name), " again");
  return h("li", {}, h("a", { href: url, download: name }, icon("save"), words));
}
