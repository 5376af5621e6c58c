// A picture for a name, drawn from nothing but the name: the same everywhere, asked of nobody. The shapes are pure numbers;
// drawing them is the only DOM here.

export type Avatar = {
  hue: number;
  accentHue: number;
  x: number;
  y: number;
  radius: number;
  angle: number;
  initial: string;
};

/** What the picture of `name` looks like; equal for equal names, whatever their letter case. */
export function avatarOf(name: string): Avatar {
  const seed = hash(name.toLowerCase());
  const part = (shift: number, range: number): number => (seed >>> shift) % range;
  const hue = part(0, 360);
  return {
    hue,
    accentHue: (hue + 40 + part(9, 90)) % 360,
    x: 8 + part(5, 24),
    y: 6 + part(13, 28),
    radius: 11 + part(18, 9),
    angle: part(21, 180),
    initial: ([...name][0] ?? "?").toUpperCase(),
  };
}

const svg = "http://www.w3.org/2000/svg";

/** The picture as an element; decoration only, as the name always stands beside it. */
export function drawAvatar(name: string): SVGSVGElement {
  const avatar = avatarOf(name);
  const picture = shape("svg", { viewBox: "0 0 40 40", class: "avatar", "aria-hidden": "true" });
  const letter = shape("text", { x: 20, y: 20, class: "initial" });
  letter.textContent = avatar.initial;
  picture.append(
    shape("rect", { width: 40, height: 40, fill: `hsl(${avatar.hue} 42% 38%)` }),
    shape("rect", {
      x: 20,
      y: -20,
      width: 60,
      height: 80,
      fill: `hsl(${avatar.accentHue} 38% 46%)`,
      transform: `rotate(${avatar.angle} 20 20)`,
      opacity: 0.55,
    }),
    shape("circle", {
      cx: avatar.x,
      cy: avatar.y,
      r: avatar.radius,
      fill: `hsl(${avatar.accentHue} 55% 32%)`,
      opacity: 0.7,
    }),
    letter,
  );
  return picture;
}

function shape<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number>,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(svg, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** FNV-1a, 32 bits, with a last mix so that short names differ in all bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
