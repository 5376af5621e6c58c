// `--name` for commands that join no room: it says who the user is, but does not occupy the name.

import type { VisitorName } from "../io/host-port.ts";
import { personNameProblem } from "../dialects/reserved-names.ts";
import { ParleyError } from "../errors.ts";

export const visitorFlag = {
  type: "string",
  alias: "n",
  valueHint: "NAME",
  description:
    "Your name; a registered one needs your key or its password. Others don't see that you are there",
} as const;

/** `password`: from `--password-file`. @throws ParleyError `name-invalid` */
export function visitorOf(
  name: string | undefined,
  password: string | undefined,
): VisitorName | undefined {
  if (name === undefined) return undefined;
  const problem = personNameProblem(name);
  if (problem !== undefined) throw new ParleyError("name-invalid", problem);
  return { name, password };
}
