// What the page says in a browser that is too old for it, or where its script does not arrive.

import { expect } from "bun:test";
import { Tab } from "./browser.ts";
import { inChromium, pageRig } from "./page-rig.ts";

const rig = pageRig(() => {});

const sentence = "This page is still loading, or needs a newer browser, from 2024 or later.";

/** The form as one reads it, once everything that appears by itself has appeared. */
const seen = `(() => {
  for (const animation of document.getAnimations()) animation.finish();
  return document.querySelector("form").innerText.replaceAll(/\\s+/g, " ");
})()`;

inChromium("a browser without what the page needs is told so after a while", async () => {
  for (const motion of ["no-preference", "reduce"]) {
    for (const path of ["", "code"]) {
      using tab = await Tab.open("about:blank");
      const features = [{ name: "prefers-reduced-motion", value: motion }];
      await tab.cdp("Emulation.setEmulatedMedia", { features });
      await tab.beforeLoad("delete Promise.withResolvers");
      await tab.navigate(rig.url + path);
      expect(await tab.get<string>("document.querySelector('form').innerText")).not.toContain(
        sentence,
      );
      expect(await tab.get<string>(seen)).toContain(sentence);
    }
  }
});

inChromium("any other is not", async () => {
  for (const path of ["", "code"]) {
    using tab = await Tab.open(rig.url + path);
    await tab.until("document.querySelector('[type=submit]').disabled === false");
    expect(await tab.get<string>(seen)).not.toContain(sentence);
  }
});
