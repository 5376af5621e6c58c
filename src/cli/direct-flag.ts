// `--no-direct`: whether files may be sent directly from machine to machine.

export const directFlag = {
  type: "boolean",
  default: true,
  description: "Send files directly where possible",
  negativeDescription:
    "Send files through the server only, so that others don't learn your address",
} as const;
