// Avatars derived from names alone, so that they are the same everywhere and need no requests.
// `avatarOf` is pure; `drawAvatar` makes an element.

import { shape } from "./dom.ts";

export type Avatar = {
  /** The colours of the background, the half-plane and the disc. */
  colors: readonly [string, string, string];
  x: number;
  y: number;
  radius: number;
  angle: number;
  initial: string;
};

/** Backgrounds that a white letter stands out from, each with two matching colors. */
const palettes: readonly Avatar["colors"][] = [
  ["#31508c", "#4a7fb5", "#22335f"],
  ["#8c3b4a", "#bf6a5c", "#5f2440"],
  ["#2c6e5b", "#5b9a6f", "#1b4a4a"],
  ["#7a4a1e", "#a9772f", "#532f1c"],
  ["#5a3e8a", "#8a63b0", "#3a2a63"],
  ["#1f6a80", "#3f97a0", "#17465f"],
  ["#8a3a70", "#b3638f", "#5c2656"],
  ["#4d6327", "#7d8f3e", "#32471f"],
  ["#9a4326", "#c27a3c", "#6c2a22"],
  ["#4b5568", "#76839a", "#323a4c"],
  ["#2f5f3a", "#6d8f4a", "#1f4034"],
  ["#6d3f5b", "#a0607a", "#46284a"],
];

/** The avatar of `name`, ignoring case. */
export function avatarOf(name: string): Avatar {
  const seed = hash(name.toLowerCase());
  const part = (shift: number, range: number): number => (seed >>> shift) % range;
  return {
    colors: palettes[seed % palettes.length]!,
    x: 8 + part(5, 24),
    y: 6 + part(13, 28),
    radius: 11 + part(18, 9),
    angle: part(21, 180),
    initial: ([...name][0] ?? "?").toUpperCase(),
  };
}

/** The avatar as an element. It is decorative: the name is always shown next to it. */
export function drawAvatar(name: string): SVGSVGElement {
  const { colors, x, y, radius, angle, initial } = avatarOf(name);
  const [background, plane, disc] = colors;
  return shape(
    "svg",
    { viewBox: "0 0 40 40", class: "avatar", "aria-hidden": "true" },
    shape("rect", { width: 40, height: 40, fill: background }),
    shape("rect", {
      x: 20,
      y: -20,
      width: 60,
      height: 80,
      fill: plane,
      transform: `rotate(${angle} 20 20)`,
      opacity: 0.8,
    }),
    shape("circle", { cx: x, cy: y, r: radius, fill: disc, opacity: 0.75 }),
    shape("text", { x: 20, y: 20, class: "initial" }, initial),
  );
}

/** 32-bit FNV-1a with a final mix, so that short names differ in all bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
